package satorioutput

import (
	"slices"
	"time"
)

// gather says how long cards wait for more of them.
type gather struct {
	linger  time.Duration
	maxRows int
	calls   int  // that wait at most: max_in_flight
	counted bool // by a guard, which is to see a whole run before it is written
}

// patience is how many times linger a customer waits at most while others keep
// coming: fewer, larger requests are what SATORI asks for.
const patience = 10

// guarded is how many times linger a guard waits for the rest of a run: the
// pipeline may have dropped its last page.
const guarded = 3

// worthwhile is the part of max_rows for which a request is sent while others are
// under way and no more can come.
const worthwhile = 2

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
	if coming && !full && !q.enough(len(ready), calls) {
		if left := q.left(now, oldest); left > 0 {
			return nil, left
		}
	}
	slices.SortStableFunc(ready, inSansansOrder)
	if len(ready) > q.gather.maxRows {
		ready = ready[:q.gather.maxRows]
	}
	q.counting = false
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
	return q.left(now, q.cards[0].arrived)
}

// enough cards for a request: as many as it may have, or those of half of the
// calls that may wait, so that as many can come while they are written.
func (q *queue) enough(cards, calls int) bool {
	g := q.gather
	return cards >= g.maxRows || !q.counting && cards >= g.maxRows*2/3 && 2*calls >= g.calls
}

// left is how long to wait while more may come. Time in which none could come
// does not count.
func (q *queue) left(now, oldest time.Time) time.Duration {
	linger, quiet, age := q.gather.linger, now.Sub(q.last), now.Sub(oldest)
	if !q.room.IsZero() {
		quiet, age = min(quiet, now.Sub(q.room)), min(age, now.Sub(q.room))
	}
	if q.counting {
		return guarded*linger - quiet
	}
	return min(linger-quiet, patience*linger-age)
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
