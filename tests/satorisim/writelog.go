package satorisim

import (
	"iter"
	"maps"
	"slices"
	"time"
)

// Verb is what a write did.
type Verb string

// The verbs.
const (
	Registration Verb = "registration"
	Upsert       Verb = "upsert"
	Delete       Verb = "delete"
)

// entry is a write as it is kept: small, because a benchmark keeps 100,000s.
// Header and cells are shared with the job.
type entry struct {
	at          time.Time
	verb        Verb
	created     bool
	row         int
	job         *job // nil: single
	cols        *columns
	values      []string
	changed     []change // nil when created: all that was sent
	tagsAdded   []string // likewise
	tagsRemoved []string
}

type change struct {
	item int16
	old  string
}

// repeated reports a write that changed nothing.
func (e *entry) repeated() bool {
	return !e.created && e.verb != Delete && len(e.changed)+len(e.tagsAdded)+len(e.tagsRemoved) == 0
}

// Change is one item's value before and after a write.
type Change struct{ From, To string }

// Write is one write of a customer that SATORI applied.
type Write struct {
	Time        time.Time
	Verb        Verb
	Bulk        bool
	Job         string            // process code; "" for a single call
	Row         int               // 0-based row of the job
	Created     bool              // the customer did not exist before
	Sent        map[string]string // what was sent, blanks left out; append_tags as sent
	Changed     map[string]Change // what became different
	TagsAdded   []string
	TagsRemoved []string
}

// Repeated reports a write that changed nothing.
func (w Write) Repeated() bool {
	return !w.Created && w.Verb != Delete && len(w.Changed)+len(w.TagsAdded)+len(w.TagsRemoved) == 0
}

func (s *Sim) public(e *entry) Write {
	w := Write{
		Time: e.at, Verb: e.verb, Bulk: e.job != nil, Job: e.job.codeOf(), Row: e.row, Created: e.created,
		Sent: map[string]string{}, Changed: map[string]Change{},
		TagsAdded: slices.Clone(e.tagsAdded), TagsRemoved: slices.Clone(e.tagsRemoved),
	}
	if e.cols == nil {
		return w
	}
	after := map[int]string{}
	for i, col := range e.cols.at {
		if isBlank(e.values[i]) {
			continue
		}
		switch {
		case col >= 0:
			w.Sent[s.schema.items[col].name] = e.values[i]
			after[col] = e.values[i]
			if e.created {
				w.Changed[s.schema.items[col].name] = Change{To: e.values[i]}
			}
		case col == columnAppendTags:
			w.Sent["append_tags"] = e.values[i]
		case col == columnDeleteTags:
			w.Sent["delete_tags"] = e.values[i]
		case col == columnHashcode:
			w.Sent["hashcode"] = e.values[i]
		}
	}
	if e.created {
		w.TagsAdded = firstTags(e.cols, e.values)
	}
	for _, c := range e.changed {
		w.Changed[s.schema.items[c.item].name] = Change{From: c.old, To: after[int(c.item)]}
	}
	return w
}

// log is a customer's history, also of one deleted since.
func (s *Sim) log(key string) []entry {
	if c := s.table.byEmail[key]; c != nil {
		return c.log
	}
	return s.table.gone[key]
}

// Writes is the history of one customer, oldest first. It survives a deletion.
func (s *Sim) Writes(email string) []Write {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	log := s.log(s.key(email))
	out := make([]Write, len(log))
	for i := range log {
		out[i] = s.public(&log[i])
	}
	return out
}

// EachWrite walks the histories of all customers: by e-mail, each oldest first.
func (s *Sim) EachWrite() iter.Seq2[string, Write] {
	return func(yield func(string, Write) bool) {
		s.mu.Lock()
		s.advance()
		keys := slices.AppendSeq(make([]string, 0, len(s.table.byEmail)), maps.Keys(s.table.byEmail))
		keys = slices.AppendSeq(keys, maps.Keys(s.table.gone))
		s.mu.Unlock()
		slices.Sort(keys)
		for _, k := range keys {
			for _, w := range s.Writes(k) {
				if !yield(k, w) {
					return
				}
			}
		}
	}
}

// Backward is a value that was replaced by a smaller one.
type Backward struct {
	Email string
	Write Write
	Change
}

// Backwards finds every write that replaced a value of the item by a smaller
// one. For dates (名刺交換日) it must stay empty under rule 2-3.
func (s *Sim) Backwards(item string) []Backward {
	var found []Backward
	for email, w := range s.EachWrite() {
		if c, ok := w.Changed[item]; ok && c.From != "" && c.To < c.From {
			found = append(found, Backward{Email: email, Write: w, Change: c})
		}
	}
	return found
}
