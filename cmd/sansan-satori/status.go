package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/urfave/cli/v2"

	"sansansatori/plugins/ledger"
	"sansansatori/plugins/pipelinefile"
	"sansansatori/plugins/preview"
	"sansansatori/plugins/report"
	"sansansatori/plugins/sansaninput"
	"sansansatori/plugins/sealing"
)

// statusCommand says where the link stands; it needs no keys and calls no service.
func statusCommand() *cli.Command {
	return &cli.Command{
		Name:  "status",
		Usage: "Say where the link stands: last run, cursor, counts, dead letters waiting, next run",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Value: shippedPipeline, Usage: "the pipeline"},
			identity(),
			&cli.BoolFlag{Name: "json", Usage: "print as JSON"},
		},
		Action: func(c *cli.Context) error {
			keys, err := keysOf(c)
			if err != nil {
				return err
			}
			s, err := statusOf(c.Context, c.String("config"), keys, time.Now())
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return printJSON(c, s)
			}
			s.print(c.App.Writer, time.Now())
			return nil
		},
	}
}

// reader is where one sansan_input stands.
type reader struct {
	sansaninput.Progress
	Schedule string    `json:"schedule"`
	Next     time.Time `json:"next_run,omitzero"`
	Trouble  string    `json:"trouble,omitempty"`
}

type status struct {
	Ready       bool           `json:"ready"`
	NotReady    string         `json:"not_ready,omitempty"`
	Readers     []reader       `json:"readers"`
	Ledger      ledger.Stats   `json:"ledger"`
	DeadLetters int            `json:"dead_letters"`
	LastDay     []report.Count `json:"last_24_hours"`
}

func statusOf(ctx context.Context, path string, keys sealing.Keys, now time.Time) (s status, err error) {
	p, err := keyless(ctx, path)
	if err != nil {
		return s, err
	}
	if s.Readers, err = readersOf(ctx, p, now); err != nil {
		return s, err
	}
	conf, err := ledgerIn(p)
	if err != nil {
		return s, err
	}
	if s.Ledger, err = statsOf(ctx, conf); err != nil {
		return s, err
	}
	if s.DeadLetters, err = countLetters(filepath.Join(dataDir(), deadLettersFile)); err != nil {
		return s, err
	}
	if s.LastDay, err = lastDay(filepath.Join(dataDir(), journalFiles), keys, now); err != nil {
		return s, err
	}
	asking, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := ready(asking, httpAddress()); err != nil {
		s.NotReady = err.Error()
	} else {
		s.Ready = true
	}
	return s, nil
}

// readersOf reads each cursor through the cache the pipeline names.
func readersOf(ctx context.Context, p *pipelinefile.Pipeline, now time.Time) ([]reader, error) {
	stream, err := preview.Stream(p, slog.DiscardHandler)
	if err != nil {
		return nil, err
	}
	var readers []reader
	for _, conf := range p.Components("sansan_input") {
		f, err := pipelinefile.InputFields(service.GlobalEnvironment(), "sansan_input", conf)
		if err != nil {
			return nil, err
		}
		r := reader{Schedule: f.Text("schedule")}
		if r.Progress, err = sansaninput.ReadProgress(ctx, stream.Resources(), f.Text("checkpoint_cache"), f.Text("checkpoint_cache_key")); err != nil {
			r.Trouble = err.Error()
		}
		if r.Next, err = sansaninput.NextRun(r.Schedule, r.LastRun, now); err != nil {
			return nil, err
		}
		readers = append(readers, r)
	}
	return readers, nil
}

// countLetters counts the lines that are not blank.
func countLetters(path string) (n int, err error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer file.Close()
	lines := bufio.NewReaderSize(file, 64<<10)
	for {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			n++
		}
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// tailBytes of a journal are read for the last day: enough for about a quarter of
// a million decisions.
const tailBytes = 64 << 20

func lastDay(pattern string, keys sealing.Keys, now time.Time) ([]report.Count, error) {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	r := report.New(false)
	for _, path := range files {
		if err := addLastDay(r, path, keys, now.Add(-24*time.Hour)); err != nil {
			return nil, err
		}
	}
	return append([]report.Count{}, r.Counts()...), nil
}

func addLastDay(r *report.Report, path string, keys sealing.Keys, since time.Time) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) { // put away at this moment
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.ModTime().Before(since) {
		return err
	}
	if info.Size() > tailBytes {
		if _, err := file.Seek(-tailBytes, io.SeekEnd); err != nil {
			return err
		}
	}
	_, err = report.Read(keys.Lines(file), report.Period{From: since}, func(e report.Entry) error { r.Add(e); return nil })
	return err
}

func (s status) print(w io.Writer, now time.Time) {
	say := func(what, format string, args ...any) {
		fmt.Fprintf(w, "%-14s %s\n", what, fmt.Sprintf(format, args...))
	}
	say("link", "%s", map[bool]string{true: "ready", false: s.NotReady}[s.Ready])
	for _, r := range s.Readers {
		if r.Trouble != "" {
			say("cursor", "%s: the next run reads everything again", r.Trouble)
		}
		say("last run", "%s", moment(r.LastRun, now))
		say("cursor", "%s", moment(r.Position, now))
		say("full read", "%s", moment(r.LastFull, now))
		say("schedule", "%s; next run %s", r.Schedule, cmp.Or(clockOrEmpty(r.Next), "when it is started"))
	}
	say("ledger", "%d customers, %d cards, %d open writes; last write %s", s.Ledger.Customers, s.Ledger.Cards, s.Ledger.Open, moment(s.Ledger.LastWrite, now))
	say("dead letters", "%d waiting", s.DeadLetters)
	for i, count := range s.LastDay {
		say(map[bool]string{true: "last 24 hours"}[i == 0], "%7d  %s: %s", count.Cards, report.English.Action(count.Action), report.English.Reason(count.Reason))
	}
}

func clockOrEmpty(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(report.Japan).Format("2006-01-02 15:04:05 JST")
}

// moment is a time and how long ago it was.
func moment(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return fmt.Sprintf("%s, %s ago", clockOrEmpty(t), now.Sub(t).Round(time.Second))
}
