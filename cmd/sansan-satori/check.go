package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/urfave/cli/v2"

	"sansansatori/plugins/apicall"
	"sansansatori/plugins/items"
	"sansansatori/plugins/ledger"
	"sansansatori/plugins/pipelinefile"
	"sansansatori/plugins/preview"
)

const (
	checkTimeout = 30 * time.Second
	// mostSkew of this machine's clock: sansan_input reads up to a little before
	// now, so that a fast clock would leave out cards for a while.
	mostSkew = 30 * time.Second
	// leastFree space for ledger and journal, in bytes.
	leastFree = 200 << 20
)

// checkCommand says, a line a check, whether a pipeline could run.
func checkCommand() *cli.Command {
	return &cli.Command{
		Name:      "check",
		Usage:     "Check keys, rights, reachability, clock, disk, custom items and ledger of a pipeline",
		ArgsUsage: "CONFIG",
		Flags:     append(pipelineFlags(), &cli.DurationFlag{Name: "timeout", Value: checkTimeout, Usage: "for each request"}),
		Action: func(c *cli.Context) error {
			path, err := onePipeline(c)
			if err != nil {
				return err
			}
			l := &checklist{out: c.App.Writer}
			p, err := pipelineOf(c, path)
			l.say("configuration", err, "no lint, all variables set")
			if err == nil {
				l.ends(c.Context, p, c.Duration("timeout"))
				l.customItems(p)
				l.ledger(c.Context, p)
			}
			l.disk(dataDir())
			if l.failed > 0 {
				return fmt.Errorf("check: %d of %d checks failed", l.failed, l.all)
			}
			return nil
		},
	}
}

// checklist prints a line for each check.
type checklist struct {
	out         io.Writer
	all, failed int
}

func (l *checklist) say(what string, err error, fine string, args ...any) {
	l.all++
	mark, text := "ok  ", fmt.Sprintf(fine, args...)
	if err != nil {
		l.failed++
		mark, text = "FAIL", err.Error()
	}
	fmt.Fprintf(l.out, "%s  %-22s %s\n", mark, what, strings.ReplaceAll(text, "\n", "\n      "))
}

// ends looks at both services: are they there, do clocks agree, are keys taken.
func (l *checklist) ends(ctx context.Context, p *pipelinefile.Pipeline, timeout time.Duration) {
	reachable := true
	for _, end := range []struct{ name, component string }{{"Sansan", "sansan_input"}, {"SATORI", "satori_output"}} {
		seen := map[string]bool{}
		for _, conf := range p.Components(end.component) {
			base := baseURL(end.component, conf)
			if seen[base] {
				continue
			}
			seen[base] = true
			reachable = l.service(ctx, end.name, base, timeout) && reachable
		}
	}
	if !reachable {
		l.say("keys", errors.New("not tried: a service is out of reach"), "")
		return
	}
	stream, err := preview.Stream(p, slog.DiscardHandler)
	if err != nil {
		l.say("keys", err, "")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*timeout)
	defer cancel()
	results, err := stream.ConnectionTest(ctx)
	if err != nil {
		l.say("keys", err, "")
		return
	}
	for _, r := range results {
		if errors.Is(r.Err, service.ErrConnectionTestNotSupported) {
			continue // of our own stand-ins
		}
		what, fine := "SATORI key, rights", "taken, with the right to ask for bulk jobs"
		if isInput(r.Path) {
			what, fine = "Sansan key, rights", "taken; tags that are asked for exist"
		}
		if r.Label != "" {
			fine += " (" + r.Label + ")"
		}
		l.say(what, r.Err, "%s", fine)
	}
}

func isInput(path []string) bool {
	for _, part := range path {
		if part == "input" {
			return true
		}
		if part == "output" {
			return false
		}
	}
	return false
}

func baseURL(component string, conf map[string]any) string {
	read := pipelinefile.InputFields
	if component == "satori_output" {
		read = pipelinefile.OutputFields
	}
	f, err := read(service.GlobalEnvironment(), component, conf)
	if err != nil {
		return ""
	}
	return f.Text("base_url")
}

// service asks without any key: whatever the answer, its Date tells the time.
func (l *checklist) service(ctx context.Context, name, base string, timeout time.Duration) bool {
	host := base
	if u, err := url.Parse(base); err == nil {
		host = u.Host
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base, nil)
	if err != nil {
		l.say(name+" reachable", errors.New("base_url is no URL"), "")
		return false
	}
	caller := apicall.New(apicall.Config{Timeout: timeout})
	defer caller.Close()
	asked := time.Now()
	answer, err := caller.Do(ctx, "check", req)
	took := time.Since(asked)
	l.say(name+" reachable", err, "%s answered in %d ms", host, took.Milliseconds())
	if err != nil {
		return false
	}
	date, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		l.say("clock by "+name, nil, "%s does not tell the time: not compared", name)
		return true
	}
	skew := asked.Add(took / 2).Sub(date)
	err = nil
	if skew.Abs() > mostSkew {
		err = fmt.Errorf("this machine is %s off %s's clock: set it by NTP, else cards are read late or twice", skew.Round(time.Second), name)
	}
	l.say("clock by "+name, err, "within %s", max(skew.Abs().Round(time.Second), time.Second))
	return true
}

func (l *checklist) customItems(p *pipelinefile.Pipeline) {
	for _, conf := range p.Components("satori_output") {
		path, _ := conf["custom_items"].(string)
		if path == "" {
			l.say("custom items", nil, "no master CSV is configured: identifiers and types are not checked")
			continue
		}
		_, err := items.ReadMaster(path)
		l.say("custom items", err, "%s is readable and fits the fields", path)
	}
}

func (l *checklist) ledger(ctx context.Context, p *pipelinefile.Pipeline) {
	conf, err := ledgerIn(p)
	var stats ledger.Stats
	if err == nil {
		stats, err = statsOf(ctx, conf)
	}
	l.say("ledger", err, "%s: %d customers, %d open writes", conf.Driver, stats.Customers, stats.Open)
	if err == nil && stats.Customers == 0 {
		fmt.Fprintf(l.out, "      it is empty: run config/import.yaml first if SATORI holds customers already\n")
	}
}

func statsOf(ctx context.Context, conf ledger.Config) (stats ledger.Stats, err error) {
	conf.ReadOnly = true
	store, err := ledger.OpenBeside(ctx, conf)
	if err != nil {
		return stats, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return store.Stats(ctx)
}

// disk tries to write where the link would, and leaves nothing behind.
func (l *checklist) disk(dir string) {
	made := ""
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			l.say("data folder", fmt.Errorf("%w: create it, or set DATA_DIR", err), "")
			return
		}
		made = dir
	}
	err := tryWriting(dir)
	free, known := freeBytes(dir)
	if made != "" {
		_ = os.Remove(made)
	}
	l.say("data folder", err, "%s can be written", dir)
	if known {
		err = nil
		if free < leastFree {
			err = fmt.Errorf("%d MB are free: ledger and journal need more", free>>20)
		}
		l.say("disk space", err, "%d MB are free", free>>20)
	}
}

func tryWriting(dir string) error {
	file, err := os.CreateTemp(dir, ".check-")
	if err != nil {
		return err
	}
	_, err = file.WriteString("check")
	return errors.Join(err, file.Sync(), file.Close(), os.Remove(file.Name()))
}
