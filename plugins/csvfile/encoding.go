// Package csvfile reads the CSV files people take out of SATORI's admin screen:
// UTF-8 with or without byte order mark, or cp932, as large and as broken as
// they come. Memory is bounded by one record, and a record that cannot be read
// costs that record, not the file.
package csvfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/japanese"
)

// Encoding is how a file's characters are written.
type Encoding string

// Encodings. Auto is for callers that ask Detect.
const (
	Auto  Encoding = "auto"
	UTF8  Encoding = "utf-8"
	CP932 Encoding = "cp932" // Microsoft's Shift-JIS
)

// ErrUTF16 is a file as spreadsheets save "Unicode text".
var ErrUTF16 = errors.New("it is UTF-16: save it as UTF-8 or Shift-JIS (cp932)")

var byteOrderMark = []byte("\ufeff")

// Detect reads r to its end and says which encoding it holds. The whole of it
// counts: the first kanji may be far down, and one broken byte proves nothing.
func Detect(r io.Reader) (Encoding, error) {
	var good, bad int
	buf := make([]byte, 64<<10)
	kept := 0 // bytes of a character that the last read cut
	for first := true; ; first = false {
		n, err := io.ReadFull(r, buf[kept:])
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return "", err
		}
		chunk := buf[:kept+n]
		if first {
			switch {
			case bytes.HasPrefix(chunk, byteOrderMark):
				return UTF8, nil
			case bytes.HasPrefix(chunk, []byte{0xff, 0xfe}), bytes.HasPrefix(chunk, []byte{0xfe, 0xff}):
				return "", ErrUTF16
			}
		}
		rest := countCharacters(chunk, err != nil, &good, &bad)
		if err != nil {
			break
		}
		kept = copy(buf, rest)
	}
	if bad > good {
		return CP932, nil
	}
	return UTF8, nil
}

// countCharacters counts well-formed and malformed characters beyond ASCII, and
// gives back a character that b cuts, unless b is the last of the file.
func countCharacters(b []byte, last bool, good, bad *int) []byte {
	for len(b) > 0 {
		if b[0] < utf8.RuneSelf {
			b = b[1:]
			continue
		}
		if !last && !utf8.FullRune(b) {
			return b
		}
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size == 1 {
			*bad++
		} else {
			*good++
		}
		b = b[size:]
	}
	return nil
}

// text decodes one cell; false when it holds bytes the encoding does not know.
func (e Encoding) text(raw []byte) (string, bool) {
	if isASCII(raw) {
		return string(raw), true
	}
	if e == UTF8 {
		return string(raw), utf8.Valid(raw)
	}
	text, err := japanese.ShiftJIS.NewDecoder().Bytes(raw)
	return string(text), err == nil && !bytes.ContainsRune(text, utf8.RuneError)
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// Valid says whether e is a way to read a file.
func (e Encoding) Valid() error {
	if e == UTF8 || e == CP932 {
		return nil
	}
	return fmt.Errorf("encoding %q is neither %s nor %s", string(e), UTF8, CP932)
}
