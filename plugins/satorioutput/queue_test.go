package satorioutput

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/plugins/decide"
	"sansansatori/plugins/ledger"
)

const second = time.Second

var start = time.Date(2026, 4, 1, 9, 0, 0, 0, japan)

// waits makes a card of page n of reader r, updated at a second.
func waits(email, r string, n int64, updated int, arrived time.Time) *waiting {
	return &waiting{
		Card: &decide.Card{Key: ledger.KeyOf(email), ID: fmt.Sprintf("%s%d", email, n)},
		page: page{r, n, false}, updated: start.Add(time.Duration(updated) * second), arrived: arrived,
		call: &call{results: make([]error, 1), left: 1, done: make(chan struct{})},
	}
}

func ids(group []*waiting) (ids []string) {
	for _, w := range group {
		ids = append(ids, w.ID)
	}
	return
}

func TestQueueGathersUntilLinger(t *testing.T) {
	q := newQueue(gather{linger: second, maxRows: 10, calls: 64})
	q.add([]page{{"r", 1, false}}, []*waiting{waits("a", "r", 1, 0, start)})
	group, wait := q.take(start.Add(second / 4))
	require.Empty(t, group)
	require.Equal(t, 3*second/4, wait)
	group, _ = q.take(start.Add(second))
	require.Equal(t, []string{"a1"}, ids(group))
}

func TestQueueWaitsWhileMoreIsComing(t *testing.T) {
	q := newQueue(gather{linger: second, maxRows: 100, calls: 64})
	now := start
	for n := int64(1); n <= 20; n++ {
		q.add([]page{{"r", n, false}}, []*waiting{waits("a", "r", n, int(n), now)})
		now = now.Add(second / 2)
		group, wait := q.take(now)
		if n == 20 {
			require.Len(t, group, 20, "but not for ever")
			return
		}
		require.Empty(t, group)
		require.Equal(t, second/2, wait)
	}
}

func TestQueueGivesAFullGroupAtOnce(t *testing.T) {
	q := newQueue(gather{linger: second, maxRows: 2, calls: 64})
	q.add([]page{{"r", 1, false}}, []*waiting{
		waits("a", "r", 1, 2, start), waits("b", "r", 1, 1, start), waits("c", "r", 1, 3, start),
	})
	group, _ := q.take(start)
	require.Equal(t, []string{"b1", "a1"}, ids(group))
	require.Equal(t, 1, q.len())
}

func TestQueueDoesNotWaitWhereNothingCanCome(t *testing.T) {
	t.Run("as many calls wait as may", func(t *testing.T) {
		q := newQueue(gather{linger: second, maxRows: 10, calls: 2})
		q.add([]page{{"r", 1, false}}, []*waiting{waits("a", "r", 1, 1, start)})
		group, _ := q.take(start)
		require.Empty(t, group)
		q.add([]page{{"r", 2, false}}, []*waiting{waits("b", "r", 2, 2, start)})
		group, _ = q.take(start)
		require.Equal(t, []string{"a1", "b2"}, ids(group))
	})
	t.Run("half of the calls nearly fill a request", func(t *testing.T) {
		q := newQueue(gather{linger: second, maxRows: 3, calls: 4})
		q.add([]page{{"r", 1, false}}, []*waiting{waits("a", "r", 1, 1, start)})
		group, _ := q.take(start)
		require.Empty(t, group)
		q.add([]page{{"r", 2, false}}, []*waiting{waits("b", "r", 2, 2, start)})
		group, _ = q.take(start)
		require.Equal(t, []string{"a1", "b2"}, ids(group))
		q.add([]page{{"r", 3, false}}, []*waiting{waits("a", "r", 3, 3, start)})
		q.add([]page{{"r", 4, false}}, []*waiting{waits("a", "r", 4, 4, start)})
		group, wait := q.take(start)
		require.Empty(t, group, "a is being written")
		require.Zero(t, wait)
	})
	t.Run("few cards are not worth a request while others make room", func(t *testing.T) {
		q := newQueue(gather{linger: second, maxRows: 20, calls: 2})
		q.add([]page{{"r", 1, false}}, []*waiting{waits("a", "r", 1, 1, start)})
		q.add([]page{{"r", 2, false}}, []*waiting{waits("a", "r", 2, 2, start), waits("b", "r", 2, 2, start)})
		first, _ := q.take(start)
		require.Len(t, first, 3, "no more can come")
		q.again(first[1:]) // they have to wait for the first
		q.free([]ledger.Key{ledger.KeyOf("b")})
		group, wait := q.take(start)
		require.Empty(t, group)
		require.Zero(t, wait)
		q.free([]ledger.Key{ledger.KeyOf("a")})
		group, _ = q.take(start)
		require.Len(t, group, 2)
	})
	t.Run("the last page of a run is here", func(t *testing.T) {
		q := newQueue(gather{linger: second, maxRows: 10, calls: 64})
		q.add([]page{{"r", 2, true}}, []*waiting{waits("b", "r", 2, 2, start)})
		group, _ := q.take(start)
		require.Empty(t, group, "but not the one before it")
		q.add([]page{{"r", 1, false}}, []*waiting{waits("a", "r", 1, 1, start)})
		group, _ = q.take(start)
		require.Equal(t, []string{"a1", "b2"}, ids(group))
		q.add([]page{{"r", 3, false}}, []*waiting{waits("c", "r", 3, 3, start)})
		group, _ = q.take(start)
		require.Empty(t, group, "another run has begun")
	})
	t.Run("one of two readers still reads", func(t *testing.T) {
		q := newQueue(gather{linger: second, maxRows: 10, calls: 64})
		q.add([]page{{"r", 1, true}, {"s", 1, false}}, []*waiting{waits("a", "r", 1, 1, start), waits("b", "s", 1, 1, start)})
		group, _ := q.take(start)
		require.Empty(t, group)
	})
}

func TestQueueShowsAGuardTheWholeRun(t *testing.T) {
	runs := 0
	q := newQueue(gather{linger: second, maxRows: 100, calls: 64, counted: true})
	q.newRun = func() { runs++ }
	now := start
	for n := int64(1); n <= 20; n++ {
		now = now.Add(2 * second)
		q.add([]page{{"r", n, n == 20}}, []*waiting{waits("a", "r", n, int(n), now)})
		group, _ := q.take(now)
		require.Len(t, group, map[bool]int{true: 20}[n == 20])
		for _, w := range group {
			q.finish(w, nil)
		}
	}
	require.Zero(t, runs)
	q.add([]page{{"r", 21, false}}, []*waiting{waits("a", "r", 21, 21, now)})
	q.add([]page{{"r", 22, false}}, []*waiting{waits("a", "r", 22, 22, now)})
	require.Equal(t, 1, runs, "a run begins after the last page, when all of it is done")
	q.free([]ledger.Key{ledger.KeyOf("a")})
	group, _ := q.take(now.Add(2 * second))
	require.Empty(t, group)
	group, _ = q.take(now.Add(3 * second))
	require.Len(t, group, 2, "the last page may never come: the mapping can leave all of it out")
	q.add([]page{{"r", 23, false}}, []*waiting{waits("b", "r", 23, 23, now.Add(4*second))})
	group, _ = q.take(now.Add(5 * second))
	require.Len(t, group, 1, "what comes then is too late to be held back")
}

func TestQueueKeepsPagesInOrder(t *testing.T) {
	q := newQueue(gather{linger: second, maxRows: 1, calls: 64})
	q.add([]page{{"r", 2, false}}, []*waiting{waits("a", "r", 2, 2, start)})
	group, wait := q.take(start)
	require.Empty(t, group, "page 1 has been overtaken")
	require.Equal(t, second, wait)
	q.add([]page{{"r", 1, false}}, []*waiting{waits("a", "r", 1, 1, start)})
	group, _ = q.take(start)
	require.Equal(t, []string{"a1"}, ids(group))
}

func TestQueueDoesNotWaitForEverForAPage(t *testing.T) {
	q := newQueue(gather{linger: second, maxRows: 1, calls: 64})
	q.add([]page{{"r", 3, false}}, []*waiting{waits("a", "r", 3, 2, start)})
	group, _ := q.take(start.Add(second))
	require.Equal(t, []string{"a3"}, ids(group))
	q.add([]page{{"r", 4, false}}, []*waiting{waits("b", "r", 4, 2, start)})
	group, _ = q.take(start)
	require.Equal(t, []string{"b4"}, ids(group), "page 1 and 2 are no longer waited for")
}

func TestQueueKeepsOneCustomerOutOfTwoGroups(t *testing.T) {
	q := newQueue(gather{linger: 0, maxRows: 1, calls: 64})
	q.add(nil, []*waiting{waits("a", "r", 1, 1, start), waits("a", "r", 2, 2, start)})
	first, _ := q.take(start)
	require.Equal(t, []string{"a1"}, ids(first))
	group, wait := q.take(start)
	require.Empty(t, group)
	require.Zero(t, wait)
	q.free(keysOf(first))
	group, _ = q.take(start)
	require.Equal(t, []string{"a2"}, ids(group))
}

func TestQueueForgetsACallNobodyWaitsFor(t *testing.T) {
	q := newQueue(gather{linger: 0, maxRows: 10, calls: 64})
	gone := waits("a", "r", 1, 1, start)
	q.add(nil, []*waiting{gone, waits("b", "r", 1, 1, start)})
	q.drop(gone.call)
	group, _ := q.take(start)
	require.Equal(t, []string{"b1"}, ids(group))
}

func TestBatchErrorNamesEachMessage(t *testing.T) {
	c := &call{results: []error{nil, nil}}
	require.NoError(t, c.batchError(nil), "no typed nil")
}

func TestQueueWaitsForAPageLongerThanItLingers(t *testing.T) {
	q := newQueue(gather{linger: time.Millisecond, maxRows: 10, calls: 64})
	q.add([]page{{"r", 2, false}}, []*waiting{waits("a", "r", 2, 2, start)})
	group, wait := q.take(start.Add(second / 4))
	require.Empty(t, group, "page 1 was overtaken")
	require.Equal(t, 3*second/4, wait)
	q.add([]page{{"r", 1, false}}, []*waiting{waits("a", "r", 1, 1, start.Add(second/4))})
	group, _ = q.take(start.Add(second / 2))
	require.Equal(t, []string{"a1", "a2"}, ids(group))
}
