package chaos

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/tests/link"
)

// figures of a running link.
type figures struct {
	memory     int // resident, MiB
	goroutines int
	files      int // open
	disk       int // KiB, without the journal and the dead letters, which grow
}

// TestSoak: continuous work with random faults and new cards. Memory, goroutines,
// file handles and disk stay flat. SOAK says for how long.
func TestSoak(t *testing.T) {
	t.Parallel()
	long := 6 * time.Second
	if text := os.Getenv("SOAK"); text != "" {
		var err error
		long, err = time.ParseDuration(text)
		require.NoError(t, err, "SOAK")
	}
	w := with(newWorld(t, nil), "http.enabled=true", "metrics.prometheus.add_go_metrics=true", "input.sansan_input.overlap=5s", manyRequests)
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0x50A4))
	calmSansan, calmSatori := w.Sansan.Chaos(r.Uint64(), 0.05), w.Satori.Chaos(r.Uint64(), 0.05)
	address := freeAddress(t)
	p := w.Start(t, "config/sync.yaml", "SCHEDULE=@every 1s", "HTTP_ADDRESS="+address)
	require.Eventually(t, func() bool { return w.Satori.Len() > 0 }, patience, 10*time.Millisecond)

	begun := time.Now()
	said := begun
	var all []figures
	arrived := 0
	for time.Since(begun) < long {
		require.False(t, p.Ended(500*time.Millisecond), "it ended by itself")
		arrived += arrive(w, r)
		f := look(t, w, p, address)
		all = append(all, f)
		if time.Since(said) > time.Minute {
			said = time.Now()
			t.Logf("%s: %d MiB, %d goroutines, %d files, %d KiB on disk; %d cards added", time.Since(begun).Round(time.Second), f.memory, f.goroutines, f.files, f.disk, arrived)
		}
	}
	calmSansan()
	calmSatori()
	time.Sleep(2100 * time.Millisecond) // the last second is left to the next run
	require.Eventually(t, func() bool { return len(told(t, w)) >= offered(w) }, patience, 100*time.Millisecond)
	p.Term()
	out, err := p.End(t, patience)
	require.NoError(t, err, out)
	w.Once(t)
	promised(t, w, twin(t, w))

	early, late := most(all[:len(all)/4]), most(all[len(all)/2:])
	t.Logf("%s, %d cards added, faults %v and %v", long, arrived, w.Sansan.Faults(), w.Satori.Faults())
	t.Logf("first quarter: at most %+v, second half: %+v", early, late)
	require.LessOrEqual(t, late.memory, early.memory*5/4+40, "memory")
	require.Positive(t, early.goroutines)
	require.LessOrEqual(t, late.goroutines, early.goroutines*11/10+10, "goroutines")
	require.LessOrEqual(t, late.files, early.files*11/10+10, "file handles")
	// The ledger holds a little of each card for ever; the log beside it is cut off at 64 MiB.
	require.LessOrEqual(t, late.disk, early.disk+2*arrived+(70<<10), "disk")
}

// offered counts the cards a run may be asked for.
func offered(w *link.World) (n int) {
	past := pastOnes()
	for _, card := range w.Sansan.Cards() {
		if status, _ := card["entryStatus"].(string); !past[card["id"].(string)] && (status == "" || status == "completed") {
			n++
		}
	}
	return n
}

func most(all []figures) (m figures) {
	for _, f := range all {
		m = figures{max(m.memory, f.memory), max(m.goroutines, f.goroutines), max(m.files, f.files), max(m.disk, f.disk)}
	}
	return m
}

// look reads the figures from /proc and /metrics.
func look(t *testing.T, w *link.World, p *link.Process, address string) (f figures) {
	t.Helper()
	proc := fmt.Sprintf("/proc/%d/", p.Process.Pid)
	status, err := os.ReadFile(proc + "status")
	if err != nil {
		t.Skip("needs /proc")
	}
	for line := range strings.Lines(string(status)) {
		if kib, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kib), "kB")))
			require.NoError(t, err)
			f.memory = n >> 10
		}
	}
	open, err := os.ReadDir(proc + "fd")
	require.NoError(t, err)
	f.files = len(open)
	_, metrics := fetch(t.Context(), address, "/metrics")
	if _, after, ok := bytes.Cut(metrics, []byte("\ngo_goroutines ")); ok {
		text, _, _ := bytes.Cut(after, []byte("\n"))
		f.goroutines, err = strconv.Atoi(string(text))
		require.NoError(t, err)
	}
	require.NoError(t, filepath.WalkDir(w.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(path, ".jsonl") {
			return nil // files come and go
		}
		if info, err := entry.Info(); err == nil {
			f.disk += int(info.Size() >> 10)
		}
		return nil
	}))
	return f
}
