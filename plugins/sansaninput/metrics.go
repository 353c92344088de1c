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
	pages, cards, dropped *service.MetricCounter
	runs                  *service.MetricCounter // by result
	cursorErrors          *service.MetricCounter
	requests              *service.MetricTimer // by kind and status class
	successAge, cursorAge *service.MetricGauge // seconds
	lastSuccess           atomic.Int64         // Unix seconds
}

func newMetrics(m *service.Metrics) *metrics {
	out := &metrics{
		pages: m.NewCounter("sansan_input_pages"), cards: m.NewCounter("sansan_input_cards"),
		dropped:      m.NewCounter("sansan_input_unreadable_rows"),
		runs:         m.NewCounter("sansan_input_runs", "result"),
		cursorErrors: m.NewCounter("sansan_input_checkpoint_errors"),
		requests:     m.NewTimer("sansan_input_request_duration", "kind", "class"),
		successAge:   m.NewGauge("sansan_input_last_success_age_seconds"),
		cursorAge:    m.NewGauge("sansan_input_cursor_age_seconds"),
	}
	out.succeeded(time.Now())
	return out
}

func (m *metrics) observe(kind, class string, d time.Duration) {
	m.requests.Timing(d.Nanoseconds(), kind, class)
}

func (m *metrics) page(cards, dropped int) {
	m.pages.Incr(1)
	m.cards.Incr(int64(cards))
	if dropped > 0 {
		m.dropped.Incr(int64(dropped))
	}
}

func (m *metrics) succeeded(at time.Time) {
	m.lastSuccess.Store(at.Unix())
	m.successAge.Set(0)
}

// age keeps the ages growing while nothing else happens.
func (m *metrics) age(ctx context.Context, position func() time.Time) {
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			m.successAge.Set(now.Unix() - m.lastSuccess.Load())
			if at := position(); !at.IsZero() {
				m.cursorAge.Set(int64(now.Sub(at).Seconds()))
			}
		case <-ctx.Done():
			return
		}
	}
}
