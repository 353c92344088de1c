package satorioutput

import (
	"fmt"
	"sort"
	"strings"
	"sync"

	"sansansatori/plugins/decide"
)

// tally counts outcomes for the summary at the end.
type tally struct {
	mu                  sync.Mutex
	counts              map[string]int64
	registered, changed int64 // accepted rows by whether the customer was new
}

func (t *tally) add(entries []entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]int64{}
	}
	for _, e := range entries {
		name := e.action
		if e.action == "skip" || e.action == "invalid" {
			name += " (" + e.reason + ")"
		}
		t.counts[name]++
		switch e.reason {
		case decide.ReasonNew:
			t.registered++
		case decide.ReasonChanged:
			t.changed++
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

// totals for the guards: new and changed customers, failures, all decisions.
func (t *tally) totals() (registrations, changes, failed, all int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, n := range t.counts {
		all += n
		if name == decide.Failed {
			failed += n
		}
	}
	return t.registered, t.changed, failed, all
}
