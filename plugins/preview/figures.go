package preview

import (
	"context"
	"slices"
	"sync"

	"github.com/redpanda-data/benthos/v4/public/service"
)

// Metrics of our components that a dry run reads.
const (
	rowsMetric     = "satori_output_rows" // by verb
	requestsMetric = "sansan_input_request_duration"
)

// figures counts rows and requests out of the components' own metrics.
type figures struct {
	mu       sync.Mutex
	rows     map[string]int // by verb
	requests int            // to Sansan
}

func newFigures() *figures { return &figures{rows: map[string]int{}} }

// count is every kind of metric, most of which nobody looks at.
type count func(int64)

func (c count) Incr(n int64)   { c(n) }
func (c count) Timing(n int64) { c(n) }
func (c count) Set(n int64)    { c(n) }

func ignored(int64) {}

func (f *figures) NewCounterCtor(name string, keys ...string) service.MetricsExporterCounterCtor {
	return func(values ...string) service.MetricsExporterCounter {
		at := slices.Index(keys, "verb")
		if name != rowsMetric || at < 0 || at >= len(values) {
			return count(ignored)
		}
		verb := values[at]
		return count(func(n int64) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.rows[verb] += int(n)
		})
	}
}

func (f *figures) NewTimerCtor(name string, _ ...string) service.MetricsExporterTimerCtor {
	return func(...string) service.MetricsExporterTimer {
		if name != requestsMetric {
			return count(ignored)
		}
		return count(func(int64) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.requests++
		})
	}
}

func (f *figures) NewGaugeCtor(string, ...string) service.MetricsExporterGaugeCtor {
	return func(...string) service.MetricsExporterGauge { return count(ignored) }
}

func (f *figures) Close(context.Context) error { return nil }
