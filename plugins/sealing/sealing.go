// Package sealing encrypts lines of journal and dead letters for the holders of
// age keys (https://age-encryption.org): whoever writes them needs no secret, and
// whoever steals them reads nothing.
//
// A sealed line is "age:" and the age file in base64; it may hold several lines.
// The age tool opens one as well: sed s/^age:// | base64 -d | age -d -i KEYFILE
package sealing

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"
)

// mark begins a sealed line; no JSON does.
const mark = "age:"

// ErrNoKey: a line is sealed, and none of the keys opens it.
var ErrNoKey = errors.New("a line is sealed for another key")

// RecipientOf reads a public key, "age1...".
func RecipientOf(text string) (age.Recipient, error) {
	r, err := age.ParseX25519Recipient(strings.TrimSpace(text))
	if err != nil {
		return nil, errors.New("not the public key of an age key pair: it begins with age1; `sansan-satori seal keygen` makes a pair")
	}
	return r, nil
}

// Seal encrypts text into one line, without its end.
func Seal(text []byte, to ...age.Recipient) ([]byte, error) {
	var sealed bytes.Buffer
	sealed.WriteString(mark)
	wrapped := base64.NewEncoder(base64.StdEncoding, &sealed)
	w, err := age.Encrypt(wrapped, to...)
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = errors.Join(w.Close(), wrapped.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return sealed.Bytes(), nil
}

// Sealed tells a sealed line from a plain one.
func Sealed(line []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(line), []byte(mark)) }

// Keys open what was sealed for them. Without any, only plain lines can be read.
type Keys []*age.X25519Identity

// ReadKeys reads a file of secret keys as age-keygen writes it; no path, no keys.
func ReadKeys(path string) (Keys, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the key: %w", err)
	}
	defer file.Close()
	found, err := age.ParseIdentities(file)
	if err != nil {
		return nil, fmt.Errorf("reading the key: %s holds no age secret key (a line AGE-SECRET-KEY-1...)", path)
	}
	var keys Keys
	for _, each := range found {
		if key, ok := each.(*age.X25519Identity); ok {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// Open gives what a line holds, and the key that opened it: nil when it was not
// sealed. A line that is sealed for others is ErrNoKey.
func (k Keys) Open(line []byte) (text []byte, by *age.X25519Identity, err error) {
	sealed, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte(mark))
	if !ok {
		return line, nil, nil
	}
	for _, key := range k {
		plain, err := age.Decrypt(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(sealed)), key)
		var other *age.NoIdentityMatchError
		if errors.As(err, &other) {
			continue
		}
		if err == nil {
			text, err = io.ReadAll(plain)
		}
		if err != nil {
			return nil, key, errors.New("a sealed line is damaged")
		}
		return text, key, nil
	}
	return nil, nil, ErrNoKey
}

// Lines gives the plain lines of a file that may hold sealed ones. What cannot be
// opened stays as it is: whoever reads on finds that it is no entry.
func (k Keys) Lines(from io.Reader) io.Reader {
	if len(k) == 0 {
		return from
	}
	return &lines{keys: k, from: bufio.NewReaderSize(from, 64<<10)}
}

type lines struct {
	keys Keys
	from *bufio.Reader
	left []byte
	err  error
}

func (l *lines) Read(to []byte) (int, error) {
	for len(l.left) == 0 {
		if l.err != nil {
			return 0, l.err
		}
		var line []byte
		line, l.err = l.from.ReadBytes('\n')
		l.left = line
		if l.err != nil {
			continue // a last line without its end is being written
		}
		if text, by, err := l.keys.Open(line); err == nil && by != nil {
			l.left = append(bytes.TrimRight(text, "\n"), '\n')
		}
	}
	n := copy(to, l.left)
	l.left = l.left[n:]
	return n, nil
}
