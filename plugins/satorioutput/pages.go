package satorioutput

import "time"

// overtaking is how long, at least, a page waits for one that it overtook and
// that may not come at all: a pipeline can drop every card of it.
const overtaking = time.Second

// reader keeps count of the pages of one sansan_input: calls run side by side,
// and a page may overtake the one before it.
type reader struct {
	next int64 // all pages before it have arrived
	seen map[int64]bool
	last int64 // page that ended a run
}

// idle: nothing more comes until its next run.
func (r *reader) idle() bool { return r.next == r.last+1 && len(r.seen) == 0 }

// arrive notes pages, also of cards that need no decision.
func (q *queue) arrive(p page) {
	if p.reader == "" {
		return
	}
	r := q.readers[p.reader]
	if r == nil {
		r = &reader{next: 1, seen: map[int64]bool{}}
		q.readers[p.reader] = r
	}
	if p.last {
		r.last = max(r.last, p.number) // a refused page comes again, later
	}
	if p.number < r.next {
		return
	}
	r.seen[p.number] = true
	r.advance()
}

func (r *reader) advance() {
	for r.seen[r.next] {
		delete(r.seen, r.next)
		r.next++
	}
}

// inOrder: every page before this card's has arrived.
func (q *queue) inOrder(w *waiting) bool {
	r := q.readers[w.page.reader]
	return r == nil || w.page.number < r.next
}

// idle: every reader has given its run's last page. Where cards come from
// something else, there are no runs.
func (q *queue) idle() bool {
	for _, r := range q.readers {
		if !r.idle() {
			return false
		}
	}
	return len(q.readers) > 0
}

// passed gives up waiting for the pages before one that has waited long enough.
func (q *queue) passed(p page) {
	r := q.readers[p.reader]
	if r == nil || p.number < r.next {
		return
	}
	r.next = p.number + 1
	for n := range r.seen {
		if n < r.next {
			delete(r.seen, n)
		}
	}
	r.advance()
}
