// Package bench measures the main job with the real binary: cards a second, peak
// memory and requests a card. `make bench` prints the figures.
package bench

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/tests/link"
	"sansansatori/tests/sansansim"
	"sansansatori/tests/satorisim"
)

// fast takes every limit off that is there for the real services' sake.
var fast = []string{
	"input.sansan_input.requests_per_second=100000",
	link.SatoriPath("requests_per_second=100000"),
}

// BenchmarkFirstLoad reads, maps, writes in bulk and journals 100,000 cards; a
// second run over the same cards writes nothing.
func BenchmarkFirstLoad(b *testing.B) {
	for range b.N {
		const cards = 100_000
		w := link.New(b, func(_ *sansansim.Settings, s *satorisim.Settings) { s.NoLog = true })
		w.Set = append(fast, strings.Fields(os.Getenv("BENCH_SET"))...)
		w.Sansan.LoadSample(cards, 1)
		link.Binary(b)

		run := func(name string) {
			sansan, satori := len(w.Sansan.Requests()), len(w.Satori.Requests())
			p := w.Start(b, "config/sync.yaml")
			began := time.Now()
			peak := highWater(p.Process.Pid)
			out, err := p.End(b, 10*time.Minute)
			took := time.Since(began)
			require.NoError(b, err, out)
			cpu := p.ProcessState.UserTime() + p.ProcessState.SystemTime()
			sansan, satori = len(w.Sansan.Requests())-sansan, len(w.Satori.Requests())-satori
			used := sansan + satori
			b.ReportMetric(cards/took.Seconds(), name+"-cards/s")
			b.ReportMetric(float64(cpu.Microseconds())/cards, name+"-CPU-µs/card")
			b.ReportMetric(float64(peak())/1024, name+"-peak-MiB")
			b.ReportMetric(float64(sansan), name+"-Sansan-requests")
			b.ReportMetric(float64(satori), name+"-SATORI-requests")
			b.ReportMetric(cards/float64(used), name+"-cards/request")
		}
		run("first")
		writes := w.Satori.Digest()
		run("second")
		require.Equal(b, writes, w.Satori.Digest())
	}
}

// BenchmarkQuota runs under Sansan's own pace: its time is that of its requests.
func BenchmarkQuota(b *testing.B) {
	for range b.N {
		const cards = 18_000
		w := link.New(b, func(s *sansansim.Settings, _ *satorisim.Settings) { s.PerSecond, s.PerMinute = 10, 300 })
		w.Set = nil
		w.Sansan.LoadSample(cards, 1)
		p := w.Start(b, "config/sync.yaml")
		out, err := p.End(b, 10*time.Minute)
		require.NoError(b, err, out)
		require.Empty(b, w.Sansan.Violations())
		requests := w.Sansan.Requests()
		took := requests[len(requests)-1].At.Sub(requests[0].At).Seconds()
		b.ReportMetric(took/(float64(len(requests)-1)/4), "of-the-quota's-time")
	}
}

// highWater watches a process's peak memory in KiB. (What the kernel tells of a
// finished child begins at its parent's size.)
func highWater(pid int) func() int64 {
	var peak atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			kib, ok := vmHWM(pid)
			if !ok {
				return
			}
			peak.Store(max(peak.Load(), kib))
			time.Sleep(20 * time.Millisecond)
		}
	}()
	return func() int64 { <-done; return peak.Load() }
}

func vmHWM(pid int) (kib int64, ok bool) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, false
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if text, found := strings.CutPrefix(lines.Text(), "VmHWM:"); found {
			_, err := fmt.Sscanf(text, "%d kB", &kib)
			return kib, err == nil
		}
	}
	return 0, false
}
