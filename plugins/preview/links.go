package preview

import (
	"fmt"
	"maps"
	"slices"

	"github.com/redpanda-data/benthos/v4/public/service"

	"sansansatori/plugins/pipelinefile"
	"sansansatori/plugins/report"
)

// links is what the two ends are configured to do; of several satori_outputs, the
// first.
type links struct {
	sansanRate             float64
	writing                report.Writing
	registrations, changes int
	failedShare            float64
}

func linksOf(env *service.Environment, p *pipelinefile.Pipeline) (l links, err error) {
	inputs, outputs := p.Components("sansan_input"), p.Components("satori_output")
	if len(inputs) == 0 {
		return l, errNoInput
	}
	if len(outputs) == 0 {
		return l, errNoOutput
	}
	in, err := pipelinefile.InputFields(env, "sansan_input", inputs[0])
	if err != nil {
		return l, err
	}
	out, err := pipelinefile.OutputFields(env, "satori_output", outputs[0])
	if err != nil {
		return l, err
	}
	l.sansanRate = in.Number("requests_per_second")
	l.writing = report.Writing{
		API: out.Text("api"), Threshold: int(out.Number("bulk_threshold")),
		MaxRows: int(out.Number("max_rows")), Rate: out.Number("requests_per_second"),
	}
	l.registrations = int(out.Number("limits.max_registrations"))
	l.changes = int(out.Number("limits.max_changes"))
	l.failedShare = out.Number("limits.max_failed_share")
	return l, nil
}

func (l links) cost(f *figures) report.Cost {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := report.Cost{Sansan: f.requests, SansanRate: l.sansanRate, SatoriRate: l.writing.Rate}
	for _, verb := range slices.Sorted(maps.Keys(f.rows)) {
		c.AddRows(f.rows[verb], l.writing)
	}
	return c
}

// warnings say which limits the real run would meet.
func (l links) warnings(r *report.Report) []string {
	var registered, changed, failed int
	for _, c := range r.Counts() {
		switch {
		case c.Action == "failed":
			failed += c.Cards
		case c.Reason == "new":
			registered += c.Cards
		case c.Reason == "changed":
			changed += c.Cards
		}
	}
	var said []string
	if l.registrations > 0 && registered > l.registrations {
		said = append(said, fmt.Sprintf("the run would stop: it would register %d customers and limits.max_registrations is %d", registered, l.registrations))
	}
	if l.changes > 0 && changed > l.changes {
		said = append(said, fmt.Sprintf("the run would stop: it would change %d customers and limits.max_changes is %d", changed, l.changes))
	}
	if l.failedShare > 0 && float64(failed) > l.failedShare*float64(r.Cards()) {
		said = append(said, fmt.Sprintf("the run would stop: %d of %d cards fail and limits.max_failed_share is %g", failed, r.Cards(), l.failedShare))
	}
	return said
}
