package csvfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Record is one row of a file.
type Record struct {
	Line  int // where it begins; the file's first line is 1
	Size  int // bytes in the file
	Cells []string
}

// RecordError is a record that cannot be read. Reading can go on. It names no
// value: rows are personal data.
type RecordError struct {
	Line   int
	Reason string
}

func (e *RecordError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// Reader reads records. Separators are looked for in the bytes as they are: in
// cp932, too, no comma, quote or line break is ever part of another character.
type Reader struct {
	src      io.Reader
	encoding Encoding
	limit    int // bytes of a record
	line     int // of the next byte

	window []byte // what was read of src and may be wanted
	start  int    // of the record at hand, in window
	at     int    // the next byte, in window
	cells  []span
	clean  []byte
}

// span is a cell's place in its record, without its quotes.
type span struct {
	from, to int
	doubled  bool // holds doubled quotes
}

// chunk is how much is read of the source at once.
const chunk = 64 << 10

// NewReader reads r, which holds UTF8 or CP932. No record may be longer than
// limit bytes: a quote that never closes would swallow the rest of the file.
func NewReader(r io.Reader, e Encoding, limit int) *Reader {
	return &Reader{src: r, encoding: e, limit: limit}
}

// Read gives the next record, skipping empty lines; io.EOF at the end, a
// *RecordError for one that is broken, any other error when the source fails.
func (r *Reader) Read() (Record, error) {
	if r.line == 0 {
		r.line = 1
		if err := r.skipMark(); err != nil {
			return Record{}, err
		}
	}
	for {
		begun := r.line
		r.start = r.at
		err := r.scan()
		if err != nil {
			var broken *RecordError
			if errors.As(err, &broken) {
				err = r.resume(broken)
			}
			return Record{Line: begun}, err
		}
		if len(bytes.TrimRight(r.raw(), "\r\n")) > 0 {
			return r.record(begun)
		}
	}
}

func (r *Reader) skipMark() error {
	for range byteOrderMark {
		if _, err := r.next(); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	if !bytes.Equal(r.raw(), byteOrderMark) {
		r.at = 0
	}
	return nil
}

// raw is what was read of the record at hand.
func (r *Reader) raw() []byte { return r.window[r.start:r.at] }

func (r *Reader) record(begun int) (Record, error) {
	rec := Record{Line: begun, Size: len(r.raw()), Cells: make([]string, len(r.cells))}
	for i, c := range r.cells {
		raw := r.raw()[c.from:c.to]
		if c.doubled {
			raw = r.undouble(raw)
		}
		text, ok := r.encoding.text(raw)
		if !ok {
			return rec, &RecordError{begun, fmt.Sprintf("column %d holds bytes that are not %s", i+1, r.encoding)}
		}
		rec.Cells[i] = text
	}
	return rec, nil
}

func (r *Reader) undouble(raw []byte) []byte {
	r.clean = r.clean[:0]
	for i := 0; i < len(raw); i++ {
		r.clean = append(r.clean, raw[i])
		if raw[i] == '"' {
			i++ // every quote in here is one of two
		}
	}
	return r.clean
}

// Where the scanner is in a cell.
const (
	atStart = iota
	plain
	quoted
	afterQuote
	afterReturn // CR after a closing quote
)

// scan finds the cells of the next record. Its places count from the record's
// first byte: the window moves.
func (r *Reader) scan() error {
	r.cells = r.cells[:0]
	cell, state, begun := span{}, atStart, r.line
	for {
		r.skip(state)
		b, err := r.next()
		size := r.at - r.start
		switch {
		case size > r.limit:
			return &RecordError{begun, fmt.Sprintf("the record is longer than %d bytes: does a quote never close?", r.limit)}
		case err == nil:
		case !errors.Is(err, io.EOF):
			return err
		case size == 0:
			return io.EOF
		case state == quoted:
			return &RecordError{begun, "a quote that opens in this record never closes"}
		default:
			r.endCell(cell, state, size)
			return nil
		}
		if b == '\n' {
			r.line++
		}
		switch {
		case state == quoted:
			if b == '"' {
				cell.to, state = size-1, afterQuote
			}
		case state == afterQuote && b == '"':
			cell.doubled, state = true, quoted
		case b == '\n':
			r.endCell(cell, state, size-1)
			return nil
		case b == ',' && state != afterReturn:
			r.endCell(cell, state, size-1)
			cell, state = span{from: size}, atStart
		case state == afterQuote && b == '\r':
			state = afterReturn
		case state == afterQuote || state == afterReturn:
			return &RecordError{begun, "text follows a closing quote: is a quote not doubled?"}
		case state == atStart && b == '"':
			cell.from, state = size, quoted
		default:
			state = plain
		}
	}
}

// skip passes over bytes at hand that change no state: nearly all of a file.
func (r *Reader) skip(state int) {
	rest := r.window[r.at:]
	switch state {
	case plain:
		i := 0
		for i < len(rest) && rest[i] != ',' && rest[i] != '\n' {
			i++
		}
		r.at += i
	case quoted:
		i := bytes.IndexByte(rest, '"')
		if i < 0 {
			i = len(rest)
		}
		r.line += bytes.Count(rest[:i], []byte{'\n'})
		r.at += i
	}
}

// endCell notes a cell that ends before the byte at to, and before the CR of CRLF.
func (r *Reader) endCell(cell span, state, to int) {
	if state == atStart || state == plain {
		cell.to = to
		raw := r.raw()
		if to > cell.from && raw[to-1] == '\r' && (to == len(raw) || raw[to] == '\n') {
			cell.to--
		}
	}
	r.cells = append(r.cells, cell)
}

// resume makes the line after the one where a broken record began the next to
// be read: what a quote swallowed may be sound.
func (r *Reader) resume(broken *RecordError) error {
	r.line = broken.Line + 1
	if i := bytes.IndexByte(r.raw(), '\n'); i >= 0 {
		r.at = r.start + i + 1
		return broken
	}
	for { // the rest of this one line is no record either
		r.start = r.at
		b, err := r.next()
		switch {
		case err == nil && b != '\n':
		case err == nil, errors.Is(err, io.EOF):
			return broken
		default:
			return err
		}
	}
}

func (r *Reader) next() (byte, error) {
	for r.at == len(r.window) {
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	b := r.window[r.at]
	r.at++
	return b, nil
}

// fill reads on, after the record at hand.
func (r *Reader) fill() error {
	if r.start > 0 {
		r.window = r.window[:copy(r.window, r.window[r.start:])]
		r.at -= r.start
		r.start = 0
	}
	r.window = slices.Grow(r.window, chunk)
	n, err := r.src.Read(r.window[len(r.window) : len(r.window)+chunk])
	r.window = r.window[:len(r.window)+n]
	if n > 0 {
		return nil // the error, if any, comes again
	}
	return err
}
