package erasure

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
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
				res, err := Lines(path, "a@example.com")
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
		res, err := Lines(path, "a@example.com")
		require.NoError(t, err)
		require.Equal(t, removed, res.Removed)
	}
}

func TestLinesLeavesALineThatIsBeingWritten(t *testing.T) {
	const part = `{"email":"a@example.com","card_`
	path := fileOf(t, part)
	res, err := Lines(path, "a@example.com")
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
		res, err := Lines(path, "a@example.com")
		require.NoError(t, err)
		removed += res.Removed
	}
	wait.Wait()
	require.NoError(t, writer.Close())
	res, err := Lines(path, "a@example.com")
	require.NoError(t, err)
	require.Equal(t, n/2, removed+res.Removed)
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(got), "a@example.com")
	require.Equal(t, n/2, strings.Count(string(got), "b@example.com"))
}

func TestLinesSaysWhatItCannotDo(t *testing.T) {
	_, err := Lines(filepath.Join(t.TempDir(), "none"), "a@example.com")
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Lines(fileOf(t, "x\n"), "")
	require.ErrorContains(t, err, "no e-mail address")
}
