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
	room    time.Time     // when there was room for calls again, after none
	gather  gather
	newRun  func() // told that a run begins
	// counting: a guard counts, and nothing of this run was given out yet.
	counting bool
}

func newQueue(g gather) *queue {
	return &queue{
		busy: map[ledger.Key]bool{}, readers: map[string]*reader{},
		changed: make(chan struct{}, 1), gather: g, newRun: func() {}, counting: g.counted,
	}
}

func (q *queue) wake() {
	select {
	case q.changed <- struct{}{}:
	default:
	}
}

// add takes in the cards of a call that now waits for its results.
func (q *queue) add(pages []page, cards []*waiting) {
	q.mu.Lock()
	if q.calls == 0 && q.idle() {
		q.newRun()
		q.counting = q.gather.counted
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

// leave notes, once, that a call no longer waits.
func (q *queue) leave(c *call) {
	if c.gone {
		return
	}
	if c.gone = true; q.calls == q.gather.calls {
		q.room = time.Now()
	}
	q.calls--
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
