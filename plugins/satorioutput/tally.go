package satorioutput

import (
	"fmt"
	"sort"
	"strings"
	"sync"

	"sansansatori/plugins/decide"
)

// tally counts outcomes: of all that was done for the summary at the end, and of
// this run for the guards.
type tally struct {
	mu     sync.Mutex
	counts map[string]int64
	run    totals
}

// totals of a run: accepted rows by whether the customer was new, failures, and
// all decisions.
type totals struct{ registrations, changes, failed, all int64 }

// newRun begins the guards' counts anew. Failures are counted on over runs that
// are too small to have a share.
func (t *tally) newRun() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.run.registrations, t.run.changes = 0, 0
	if t.run.all >= failedFrom {
		t.run.failed, t.run.all = 0, 0
	}
}

func (t *tally) add(entries []entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]int64{}
	}
	for _, e := range entries {
		name := e.action
		if e.action == decide.Skip || e.action == decide.Invalid {
			name += " (" + e.reason + ")"
		}
		t.counts[name]++
		t.run.all++
		switch {
		case e.action == decide.Failed:
			t.run.failed++
		case e.reason == decide.ReasonNew:
			t.run.registrations++
		case e.reason == decide.ReasonChanged:
			t.run.changes++
		}
	}
}

// summary in one line; empty when nothing was decided.
func (t *tally) summary() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.counts) == 0 {
		return ""
	}
	names := make([]string, 0, len(t.counts))
	for name := range t.counts {
		names = append(names, name)
	}
	sort.Strings(names)
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, t.counts[name])
	}
	return "Customers: " + strings.Join(names, ", ")
}

func (t *tally) thisRun() totals {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.run
}
