package main

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"sansansatori/plugins/report"
	"sansansatori/plugins/sealing"
)

// reportCommand tells what the journal says of a period.
func reportCommand() *cli.Command {
	return &cli.Command{
		Name:  "report",
		Usage: "Say what was done, from the journal: a summary, and a report for a browser",
		Flags: append([]cli.Flag{
			&cli.StringSliceFlag{Name: "journal", Usage: "`FILE` or pattern of files, gzip too (default: DATA_DIR/journal*.jsonl)"},
			&cli.StringFlag{Name: "since", Usage: "beginning of the period: 24h, 7d, 2026-11-01 or a time"},
			identity(),
			&cli.StringFlag{Name: "until", Usage: "end of the period, in the same forms"},
		}, outputFlags()...),
		Action: func(c *cli.Context) error {
			lang, err := report.ParseLang(c.String("lang"))
			if err != nil {
				return err
			}
			period, err := periodOf(c)
			if err != nil {
				return err
			}
			files, err := journalsOf(c.StringSlice("journal"))
			if err != nil {
				return err
			}
			keys, err := keysOf(c)
			if err != nil {
				return err
			}
			r := report.New(c.String("html") != "")
			bad := 0
			for _, file := range files {
				n, err := readJournal(file, keys, period, r)
				if err != nil {
					return err
				}
				bad += n
			}
			r.SetBad(bad)
			return hand(c, r, lang, strings.Join(files, ", "))
		},
	}
}

func periodOf(c *cli.Context) (p report.Period, err error) {
	now := time.Now()
	if p.From, err = report.ParseSince(c.String("since"), now); err != nil {
		return p, err
	}
	if p.To, err = report.ParseSince(c.String("until"), now); err != nil {
		return p, fmt.Errorf("until: %w", err)
	}
	return p, nil
}

// journalsOf finds the files, each once, in the order of their names.
func journalsOf(patterns []string) ([]string, error) {
	if len(patterns) == 0 {
		patterns = []string{filepath.Join(dataDir(), journalFiles)}
	}
	var files []string
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fmt.Errorf("journal: %s: %w", pattern, err)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("journal: there is no file %s: no run has decided anything, or DATA_DIR is another one", pattern)
		}
		files = append(files, found...)
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

func readJournal(path string, keys sealing.Keys, period report.Period, r *report.Report) (bad int, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("journal: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var lines io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		if lines, err = gzip.NewReader(file); err != nil {
			return 0, fmt.Errorf("journal: %s: %w", path, err)
		}
	}
	return report.Read(keys.Lines(lines), period, func(e report.Entry) error { r.Add(e); return nil })
}
