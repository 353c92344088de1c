package erasure

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"sansansatori/plugins/sealing"
)

func fileOf(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestLinesBlanksAPersonAndNobodyElse(t *testing.T) {
	const mine, other = `{"email":"a@example.com","card_id":"1"}`, `{"email":"b@example.com","card_id":"2"}`
	tests := []struct {
		name, line        string
		removed, mentions int
	}{
		{"the address", mine, 1, 0},
		{"capitals", `{"email":"A@Example.COM"}`, 1, 0},
		{"full width", `{"email":"ａ＠ｅｘａｍｐｌｅ．ｃｏｍ"}`, 1, 0},
		{"a card that could not be mapped", `{"card":{"email":" a@example.com "},"error":"x"}`, 1, 0},
		{"a dead letter's customer", `{"customer":{"email":"a@example.com"}}`, 1, 0},
		{"somebody else", other, 0, 0},
		{"a longer address", `{"email":"xa@example.com.jp"}`, 0, 1},
		{"mentioned in a memo", `{"email":"b@example.com","memo":"assistant: a@example.com"}`, 0, 1},
		{"no JSON", `a@example.com was here`, 0, 1},
		{"an odd type", `{"email":7}`, 0, 0},
		{"blank", "   ", 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, end := range []string{"\n", "\r\n"} {
				text := other + end + test.line + end + other + end
				path := fileOf(t, text)
				res, err := Lines(path, "a@example.com", nil)
				require.NoError(t, err)
				require.Equal(t, Result{Path: path, Removed: test.removed, Mentions: test.mentions}, res)
				got, err := os.ReadFile(path)
				require.NoError(t, err)
				want := text
				if test.removed > 0 {
					want = other + end + strings.Repeat(" ", len(test.line)) + end + other + end
				}
				require.Equal(t, want, string(got))
			}
		})
	}
}

func TestLinesIsDoneAfterOneTime(t *testing.T) {
	path := fileOf(t, `{"email":"a@example.com"}`+"\n")
	for _, removed := range []int{1, 0} {
		res, err := Lines(path, "a@example.com", nil)
		require.NoError(t, err)
		require.Equal(t, removed, res.Removed)
	}
}

func TestLinesLeavesALineThatIsBeingWritten(t *testing.T) {
	const part = `{"email":"a@example.com","card_`
	path := fileOf(t, part)
	res, err := Lines(path, "a@example.com", nil)
	require.NoError(t, err)
	require.Zero(t, res.Removed)
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, part, string(got))
}

func TestLinesBesideAWriter(t *testing.T) {
	const n = 2000
	path := fileOf(t, "")
	writer, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	var wait sync.WaitGroup
	wait.Go(func() {
		for i := range n {
			fmt.Fprintf(writer, `{"email":"%s@example.com","n":%d}`+"\n", []string{"a", "b"}[i%2], i)
		}
	})
	removed := 0
	for range 20 {
		res, err := Lines(path, "a@example.com", nil)
		require.NoError(t, err)
		removed += res.Removed
	}
	wait.Wait()
	require.NoError(t, writer.Close())
	res, err := Lines(path, "a@example.com", nil)
	require.NoError(t, err)
	require.Equal(t, n/2, removed+res.Removed)
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(got), "a@example.com", nil)
	require.Equal(t, n/2, strings.Count(string(got), "b@example.com"))
}

func TestLinesSaysWhatItCannotDo(t *testing.T) {
	_, err := Lines(filepath.Join(t.TempDir(), "none"), "a@example.com", nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Lines(fileOf(t, "x\n"), "", nil)
	require.ErrorContains(t, err, "no e-mail address")
}

// TestLinesInsideSealedOnes: a person goes out of a sealed line, others stay in
// it, and it can still be opened.
func TestLinesInsideSealedOnes(t *testing.T) {
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	second, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	const mine, other = `{"email":"a@example.com","card_id":"1"}`, `{"email":"b@example.com","card_id":"2"}`
	seal := func(text string, to ...age.Recipient) string {
		line, err := sealing.Seal([]byte(text), to...)
		require.NoError(t, err)
		return string(line) + "\n"
	}
	text := seal(other+"\n"+mine+"\n"+other, key.Recipient(), second.Recipient()) + // some of it
		seal(mine, key.Recipient()) + // all of it
		seal(other, key.Recipient()) + // none of it
		seal(mine, second.Recipient()) + // not to be seen
		mine + "\n"
	path := fileOf(t, text)
	res, err := Lines(path, "a@example.com", sealing.Keys{key})
	require.NoError(t, err)
	require.Equal(t, Result{Path: path, Removed: 3, Sealed: 1}, res)
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, got, len(text))
	plain, err := io.ReadAll(sealing.Keys{key, second}.Lines(bytes.NewReader(got)))
	require.NoError(t, err)
	var left []string
	for _, line := range strings.Split(string(plain), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			left = append(left, line)
		}
	}
	require.Equal(t, []string{other, other, other, mine}, left, "what is sealed for another key stays, and is told")
}

func TestCompressed(t *testing.T) {
	const mine, other = `{"email":"a@example.com","card_id":"1"}`, `{"email":"b@example.com","card_id":"2"}`
	packed := func(text string) string {
		path := filepath.Join(t.TempDir(), "journal.jsonl.gz")
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err := w.Write([]byte(text))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
		return path
	}
	unpacked := func(path string) string {
		file, err := os.Open(path)
		require.NoError(t, err)
		defer file.Close()
		r, err := gzip.NewReader(file)
		require.NoError(t, err)
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		return string(text)
	}
	path := packed(mine + "\n" + other + "\n" + mine)
	res, err := In(path, "a@example.com", nil)
	require.NoError(t, err)
	require.Equal(t, Result{Path: path, Removed: 2}, res)
	require.Equal(t, other+"\n", unpacked(path))

	path = packed(other + "\n" + other)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	res, err = In(path, "a@example.com", nil)
	require.NoError(t, err)
	require.Zero(t, res.Removed)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after, "left as it was")
	require.NoFileExists(t, path+".part")

	broken := fileOf(t, mine)
	require.NoError(t, os.Rename(broken, broken+".gz"))
	_, err = In(broken+".gz", "a@example.com", nil)
	require.Error(t, err)
	require.NoFileExists(t, broken+".gz.part")
	_, err = In(packed(mine), "", nil)
	require.ErrorContains(t, err, "no e-mail address")
}
