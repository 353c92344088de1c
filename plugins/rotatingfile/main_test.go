package rotatingfile

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// The engine keeps a goroutine for the process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("go.opencensus.io/stats/view.(*worker).start"))
}

// evening is the moment that tests begin at, one second before midnight in Japan.
var evening = time.Date(2026, 11, 23, 14, 59, 59, 0, time.UTC)

// clock is an output's clock; it stands still.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// connected gives an output of conf (path is set unless it is there) that is
// connected, and its clock.
func connected(t testing.TB, conf config) (*output, *clock) {
	t.Helper()
	if conf.path == "" {
		conf.path = filepath.Join(t.TempDir(), "journal.jsonl")
	}
	o, c := newOutput(conf, nil), &clock{evening}
	o.now = c.now
	require.NoError(t, o.Connect(t.Context()))
	t.Cleanup(func() { require.NoError(t, o.Close(t.Context())) })
	return o, c
}

func batchOf(lines ...string) service.MessageBatch {
	batch := make(service.MessageBatch, len(lines))
	for i, line := range lines {
		batch[i] = service.NewMessage([]byte(line))
	}
	return batch
}

// writeAt writes lines as one batch at a moment, which the file gets as its time.
func writeAt(t require.TestingT, o *output, c *clock, at time.Time, lines ...string) {
	c.at = at
	require.NoError(t, o.WriteBatch(context.Background(), batchOf(lines...)))
	require.NoError(t, os.Chtimes(o.conf.path, at, at))
}

// filesIn gives what the files beside path hold, by name.
func filesIn(t require.TestingT, path string) map[string]string {
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	files := map[string]string{}
	for _, e := range entries {
		if e.IsDir() {
			files[e.Name()] = "a folder"
			continue
		}
		text, err := os.ReadFile(filepath.Join(filepath.Dir(path), e.Name()))
		require.NoError(t, err)
		files[e.Name()] = string(text)
	}
	return files
}

// put makes files of these names beside path, each with its name as its line.
func put(t require.TestingT, path string, names ...string) {
	for _, name := range names {
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), name), []byte(name+"\n"), 0o600))
	}
}

func namesOf(files map[string]string) []string {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	return names
}

func long(n int) string { return strings.Repeat("x", n-1) } // with its line break n bytes
