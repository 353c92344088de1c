package chaos

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/tests/link"
	"sansansatori/tests/sansansim"
	"sansansatori/tests/satorisim"
)

// TestShutdown: SIGTERM at any moment, with slow jobs and stalled services, ends
// within the limit and with 0; the next run completes.
func TestShutdown(t *testing.T) {
	link.Binary(t)
	want := undisturbed(t)
	const limit, margin = 5 * time.Second, 10 * time.Second // the machine may be busy
	situations := []struct {
		name string
		do   func(w *link.World) (undo func())
	}{
		{"all is well", func(*link.World) func() { return func() {} }},
		{"a job that never finishes", func(w *link.World) func() {
			w.Satori.Change(func(s *satorisim.Settings) { s.JobNever = true })
			return func() {
				w.Satori.Change(func(s *satorisim.Settings) { s.JobNever, s.Jobs = false, satorisim.Parallel })
			}
		}},
		{"SATORI is down", func(w *link.World) func() { return w.Satori.Control(satorisim.Any, satorisim.FaultStatus(503)) }},
		{"SATORI stalls", func(w *link.World) func() { return w.Satori.Control(satorisim.Any, satorisim.FaultStall(time.Hour)) }},
		{"SATORI asks for patience", func(w *link.World) func() {
			return w.Satori.Control(satorisim.Any, satorisim.Fault429(satorisim.Hint{Kind: satorisim.HintHeader, After: 10 * time.Minute}))
		}},
		{"Sansan stalls", func(w *link.World) func() { return w.Sansan.Control(sansansim.Any, sansansim.FaultStall(time.Hour)) }},
		{"Sansan asks for patience", func(w *link.World) func() {
			return w.Sansan.Control(sansansim.Cards, sansansim.Fault429(sansansim.Hint{Kind: sansansim.HintHeader, After: 10 * time.Minute}))
		}},
	}
	for n := range max(len(situations), seeds(t, 2*len(situations))/2) {
		s := situations[n%len(situations)]
		t.Run(strconv.Itoa(n)+" "+s.name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(uint64(n), 0x7E47))
			w := with(newWorld(t, func(_ *sansansim.Settings, set *satorisim.Settings) { set.JobDuration = 100 * time.Millisecond }),
				manyRequests, "shutdown_timeout="+limit.String(), link.SatoriPath("job_timeout")+"=2s")
			undo := s.do(w)
			p := w.Start(t, "config/sync.yaml", "SCHEDULE=@every 1s")
			require.Eventually(t, func() bool { return w.Sansan.Count(sansansim.Any) > 0 }, patience, 5*time.Millisecond)
			time.Sleep(time.Duration(r.IntN(1000)) * time.Millisecond)
			p.Term()
			begun := time.Now()
			out, err := p.End(t, limit+margin)
			require.NoError(t, err, out)
			t.Logf("ended after %s", time.Since(begun).Round(time.Millisecond))
			undo()
			w.Once(t)
			promised(t, w, want)
		})
	}
}
