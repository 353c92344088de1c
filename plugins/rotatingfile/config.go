// Package rotatingfile is the output rotating_file: it appends lines to a file
// and puts the file away when it is large or old enough.
package rotatingfile

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
)

// Field names, in the order of the spec.
const (
	rfFieldPath     = "path"
	rfFieldMaxBytes = "max_bytes"
	rfFieldMaxAge   = "max_age"
	rfFieldKeep     = "keep"
	rfFieldKeepFor  = "keep_for"
)

func outputSpec() *service.ConfigSpec {
	return service.NewConfigSpec().
		Categories("Local").
		Summary("Appends messages to a file, each as a line, and puts the file away when it is large or old enough.").
		Description(`
A batch is written at once: when that fails, because the disk is full for instance, what was written of it is cut off again and the batch is tried again. When a crash has torn the last line of the file, the next line begins on its own. Nothing waits for the disk: a power cut may lose the last lines. Line breaks at the end of a message are replaced by one, those within it stay; empty messages are left out. New files are readable for this user only.

== Files put away

A file put away gets the time of its last change into its name, in Asia/Tokyo: `+"`journal.jsonl`"+` becomes `+"`journal-20261123T235959.jsonl`"+`, and the next of the same second `+"`journal-20261123T235959-2.jsonl`"+`. Only files with exactly such a name are ever deleted, and only when `+"`"+rfFieldKeep+"`"+` or `+"`"+rfFieldKeepFor+"`"+` asks for it: whenever a file is put away, and at the start. A file that cannot be deleted is told of in the log and stops nothing.

Files are looked at when something is to be written: without new lines nothing is put away. An empty file never is.

== Others and the file

Others may rename or delete the file while it is written to: a new one is begun. Two outputs with the same path are not supported, neither in one process nor in two: they would cut off each other's lines.
`).
		Fields(
			service.NewStringField(rfFieldPath).Description("The file. Missing folders are made.").Example("./data/journal.jsonl"),
			service.NewIntField(rfFieldMaxBytes).Description("A file that would grow past this many bytes is put away first. A batch is never divided: one that is larger has a file of its own. `0`: no limit.").Default(0).
				LintRule(notNegative(rfFieldMaxBytes)).Example(64<<20),
			service.NewDurationField(rfFieldMaxAge).Description("A file holds at most one period of this length, counted in Asia/Tokyo: with `24h` a day from midnight to midnight, with `168h` a week from Monday. `0s`: no limit.").Default("0s").
				LintRule(lasting(rfFieldMaxAge)).Example("24h"),
			service.NewIntField(rfFieldKeep).Description("How many of the files put away are kept, the newest. `0`: all.").Default(0).
				LintRule(notNegative(rfFieldKeep)),
			service.NewDurationField(rfFieldKeepFor).Description("How long a file put away is kept, counted from its last change as its name has it. `0s`: for ever.").Default("0s").
				LintRule(lasting(rfFieldKeepFor)).Example("2160h"),
		).
		Example("A journal a day, kept for 90 days", "", `
output:
  rotating_file:
    path: ${DATA_DIR:./data}/journal.jsonl
    max_age: 24h
    keep_for: 2160h
`)
}

func notNegative(field string) string {
	return fmt.Sprintf(`root = if this.type() == "number" && this < 0 { ["%s cannot be negative"] }`, field)
}

// lasting is the lint rule of a duration. Days are what people try first.
func lasting(field string) string {
	return fmt.Sprintf(`root = if this.type() == "string" && this.has_prefix("-") {
  ["%[1]s cannot be negative"]
} else if this.type() == "string" && !this.re_match("^$|^[+]?(0|([0-9.]+(ns|us|µs|μs|ms|s|m|h))+)$") {
  ["%[1]s is no duration: write it in hours, such as 24h for a day"]
}`, field)
}

func init() {
	service.MustRegisterBatchOutput("rotating_file", outputSpec(),
		func(p *service.ParsedConfig, res *service.Resources) (service.BatchOutput, service.BatchPolicy, int, error) {
			conf, err := configFromParsed(p)
			if err != nil {
				return nil, service.BatchPolicy{}, 0, err
			}
			// Lines keep their order: one batch after the other.
			return newOutput(conf, res.Logger()), service.BatchPolicy{}, 1, nil
		})
}

type config struct {
	path     string
	maxBytes int64
	maxAge   time.Duration
	keep     int
	keepFor  time.Duration
}

func configFromParsed(p *service.ParsedConfig) (c config, err error) {
	if c.path, err = p.FieldString(rfFieldPath); err != nil {
		return
	}
	if c.path == "" {
		err = errors.New("path is empty: name the file to write to")
		return
	}
	c.path = filepath.Clean(c.path)
	maxBytes, err := wholeFromParsed(p, rfFieldMaxBytes)
	if err != nil {
		return
	}
	c.maxBytes = int64(maxBytes)
	if c.maxAge, err = durationFromParsed(p, rfFieldMaxAge); err != nil {
		return
	}
	if c.keep, err = wholeFromParsed(p, rfFieldKeep); err != nil {
		return
	}
	c.keepFor, err = durationFromParsed(p, rfFieldKeepFor)
	return
}

// wholeFromParsed refuses what lint refuses: a file may be run unlinted.
func wholeFromParsed(p *service.ParsedConfig, field string) (int, error) {
	n, err := p.FieldInt(field)
	if err == nil && n < 0 {
		err = fmt.Errorf("%s cannot be negative", field)
	}
	return n, err
}

func durationFromParsed(p *service.ParsedConfig, field string) (time.Duration, error) {
	d, err := p.FieldDuration(field)
	if err == nil && d < 0 {
		err = fmt.Errorf("%s cannot be negative", field)
	}
	return d, err
}
