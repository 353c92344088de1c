// Package exportinput is the input satori_export: the customers of a CSV file
// that SATORI's admin screen exported, row by row, however large or broken.
package exportinput

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/redpanda-data/benthos/v4/public/service"

	"sansansatori/plugins/csvfile"
	"sansansatori/plugins/oneshot"
)

// Field names, in the order of the spec.
const (
	eiFieldPath      = "path"
	eiFieldEncoding  = "encoding"
	eiFieldBatchSize = "batch_size"
	eiFieldMaxRecord = "max_record_bytes"
)

// metaLine tells the line of the file at which a row begins, the header is 1.
const metaLine = "line"

// maxBatchBytes bounds a batch of long rows, maxBatchCells one of wide rows.
const (
	maxBatchBytes = 8 << 20
	maxBatchCells = 250_000
)

// columnEmail is the column without which no row is a customer.
const columnEmail = "email"

func inputSpec() *service.ConfigSpec {
	return service.NewConfigSpec().
		Categories("Services").
		Summary("Reads the customers that SATORI's admin screen exported as CSV.").
		Description(`
A message is one row: an object with SATORI's item names, as the header has them, as keys and texts as values. Memory stays small however large the file is.

A row that cannot be read (another number of cells than the header, bytes that are not of the encoding, an unclosed quote, longer than `+"`"+eiFieldMaxRecord+"`"+`) becomes an empty object that bears the error, so that `+"`satori_ledger` and `reject_errored`"+` report it by its line; reading goes on at the next line. The input ends with the file. A file that is missing, empty or no export of customers ends the start.

== Metadata

- `+"`line`"+`: the line of the file at which the row begins; the header is line 1.
`).
		Fields(
			service.NewStringField(eiFieldPath).Description("The CSV file. A relative path counts from the working directory.").Example("./export.csv"),
			service.NewStringAnnotatedEnumField(eiFieldEncoding, map[string]string{
				string(csvfile.Auto):  "Looks at the whole file first.",
				string(csvfile.UTF8):  "UTF-8, with or without byte order mark.",
				string(csvfile.CP932): "Microsoft's Shift-JIS.",
			}).Description("How the file's characters are written.").Default(string(csvfile.Auto)),
			service.NewIntField(eiFieldBatchSize).Description("The most rows of a batch.").Default(5000).
				LintRule(`root = if this.type() == "number" && this < 1 { ["`+eiFieldBatchSize+` must be at least 1"] }`).Advanced(),
			service.NewIntField(eiFieldMaxRecord).Description("The longest row, in bytes.").Default(1<<20).
				LintRule(`root = if this.type() == "number" && this < 1024 { ["`+eiFieldMaxRecord+` must be at least 1024"] }`).Advanced(),
			service.NewAutoRetryNacksToggleField(),
		)
}

func init() {
	service.MustRegisterBatchInput("satori_export", inputSpec(),
		func(p *service.ParsedConfig, _ *service.Resources) (service.BatchInput, error) {
			conf, err := configFromParsed(p)
			if err != nil {
				return nil, err
			}
			oneshot.Arm() // a file is read once: what goes wrong ends the process
			in, err := open(conf)
			if err != nil {
				return nil, err
			}
			return service.AutoRetryNacksBatchedToggled(p, in)
		})
}

type config struct {
	path      string
	encoding  csvfile.Encoding
	batchSize int
	maxRecord int
}

func configFromParsed(p *service.ParsedConfig) (c config, err error) {
	if c.path, err = p.FieldString(eiFieldPath); err != nil {
		return
	}
	if c.path == "" {
		err = errors.New("path is empty: name the CSV file that SATORI exported (EXPORT_CSV with config/import.yaml)")
		return
	}
	encoding, err := p.FieldString(eiFieldEncoding)
	if err != nil {
		return
	}
	c.encoding = csvfile.Encoding(encoding)
	if c.batchSize, err = p.FieldInt(eiFieldBatchSize); err != nil {
		return
	}
	c.maxRecord, err = p.FieldInt(eiFieldMaxRecord)
	return
}

// input reads one file once.
type input struct {
	conf config

	mu     sync.Mutex // Close may come while a batch is being read
	file   *os.File
	rows   *csvfile.Reader
	header []string
	ended  bool
}

// open finds out whether the file is an export before anything else starts.
func open(conf config) (in *input, err error) {
	file, err := os.Open(conf.path)
	if err != nil {
		return nil, fmt.Errorf("opening the export: %w", err)
	}
	in = &input{conf: conf, file: file}
	if err = in.begin(); err != nil {
		return nil, errors.Join(fmt.Errorf("reading %s: %w", conf.path, err), file.Close())
	}
	return in, nil
}

func (in *input) begin() (err error) {
	info, err := in.file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("it is no file")
	}
	encoding := in.conf.encoding
	if encoding == csvfile.Auto {
		if encoding, err = csvfile.Detect(in.file); err != nil {
			return err
		}
		if _, err = in.file.Seek(0, io.SeekStart); err != nil {
			return err
		}
	}
	in.rows = csvfile.NewReader(in.file, encoding, in.conf.maxRecord)
	head, err := in.rows.Read()
	if errors.Is(err, io.EOF) {
		return errors.New("it is empty")
	}
	if err != nil {
		return err
	}
	in.header = make([]string, len(head.Cells))
	for i, name := range head.Cells {
		in.header[i] = strings.TrimSpace(name)
	}
	return checkHeader(in.header)
}

// checkHeader names no cell before it knows that this is a header: the first
// line may be somebody's data.
func checkHeader(header []string) error {
	if !slices.Contains(header, columnEmail) {
		return fmt.Errorf("its first line has no column `%s`: export the customers from SATORI with item names as header", columnEmail)
	}
	seen := make(map[string]bool, len(header))
	for _, name := range header {
		if seen[name] && name != "" {
			return fmt.Errorf("the column `%s` is there twice", name)
		}
		seen[name] = true
	}
	return nil
}

func (in *input) Connect(context.Context) error { return nil }

// ReadBatch gives the next rows. The engine's acknowledgement changes nothing: an
// import that was cut is begun again.
func (in *input) ReadBatch(ctx context.Context) (service.MessageBatch, service.AckFunc, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	var batch service.MessageBatch
	size, cells := 0, 0
	for !in.ended && len(batch) < in.conf.batchSize && size < maxBatchBytes && cells < maxBatchCells {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		row, err := in.rows.Read()
		var broken *csvfile.RecordError
		switch {
		case errors.Is(err, io.EOF):
			in.ended = true
			continue
		case err != nil && !errors.As(err, &broken):
			err = fmt.Errorf("reading %s: %w", in.conf.path, err)
			oneshot.Fail(err)
			return nil, nil, err
		}
		batch = append(batch, in.message(row, err))
		size += row.Size
		cells += len(in.header)
	}
	if len(batch) == 0 {
		return nil, nil, service.ErrEndOfInput
	}
	return batch, func(context.Context, error) error { return nil }, nil
}

func (in *input) message(row csvfile.Record, err error) *service.Message {
	m := service.NewMessage(nil)
	m.MetaSetMut(metaLine, int64(row.Line))
	customer := make(map[string]any, len(in.header))
	switch {
	case err != nil:
		var broken *csvfile.RecordError
		if errors.As(err, &broken) { // its line travels as metadata
			err = errors.New(broken.Reason)
		}
	case len(row.Cells) != len(in.header):
		err = fmt.Errorf("%d cells, but the header has %d", len(row.Cells), len(in.header))
	default:
		for i, name := range in.header {
			if name != "" {
				customer[name] = row.Cells[i]
			}
		}
	}
	m.SetStructuredMut(customer)
	if err != nil {
		m.SetError(err)
	}
	return m
}

// Close may be called twice, and while a batch is being read.
func (in *input) Close(context.Context) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.ended = true
	if in.file == nil {
		return nil
	}
	file := in.file
	in.file = nil
	return file.Close()
}
