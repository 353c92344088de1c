package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"hash/maphash"
	"slices"
	"strings"
	"time"
)

// Actions of the journal, in the order in which people read them.
var actions = []string{"register", "upsert", "skip", "invalid", "failed"}

// Count is how many cards had one outcome.
type Count struct {
	Action string `json:"action"`
	Reason string `json:"reason"`
	Cards  int    `json:"cards"`
}

// Report gathers decisions. Its zero value is not ready: use New.
type Report struct {
	keepRows bool
	preview  bool
	from, to time.Time // of the entries
	cards    int
	bad      int
	cost     *Cost

	kinds     []Count
	kindOf    map[[2]string]int
	items     [][]string
	itemsOf   map[string]int
	customers map[uint64]struct{} // written ones, by a hash of their address
	seed      maphash.Seed
	rows      bytes.Buffer // JSON rows, comma-separated: [kind, seconds, email, card, items]
	failures  []Entry      // the first ones, for the summary
}

// New begins a report. rows says whether each decision is kept, for HTML, or
// only counted.
func New(rows bool) *Report {
	return &Report{
		keepRows: rows, kindOf: map[[2]string]int{}, itemsOf: map[string]int{},
		customers: map[uint64]struct{}{}, seed: maphash.MakeSeed(),
	}
}

// failuresShown is how many failures a summary names.
const failuresShown = 5

// Add takes one decision.
func (r *Report) Add(e Entry) {
	r.cards++
	r.preview = r.preview || e.DryRun
	if !e.Time.IsZero() {
		if r.from.IsZero() || e.Time.Before(r.from) {
			r.from = e.Time
		}
		if e.Time.After(r.to) {
			r.to = e.Time
		}
	}
	kind := r.kind(e.Action, e.Reason)
	r.kinds[kind].Cards++
	switch e.Action {
	case "register", "upsert":
		r.customers[maphash.String(r.seed, e.Email)] = struct{}{}
	case "failed":
		if len(r.failures) < failuresShown {
			r.failures = append(r.failures, e)
		}
	}
	if r.keepRows {
		r.addRow(kind, e)
	}
}

func (r *Report) kind(action, reason string) int {
	key := [2]string{action, reason}
	i, ok := r.kindOf[key]
	if !ok {
		i = len(r.kinds)
		r.kindOf[key] = i
		r.kinds = append(r.kinds, Count{Action: action, Reason: reason})
	}
	return i
}

func (r *Report) addRow(kind int, e Entry) {
	name := strings.Join(e.Items, "\x00")
	list, ok := r.itemsOf[name]
	if !ok {
		list = len(r.items)
		r.itemsOf[name] = list
		r.items = append(r.items, slices.Clone(e.Items))
	}
	var seconds int64
	if !e.Time.IsZero() {
		seconds = e.Time.Unix()
	}
	// Marshal escapes <, > and &: no text can end the script element it is put in.
	row, _ := json.Marshal([]any{kind, seconds, e.Email, e.CardID, list})
	if r.rows.Len() > 0 {
		r.rows.WriteString(",\n")
	}
	r.rows.Write(row)
}

// SetBad notes how many lines of the journal could not be read.
func (r *Report) SetBad(n int) { r.bad = n }

// SetCost notes what the run uses of both services.
func (r *Report) SetCost(c Cost) { r.cost = &c }

// SetPreview marks a report on what a run would do, also one without decisions.
func (r *Report) SetPreview() { r.preview = true }

// Cards is the number of decisions.
func (r *Report) Cards() int { return r.cards }

// Counts by action and reason: in the order of the actions, the largest first.
func (r *Report) Counts() []Count {
	counts := slices.Clone(r.kinds)
	slices.SortStableFunc(counts, func(a, b Count) int {
		return cmp.Or(cmp.Compare(rank(a.Action), rank(b.Action)), cmp.Compare(b.Cards, a.Cards), cmp.Compare(a.Reason, b.Reason))
	})
	return counts
}

func rank(action string) int {
	if i := slices.Index(actions, action); i >= 0 {
		return i
	}
	return len(actions)
}

// byAction sums the counts, in the order of the actions.
func (r *Report) byAction() []Count {
	var sums []Count
	for _, c := range r.Counts() {
		if n := len(sums); n > 0 && sums[n-1].Action == c.Action {
			sums[n-1].Cards += c.Cards
			continue
		}
		sums = append(sums, Count{Action: c.Action, Cards: c.Cards})
	}
	return sums
}

// MarshalJSON gives the figures without any customer.
func (r *Report) MarshalJSON() ([]byte, error) {
	counts := r.Counts()
	if counts == nil {
		counts = []Count{}
	}
	return json.Marshal(struct {
		DryRun    bool       `json:"dry_run"`
		From      *time.Time `json:"from"`
		To        *time.Time `json:"to"`
		Cards     int        `json:"cards"`
		Customers int        `json:"customers_written"`
		Counts    []Count    `json:"counts"`
		Bad       int        `json:"unreadable_lines"`
		Cost      *Cost      `json:"requests,omitempty"`
	}{r.preview, orNil(r.from), orNil(r.to), r.cards, len(r.customers), counts, r.bad, r.cost})
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
