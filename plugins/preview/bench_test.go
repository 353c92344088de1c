package preview

import (
	"bytes"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/plugins/report"
	"sansansatori/tests/link"
)

// BenchmarkDryRun previews 100,000 cards, with every row kept for the page; both
// simulators and the cards are part of the process and of its memory.
func BenchmarkDryRun(b *testing.B) {
	const n = 100_000
	w := link.New(b, nil)
	w.Sansan.LoadSample(n, 2026)
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		begun := time.Now()
		got, err := Run(b.Context(), load(b, w), Options{Rows: true, Log: slog.DiscardHandler})
		require.NoError(b, err)
		took := time.Since(begun)
		var page bytes.Buffer
		require.NoError(b, got.Report.WriteHTML(&page, report.Japanese, "config/sync.yaml", begun))
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(got.Report.Cards())/took.Seconds(), "cards/s")
		b.ReportMetric(float64(page.Len())/(1<<20), "page-MiB")
		b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/(1<<20), "kept-MiB")
	}
}
