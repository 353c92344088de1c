package satorioutput

import (
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
)

// metrics of the output. All labels have few values.
type metrics struct {
	customers  *service.MetricCounter // by action and reason class
	rows       *service.MetricCounter // rows SATORI accepted, by verb
	requests   *service.MetricTimer   // by kind and status class
	retries    *service.MetricCounter // transient trouble, by kind
	waiting    *service.MetricGauge   // customers that wait
	authorized *service.MetricGauge   // 1, or 0 while SATORI refuses the keys
	lastWrite  *service.MetricGauge   // Unix seconds of the last accepted row
}

func newMetrics(m *service.Metrics) *metrics {
	return &metrics{
		customers:  m.NewCounter("satori_output_customers", "action", "reason"),
		rows:       m.NewCounter("satori_output_rows", "verb"),
		requests:   m.NewTimer("satori_output_request_duration", "kind", "class"),
		retries:    m.NewCounter("satori_output_retries", "kind"),
		waiting:    m.NewGauge("satori_output_waiting"),
		authorized: m.NewGauge("satori_output_authorized"),
		lastWrite:  m.NewGauge("satori_output_last_write_timestamp_seconds"),
	}
}

func (m *metrics) observe(kind, class string, d time.Duration) {
	m.requests.Timing(d.Nanoseconds(), kind, class)
}

// decided counts by outcome; the words of SATORI are no label.
func (m *metrics) decided(entries []entry) {
	for _, e := range entries {
		reason := e.reason
		if e.action == "failed" {
			reason = "refused"
		}
		m.customers.Incr(1, e.action, reason)
	}
}
