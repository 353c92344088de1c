package satorioutput

import (
	"slices"
	"sync"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"

	"sansansatori/plugins/ledger"
)

// queue holds the customers of all waiting calls. It gives out groups: cards in
// the order in which Sansan has them, none whose customer is being written.
type queue struct {
	mu      sync.Mutex
	cards   []*waiting
	busy    map[ledger.Key]bool
	readers map[string]*reader
	changed chan struct{} // holds one token when something may be ready
	last    time.Time     // when a card came last
	calls   int           // that wait for results
	gather  gather
	newRun  func() // told that a run begins
}

// gather says how long cards wait for more of them.
type gather struct {
	linger  time.Duration
	maxRows int
	calls   int  // that wait at most: max_in_flight
	counted bool // by a guard, which is to see a whole run before it is written
}

// enough cards for a request: as many as it may have, or those of half of the
// calls that may wait, so that as many can come while they are written.
func (g gather) enough(cards, calls int) bool {
	return cards >= g.maxRows || cards >= g.maxRows*2/3 && 2*calls >= g.calls
}

// left is how long to wait while more may come.
func (g gather) left(now, last, oldest time.Time) time.Duration {
	if g.counted {
		return patience*g.linger - now.Sub(last)
	}
	return min(g.linger-now.Sub(last), patience*g.linger-now.Sub(oldest))
}

// patience is how many times linger a customer waits at most while others keep
// coming: fewer, larger requests are what SATORI asks for.
const patience = 10

// worthwhile is the part of max_rows for which a request is sent while others are
// under way and no more can come.
const worthwhile = 10

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

func newQueue(g gather) *queue {
	return &queue{
		busy: map[ledger.Key]bool{}, readers: map[string]*reader{},
		changed: make(chan struct{}, 1), gather: g, newRun: func() {},
	}
}

func (q *queue) wake() {
	select {
	case q.changed <- struct{}{}:
	default:
	}
}

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
		r.last = p.number
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

// add takes in the cards of a call that now waits for its results.
func (q *queue) add(pages []page, cards []*waiting) {
	q.mu.Lock()
	if q.calls == 0 && q.idle() {
		q.newRun()
	}
	q.calls++
	for _, p := range pages {
		q.arrive(p)
	}
	q.cards = append(q.cards, cards...)
	for _, w := range cards {
		if w.arrived.After(q.last) {
			q.last = w.arrived
		}
	}
	q.mu.Unlock()
	q.wake()
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

// leave notes, once, that a call no longer waits.
func (q *queue) leave(c *call) {
	if !c.gone {
		c.gone = true
		q.calls--
	}
}

// again puts cards back that could not be decided or written yet; those that are
// finished or wait already stay as they are.
func (q *queue) again(cards []*waiting) {
	if len(cards) == 0 {
		return
	}
	q.mu.Lock()
	here := make(map[*waiting]bool, len(q.cards))
	for _, w := range q.cards {
		here[w] = true
	}
	for _, w := range cards {
		if w.call != nil && !here[w] {
			here[w] = true
			q.cards = append(q.cards, w)
		}
	}
	q.mu.Unlock()
	q.wake()
}

// free says that customers are no longer being written.
func (q *queue) free(keys []ledger.Key) {
	q.mu.Lock()
	for _, k := range keys {
		delete(q.busy, k)
	}
	q.mu.Unlock()
	q.wake()
}

// drop forgets the waiting cards of a call nobody waits for.
func (q *queue) drop(c *call) {
	q.mu.Lock()
	q.cards = slices.DeleteFunc(q.cards, func(w *waiting) bool { return w.call == c })
	q.leave(c)
	q.mu.Unlock()
}

// drain takes every waiting card, ready or not.
func (q *queue) drain() []*waiting {
	q.mu.Lock()
	defer q.mu.Unlock()
	cards := q.cards
	q.cards = nil
	return cards
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.cards)
}

// take gives the next group and marks its customers as busy, or says how long to
// wait for one (0: until something changes).
func (q *queue) take(now time.Time) (group []*waiting, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if wait := q.lingering(now); wait > 0 {
		return nil, wait
	}
	var ready []*waiting
	var oldest time.Time
	coming := false // more cards may come
	calls, last := 0, (*call)(nil)
	for _, w := range q.cards {
		if q.busy[w.Key] {
			continue
		}
		if left := max(q.gather.linger, overtaking) - now.Sub(w.arrived); left > 0 && !q.inOrder(w) {
			if wait == 0 || left < wait {
				wait = left
			}
			continue
		}
		if oldest.IsZero() || w.arrived.Before(oldest) {
			oldest = w.arrived
		}
		if !coming {
			r := q.readers[w.page.reader]
			coming = r == nil || !r.idle()
		}
		if w.call != last {
			calls, last = calls+1, w.call
		}
		ready = append(ready, w)
	}
	if len(ready) == 0 {
		return nil, wait
	}
	full := q.calls >= q.gather.calls
	if full && len(q.busy) > 0 && len(ready) < q.gather.maxRows/worthwhile {
		return nil, 0 // what is under way makes room, for a request that is worth it
	}
	if coming && !full && !q.gather.enough(len(ready), calls) {
		if left := q.gather.left(now, q.last, oldest); left > 0 {
			return nil, left
		}
	}
	slices.SortStableFunc(ready, inSansansOrder)
	if len(ready) > q.gather.maxRows {
		ready = ready[:q.gather.maxRows]
	}
	taken := make(map[*waiting]bool, len(ready))
	for _, w := range ready {
		taken[w] = true
		q.busy[w.Key] = true
		q.passed(w.page)
	}
	q.cards = slices.DeleteFunc(q.cards, func(w *waiting) bool { return taken[w] })
	return ready, 0
}

// lingering says without looking at every card how long there is nothing to take
// at least.
func (q *queue) lingering(now time.Time) time.Duration {
	if len(q.cards) == 0 || len(q.cards) >= q.gather.maxRows*2/3 || q.calls >= q.gather.calls {
		return 0
	}
	if q.idle() {
		return 0
	}
	return q.gather.left(now, q.last, q.cards[0].arrived)
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

// inSansansOrder: ascending updatedTime, then as the pages came.
func inSansansOrder(a, b *waiting) int {
	if c := a.updated.Compare(b.updated); c != 0 {
		return c
	}
	if a.page.reader == b.page.reader && a.page.number != b.page.number {
		if a.page.number < b.page.number {
			return -1
		}
		return 1
	}
	return a.arrived.Compare(b.arrived)
}

// finish gives a message its result and wakes the call when it was the last.
func (q *queue) finish(w *waiting, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := w.call
	if c == nil {
		return
	}
	w.call = nil // finished once
	c.results[w.index] = err
	c.left--
	if c.left == 0 {
		q.leave(c)
		close(c.done)
	}
}

// batchError gives the results of a finished call in the engine's form.
func (c *call) batchError(batch service.MessageBatch) error {
	var failed *service.BatchError
	for i, err := range c.results {
		if err == nil {
			continue
		}
		if failed == nil {
			failed = service.NewBatchError(batch, err)
		}
		failed = failed.Failed(i, err)
	}
	if failed == nil {
		return nil // not the typed nil: it would be an error
	}
	return failed
}
