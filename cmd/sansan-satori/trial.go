package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"sansansatori/tests/sansansim"
	"sansansatori/tests/satorisim"
)

// trialCommand runs the shipped pipeline against both services on this machine.
func trialCommand() *cli.Command {
	return &cli.Command{
		Name:  "trial",
		Usage: "Run the main job against simulators of both services on this machine, and say what happened",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "serve", Usage: "keep both services and the link running, to play with"},
			&cli.IntFlag{Name: "cards", Value: 400, Usage: "number of sample cards"},
			&cli.StringFlag{Name: "config", Value: "config/sync.yaml", Usage: "the pipeline to run"},
			&cli.StringFlag{Name: "every", Value: "3s", Usage: "with --serve: how often the link looks for changes"},
		},
		Action: func(c *cli.Context) error {
			t := &trial{out: c.App.Writer, config: c.String("config")}
			return t.run(c.Int("cards"), c.Bool("serve"), c.String("every"))
		},
	}
}

// trial is both services, and a folder for what the link keeps.
type trial struct {
	out    io.Writer
	config string
	dir    string
	sansan *sansansim.Sim
	satori *satorisim.Sim
}

func (t *trial) run(cards int, serve bool, every string) error {
	if _, err := os.Stat(t.config); err != nil {
		return fmt.Errorf("reading the pipeline: %w: run the trial from the folder that holds config/ and bloblang/", err)
	}
	var err error
	if t.dir, err = os.MkdirTemp("", "sansan-satori-trial-"); err != nil {
		return err
	}
	defer os.RemoveAll(t.dir)
	t.sansan, t.satori = sansansim.New(), satorisim.New(satorisim.Defaults())
	t.sansan.LoadSample(cards, 2026)
	sansanURL, stop, err := startAt(t.sansan.StartAt, serve, "127.0.0.1:8081")
	if err != nil {
		return err
	}
	defer stop()
	satoriURL, stop, err := startAt(t.satori.StartAt, serve, "127.0.0.1:8082")
	if err != nil {
		return err
	}
	defer stop()
	keys := t.satori.Keys()
	for name, value := range map[string]string{
		"SANSAN_API_KEY": sansansim.Key, "SANSAN_BASE_URL": sansanURL + "/v3.2", "SATORI_BASE_URL": satoriURL,
		"SATORI_USER_KEY": keys.UserKey, "SATORI_USER_SECRET": keys.UserSecret,
		"SATORI_COMPANY_KEY": keys.CompanyKey, "SATORI_COMPANY_SECRET": keys.CompanySecret,
		"DATA_DIR": t.dir, "SCHEDULE": "once",
	} {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	fmt.Fprintf(t.out, "Two simulated services on this machine: %d cards in Sansan, an empty SATORI. Running %s once …\n", len(t.sansan.Cards()), t.config)
	began := time.Now()
	if err := t.link(); err != nil {
		return err
	}
	if err := t.summary(time.Since(began)); err != nil {
		return err
	}
	if !serve {
		fmt.Fprintln(t.out, "\nTo look at both services and play with them: make serve")
		return nil
	}
	fmt.Fprintf(t.out, "\nThe cards in Sansan:       %s/\nThe customers in SATORI:   %s/\nChange a card in the one; within seconds it arrives in the other. Ctrl-C ends it.\n", sansanURL, satoriURL)
	if err := os.Setenv("SCHEDULE", "@every "+every); err != nil {
		return err
	}
	return t.link()
}

// startAt prefers a fixed port when people are to open it.
func startAt(start func(string) (string, func(), error), fixed bool, address string) (string, func(), error) {
	if fixed {
		if url, stop, err := start(address); err == nil {
			return url, stop, nil
		}
	}
	return start("127.0.0.1:0")
}

// link runs the pipeline as a process of its own: just what a user would run.
func (t *trial) link() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	proc, err := os.StartProcess(self, []string{
		self, "run", "--set", "http.enabled=false", "--log.level", "WARN", t.config,
	}, &os.ProcAttr{Env: os.Environ(), Files: []*os.File{nil, os.Stdout, os.Stderr}})
	if err != nil {
		return fmt.Errorf("starting the link: %w", err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	go func() {
		for s := range signals {
			_ = proc.Signal(s)
		}
	}()
	defer close(signals)
	state, err := proc.Wait()
	if err != nil {
		return fmt.Errorf("running the link: %w", err)
	}
	if !state.Success() {
		return errors.New("the link ended with an error, see above")
	}
	return nil
}

// summary says what the journal says.
func (t *trial) summary(took time.Duration) error {
	counts, total, err := countJournal(filepath.Join(t.dir, "journal.jsonl"))
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "\n%d cards were read and decided in %.1f s:\n", total, took.Seconds())
	var lines []string
	for line := range counts {
		lines = append(lines, line)
	}
	slices.SortFunc(lines, func(a, b string) int { return counts[b] - counts[a] })
	for _, line := range lines {
		fmt.Fprintf(t.out, "  %6d  %s\n", counts[line], line)
	}
	dead, err := countLines(filepath.Join(t.dir, "dead_letters.jsonl"))
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "  %6d  dead letters (refused customers, with SATORI's words)\n", dead)
	fmt.Fprintf(t.out, "Requests: %d to Sansan, %d to SATORI. SATORI now holds %d customers.\n",
		len(t.sansan.Requests()), len(t.satori.Requests()), t.satori.Len())
	return nil
}

// words of the journal, for people.
var words = map[string]string{
	"register new": "registered: new customers", "upsert new": "written: new customers",
	"upsert changed": "updated: a newer card", "register changed": "blanks filled",
	"skip unchanged": "skipped: nothing changed", "skip older": "skipped: an older card than the one held",
	"skip exists": "skipped: the customer exists", "invalid no_email": "not possible: no e-mail address on the card",
	"invalid malformed_email": "not possible: the e-mail address is malformed",
}

func countJournal(path string) (map[string]int, int, error) {
	counts, total := map[string]int{}, 0
	err := eachLine(path, func(line []byte) error {
		var e struct{ Action, Reason string }
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("reading the journal: %w", err)
		}
		name, ok := words[e.Action+" "+e.Reason]
		if !ok {
			name = e.Action + ": " + e.Reason
		}
		counts[name]++
		total++
		return nil
	})
	return counts, total, err
}

func countLines(path string) (n int, err error) {
	err = eachLine(path, func([]byte) error { n++; return nil })
	return
}

func eachLine(path string, do func([]byte) error) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		if err := do(lines.Bytes()); err != nil {
			return err
		}
	}
	return lines.Err()
}
