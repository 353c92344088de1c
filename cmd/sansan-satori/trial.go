package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"sansansatori/plugins/report"
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
			&cli.StringFlag{Name: "lang", Value: "en", Usage: "language of the summary: en or ja"},
			&cli.StringFlag{Name: "every", Value: "3s", Usage: "with --serve: how often the link looks for changes"},
		},
		Action: func(c *cli.Context) error {
			lang, err := report.ParseLang(c.String("lang"))
			if err != nil {
				return err
			}
			t := &trial{out: c.App.Writer, config: c.String("config"), lang: lang}
			return t.run(c.Int("cards"), c.Bool("serve"), c.String("every"))
		},
	}
}

// trial is both services, and a folder for what the link keeps.
type trial struct {
	out    io.Writer
	config string
	lang   report.Lang
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
	journal, err := os.Open(filepath.Join(t.dir, "journal.jsonl"))
	if err != nil {
		return fmt.Errorf("the link wrote no journal: %w", err)
	}
	defer journal.Close()
	decided := report.New(false)
	if _, err := report.Read(journal, report.Period{}, func(e report.Entry) error { decided.Add(e); return nil }); err != nil {
		return err
	}
	dead, err := os.ReadFile(filepath.Join(t.dir, "dead_letters.jsonl"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	fmt.Fprintf(t.out, "\n%s\n", decided.Text(t.lang))
	fmt.Fprintf(t.out, "Took %.1f s. Dead letters: %d. Requests: %d to Sansan, %d to SATORI. SATORI now holds %d customers.\n",
		took.Seconds(), bytes.Count(dead, []byte("\n")), len(t.sansan.Requests()), len(t.satori.Requests()), t.satori.Len())
	return nil
}
