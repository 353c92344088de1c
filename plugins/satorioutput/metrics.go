package satorioutput

import (
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"

	"sansansatori/plugins/decide"
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
	out := &metrics{
		customers:  m.NewCounter("satori_output_customers", "action", "reason"),
		rows:       m.NewCounter("satori_output_rows", "verb"),
		requests:   m.NewTimer("satori_output_request_duration", "kind", "class"),
		retries:    m.NewCounter("satori_output_retries", "kind"),
		waiting:    m.NewGauge("satori_output_waiting"),
		authorized: m.NewGauge("satori_output_authorized"),
		lastWrite:  m.NewGauge("satori_output_last_write_timestamp_seconds"),
	}
	out.begin()
	return out
}

// refused is the one reason of failed customers: the words of SATORI are no label.
const refused = "refused"

// outcomes whose words are known beforehand; an own overwrite rule may give others.
var outcomes = map[string][]string{
	decide.Register: {decide.ReasonNew, decide.ReasonChanged},
	decide.Upsert:   {decide.ReasonNew, decide.ReasonChanged},
	decide.Skip:     {decide.ReasonUnchanged, decide.ReasonOlder, decide.ReasonExists},
	decide.Invalid:  {decide.ReasonNoEmail, decide.ReasonMalformedEmail},
	decide.Failed:   {refused},
}

// begin lets the counters exist before their first event, which Prometheus'
// increase() would not see otherwise.
func (m *metrics) begin() {
	for action, reasons := range outcomes {
		for _, reason := range reasons {
			m.customers.Incr(0, action, reason)
		}
	}
	for _, verb := range []string{decide.VerbRegistration, decide.VerbUpsert} {
		m.rows.Incr(0, verb)
	}
	for _, kind := range []string{"single", "upload", "status", "job", "record"} {
		m.retries.Incr(0, kind)
	}
}

func (m *metrics) observe(kind, class string, d time.Duration) {
	m.requests.Timing(d.Nanoseconds(), kind, class)
}

// decided counts by outcome.
func (m *metrics) decided(entries []entry) {
	for _, e := range entries {
		reason := e.reason
		if e.action == decide.Failed {
			reason = refused
		}
		m.customers.Incr(1, e.action, reason)
	}
}
