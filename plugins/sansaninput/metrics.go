package sansaninput

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
)

// refresh is how often the ages are brought up to date.
const refresh = 5 * time.Second

// metrics of the input. All labels have few values.
type metrics struct {
	pages, cards, left    *service.MetricCounter
	runs                  *service.MetricCounter // by result
	cursorErrors          *service.MetricCounter
	requests              *service.MetricTimer // nanoseconds, by kind and status class
	successAge, cursorAge *service.MetricGauge // seconds
	lastSuccess           atomic.Int64         // Unix seconds
}

func newMetrics(m *service.Metrics) *metrics {
	out := &metrics{
		pages:        m.NewCounter("sansan_input_pages"),
		cards:        m.NewCounter("sansan_input_cards"),
		left:         m.NewCounter("sansan_input_cards_left_out"),
		runs:         m.NewCounter("sansan_input_runs", "result"),
		cursorErrors: m.NewCounter("sansan_input_checkpoint_errors"),
		requests:     m.NewTimer("sansan_input_request_duration", "kind", "class"),
		successAge:   m.NewGauge("sansan_input_last_success_age_seconds"),
		cursorAge:    m.NewGauge("sansan_input_cursor_age_seconds"),
	}
	out.begin()
	out.succeeded(time.Now())
	return out
}

// begin lets the counters exist before their first event, which Prometheus'
// increase() would not see otherwise.
func (m *metrics) begin() {
	for _, c := range []*service.MetricCounter{m.pages, m.cards, m.left, m.cursorErrors} {
		c.Incr(0)
	}
	for _, result := range []string{"completed", "failed"} {
		m.runs.Incr(0, result)
	}
}

func (m *metrics) observe(kind, class string, d time.Duration) {
	m.requests.Timing(d.Nanoseconds(), kind, class)
}

// page was read: cards for the pipeline, and others that were not asked for.
func (m *metrics) page(cards, left int) {
	m.pages.Incr(1)
	m.cards.Incr(int64(cards))
	m.left.Incr(int64(left))
	m.succeeded(time.Now())
}

// succeeded: a page was got from Sansan at that time.
func (m *metrics) succeeded(at time.Time) { m.lastSuccess.Store(at.Unix()) }

// age keeps the ages growing while nothing else happens.
func (m *metrics) age(ctx context.Context, position func() time.Time) {
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	for {
		m.ages(time.Now(), position)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (m *metrics) ages(now time.Time, position func() time.Time) {
	m.successAge.Set(now.Unix() - m.lastSuccess.Load())
	if at := position(); !at.IsZero() {
		m.cursorAge.Set(int64(now.Sub(at).Seconds()))
	}
}
