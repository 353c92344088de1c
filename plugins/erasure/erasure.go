// Package erasure removes one person from files of JSON lines, such as journal
// and dead letters, while other processes read and append to them.
//
// A line is overwritten in place with blanks: the file keeps its length and its
// inode, so that a writer that has it open goes on undisturbed, and the bytes
// themselves are gone. Who reads these files skips blank lines.
package erasure

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"sansansatori/plugins/japanese"
	"sansansatori/plugins/sealing"
)

// Result says what became of a file.
type Result struct {
	Path string `json:"path"`
	// Removed lines were the person's own.
	Removed int `json:"removed"`
	// Mentions are lines of others, or that are no JSON, in which the address
	// stands; they are left for people to judge.
	Mentions int `json:"mentions"`
	// Sealed lines could not be looked into for want of their key.
	Sealed int `json:"sealed,omitempty"`
}

// passes bounds how often a file is gone through again because it grew meanwhile.
const passes = 5

// Lines removes the lines of the person with this normalised e-mail address, also
// from what the keys open.
func Lines(path, email string, keys sealing.Keys) (res Result, err error) {
	res.Path = path
	if email == "" {
		return res, errors.New("erasing: no e-mail address")
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return res, fmt.Errorf("erasing: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var from int64
	for range passes {
		until, err := res.sweep(file, from, email, keys)
		if err != nil {
			return res, fmt.Errorf("erasing in %s: %w", path, err)
		}
		if until == from {
			break
		}
		from = until
	}
	if res.Removed == 0 {
		return res, nil
	}
	if err := file.Sync(); err != nil {
		return res, fmt.Errorf("erasing in %s: %w", path, err)
	}
	return res, nil
}

// sweep goes through whole lines from a position on and gives where they end. A
// last line without its end is being written; the next sweep finds it.
func (res *Result) sweep(file *os.File, from int64, email string, keys sealing.Keys) (until int64, err error) {
	lines := bufio.NewReaderSize(io.NewSectionReader(file, from, 1<<62), 64<<10)
	for until = from; ; {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return until, nil
		}
		if err != nil {
			return until, err
		}
		instead, err := res.without(line, email, keys)
		if err != nil {
			return until, err
		}
		if instead != nil {
			if _, err := file.WriteAt(instead, until); err != nil {
				return until, err
			}
		}
		until += int64(len(line))
	}
}

// without gives what takes the line's place, of the same length; nil: it stays.
func (res *Result) without(line []byte, email string, keys sealing.Keys) ([]byte, error) {
	text, by, err := keys.Open(line)
	if errors.Is(err, sealing.ErrNoKey) {
		res.Sealed++
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	removed := 0
	var kept [][]byte
	for part := range bytes.Lines(text) {
		switch whose(part, email) {
		case theirs:
			removed++
			continue
		case mentioned:
			res.Mentions++
		}
		kept = append(kept, part)
	}
	if removed == 0 {
		return nil, nil
	}
	res.Removed += removed
	instead := bytes.Repeat([]byte{' '}, len(bytes.TrimRight(line, "\r\n")))
	if by != nil && len(kept) > 0 {
		rest, err := sealing.Seal(bytes.Join(kept, nil), by.Recipient())
		if err != nil {
			return nil, err
		}
		if len(rest) > len(instead) {
			return nil, errors.New("what is left of a sealed line does not fit into its place")
		}
		copy(instead, rest)
	}
	return instead, nil
}

type relation int

const (
	unrelated relation = iota
	mentioned
	theirs
)

// whose line is it? The person's own when an e-mail field holds the address,
// however it is spelt there.
func whose(line []byte, email string) relation {
	var entry struct {
		Email    any `json:"email"`
		Card     any `json:"card"`
		Customer any `json:"customer"`
	}
	if json.Unmarshal(line, &entry) == nil {
		for _, v := range []any{entry.Email, emailOf(entry.Card), emailOf(entry.Customer)} {
			if text, ok := v.(string); ok && japanese.NormalizeEmail(text) == email {
				return theirs
			}
		}
	}
	if strings.Contains(strings.ToLower(string(line)), strings.ToLower(email)) {
		return mentioned
	}
	return unrelated
}

func emailOf(v any) any {
	fields, _ := v.(map[string]any)
	return fields["email"]
}
