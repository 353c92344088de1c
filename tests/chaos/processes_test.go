package chaos

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/plugins/ledger/pgtest"
	"sansansatori/tests/link"
	"sansansatori/tests/sansansim"
	"sansansatori/tests/satorisim"
)

// TestTwoProcesses: a second process on one SQLite ledger refuses to start and
// says who holds it; the first is not disturbed.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	first := w.Start(t, "config/sync.yaml", "SCHEDULE=@every 1s")
	require.Eventually(t, func() bool { return w.Satori.Len() > 0 }, patience, 10*time.Millisecond)
	for range 2 { // a refused one must not take the lock with it
		begun := time.Now()
		out, err := w.Start(t, "config/sync.yaml").End(t, patience)
		require.Error(t, err)
		require.Contains(t, out, "held by another process")
		require.Contains(t, out, "process "+strconv.Itoa(first.Process.Pid))
		require.Less(t, time.Since(begun), 20*time.Second)
	}
	first.Term()
	out, err := first.End(t, patience)
	require.NoError(t, err, out)
	w.Once(t)
	promised(t, w, undisturbed(t))

	// A lock file that names somebody who is gone holds nobody up.
	lock := filepath.Join(w.Dir, ledgerFile+".lock")
	text, err := json.Marshal(map[string]any{"pid": 1, "host": "gone", "started": time.Now()})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(lock, text, 0o600))
	w.Once(t)
}

// beside is a second world's link: its own folder, the same services.
func beside(t *testing.T, w *link.World) *link.World {
	second := *w
	second.Dir = filepath.Join(t.TempDir(), "data")
	return &second
}

// TestSharedLedger: two processes share one PostgreSQL ledger, all cards or the
// half of them each, while the server restarts and connections break.
func TestSharedLedger(t *testing.T) {
	t.Parallel()
	want := undisturbed(t)
	dsn, server := pgtest.Start(t)
	for n, trouble := range []struct {
		name string
		do   func()
	}{
		{"no trouble", func() {}},
		{"connections are closed", func() { server.KillConnections(t) }},
		{"the server restarts", func() { server.Restart(t) }},
		{"the server crashes", func() { server.Crash(t); time.Sleep(time.Second); server.Run(t) }},
	} {
		t.Run(trouble.name, func(t *testing.T) {
			if n > 0 {
				dsn = server.Database(t)
			}
			w := with(newWorld(t, func(_ *sansansim.Settings, s *satorisim.Settings) {
				s.JobDuration, s.Jobs = 50*time.Millisecond, satorisim.Parallel
			}),
				"input.sansan_input.page_size=20", link.SatoriPath("max_rows")+"=15",
				link.SatoriPath("ledger.driver")+"=postgres", link.SatoriPath("ledger.dsn")+"="+dsn)
			both := []*link.World{w, beside(t, w)}
			var running []*link.Process
			for _, one := range both {
				running = append(running, one.Start(t, "config/sync.yaml"))
			}
			require.Eventually(t, func() bool { return w.Satori.Len() > 20 }, patience, 5*time.Millisecond)
			trouble.do()
			for _, p := range running {
				out, err := p.End(t, patience)
				require.NoError(t, err, out)
				require.NotContains(t, out, pgtest.Password)
			}
			for _, one := range both {
				promised(t, one, want)
			}
			require.Empty(t, badManners(w), "no e-mail in two requests at once")
		})
	}
}

// TestChaosNeighbour: one of two processes on a PostgreSQL ledger is killed. What
// it was writing is taken over when its lease has lapsed, after a minute.
func TestChaosNeighbour(t *testing.T) {
	if os.Getenv("CHAOS_SEEDS") == "" {
		t.Skip("takes more than a minute: set CHAOS_SEEDS")
	}
	t.Parallel()
	dsn, _ := pgtest.Start(t)
	w := with(newWorld(t, func(_ *sansansim.Settings, s *satorisim.Settings) { s.JobDuration = 100 * time.Millisecond }),
		link.SatoriPath("max_rows")+"=15",
		link.SatoriPath("ledger.driver")+"=postgres", link.SatoriPath("ledger.dsn")+"="+dsn)
	victim := beside(t, w).Start(t, "config/sync.yaml")
	require.Eventually(t, func() bool { return w.Satori.Len() > 10 }, patience, time.Millisecond)
	victim.Kill()
	begun := time.Now()
	w.Once(t)
	t.Logf("the other one finished after %s", time.Since(begun).Round(time.Millisecond))
	require.Empty(t, w.Satori.Backwards(dateItem))
	require.Equal(t, undisturbed(t), w.Satori.Customers())
}
