package erasure

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"sansansatori/plugins/sealing"
)

// suffix of what is compressed by gzip.
const suffix = ".gz"

// In removes a person from a file of JSON lines, compressed or not.
func In(path, email string, keys sealing.Keys) (Result, error) {
	if strings.HasSuffix(path, suffix) {
		return Compressed(path, email, keys)
	}
	return Lines(path, email, keys)
}

// Compressed does what Lines does in a file compressed by gzip, which nobody
// appends to any more: it is written anew, if it holds anything of the person.
func Compressed(path, email string, keys sealing.Keys) (res Result, err error) {
	res.Path = path
	if email == "" {
		return res, errors.New("erasing: no e-mail address")
	}
	part := path + ".part"
	out, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return res, fmt.Errorf("erasing: %w", err)
	}
	packed := gzip.NewWriter(out)
	err = res.copy(packed, path, email, keys)
	err = errors.Join(err, packed.Close(), out.Sync(), out.Close())
	if err == nil && res.Removed > 0 {
		return res, os.Rename(part, path)
	}
	if err = errors.Join(err, os.Remove(part)); err != nil {
		return res, fmt.Errorf("erasing in %s: %w", path, err)
	}
	return res, nil
}

// copy writes what stays.
func (res *Result) copy(to io.Writer, path, email string, keys sealing.Keys) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	unpacked, err := gzip.NewReader(in)
	if err != nil {
		return err
	}
	lines := bufio.NewReaderSize(unpacked, 64<<10)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		instead, wrong := res.without(line, email, keys)
		if wrong != nil {
			return wrong
		}
		if instead != nil {
			line = nil
			if rest := bytes.TrimSpace(instead); len(rest) > 0 {
				line = append(rest, '\n')
			}
		}
		if _, err := to.Write(line); err != nil {
			return err
		}
		if err != nil {
			return nil // the end
		}
	}
}
