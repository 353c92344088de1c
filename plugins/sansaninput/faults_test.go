package sansaninput

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/require"

	"sansansatori/plugins/oneshot"
)

// oneIn lets every so-manieth request fail.
func oneIn(n int, status int, body string) func(int, *http.Request) (int, string) {
	return func(i int, _ *http.Request) (int, string) {
		if i%n == 0 {
			return status, body
		}
		return 0, ""
	}
}

// atTokens fails requests that bear a page token, as often as said.
func atTokens(times int, status int, body string) func(int, *http.Request) (int, string) {
	return func(_ int, r *http.Request) (int, string) {
		if r.URL.Query().Get("nextPageToken") == "" || times <= 0 {
			return 0, ""
		}
		times--
		return status, body
	}
}

// unproven: the order of update is that of registration, too.
func unproven(w *world) {
	for i := range w.cards {
		w.cards[i].registered = w.cards[i].at
	}
}

// repeatToken leads from the second page to the second page.
func repeatToken(q url.Values, answer map[string]any) {
	if token := q.Get("nextPageToken"); token != "" {
		answer["nextPageToken"], answer["hasMore"] = token, true
	}
}

func dropToken(_ url.Values, answer map[string]any) { delete(answer, "nextPageToken") }

// blurTimes makes the last update time of every page unreadable.
func blurTimes(_ url.Values, answer map[string]any) {
	rows := []any{}
	for _, c := range answer["data"].([]fakeCard) {
		rows = append(rows, c)
	}
	if n := len(rows); n > 0 {
		rows[n-1] = map[string]any{"id": rows[n-1].(fakeCard).id, "updatedTime": "yesterday"}
	}
	answer["data"] = rows
}

// TestFaultsAreSurvived: whatever Sansan does, every card comes, and the run ends.
func TestFaultsAreSurvived(t *testing.T) {
	const many = 1 << 30
	for name, test := range map[string]struct {
		shape   func(*world)
		control func(int, *http.Request) (int, string)
		most    int // requests for 95 cards in pages of 10
	}{
		"nothing":                        {most: 12},
		"too many requests":              {control: oneIn(2, 429, ""), most: 25},
		"too many requests, with a hint": {control: oneIn(3, 429, `{"retry_after":0.01}`), most: 20},
		"server errors":                  {control: oneIn(2, 500, `{"message":"x"}`), most: 25},
		"HTML":                           {control: oneIn(3, 502, "<html>"), most: 20},
		"HTML with 200":                  {control: oneIn(3, 200, "<html>"), most: 20},
		"truncated":                      {control: oneIn(3, 200, `{"data":[{"id":`), most: 20},
		"other JSON":                     {control: oneIn(3, 200, `{"data":"x"}`), most: 20},
		"hangs up":                       {control: oneIn(3, -1, ""), most: 20},
		"null rows": {control: func(i int, _ *http.Request) (int, string) {
			if i == 1 {
				return 200, `{"data":[null,null],"hasMore":true,"nextPageToken":"0"}`
			}
			return 0, ""
		}, most: 14},
		"empty page with more": {control: func(i int, _ *http.Request) (int, string) {
			if i == 1 {
				return 200, `{"data":[],"hasMore":true,"nextPageToken":"0"}`
			}
			return 0, ""
		}, most: 14},
		"a token expires":                             {control: atTokens(1, 400, `{"message":"expired"}`), most: 14},
		"a token is unknown":                          {control: atTokens(1, 404, ""), most: 14},
		"no token ever works":                         {control: atTokens(many, 400, ""), most: 25},
		"more is said, without a token":               {control: atTokens(many, 200, `{"data":[],"hasMore":true}`), most: 25},
		"a token repeats without end":                 {control: atTokens(many, 200, `{"data":[],"hasMore":true,"nextPageToken":"10"}`), most: 35},
		"registered order":                            {shape: func(w *world) { w.byName = true }, most: 12},
		"registered order, a token fails":             {shape: func(w *world) { w.byName = true }, control: atTokens(2, 400, ""), most: 24},
		"exclusive bounds":                            {shape: func(w *world) { w.exclusive = true }, most: 14},
		"long periods are refused":                    {shape: func(w *world) { w.longest = 48 * time.Hour }, most: 300},
		"all of one second":                           {shape: func(w *world) { flatten(w, 0, 95) }, most: 12},
		"a second across pages":                       {shape: func(w *world) { flatten(w, 5, 40) }, most: 14},
		"a second, exclusive bounds":                  {shape: func(w *world) { w.exclusive = true; flatten(w, 25, 70) }, most: 16},
		"a second at a page's edge, exclusive bounds": {shape: func(w *world) { w.exclusive = true; flatten(w, 9, 11) }, most: 14},
		"no order is proven":                          {shape: unproven, most: 12},
		"tokens repeat, no order is proven":           {shape: func(w *world) { unproven(w); w.spoil = repeatToken }, most: 25},
		"tokens are missing, no order is proven":      {shape: func(w *world) { unproven(w); w.spoil = dropToken }, most: 25},
		"times that cannot be read":                   {shape: func(w *world) { w.spoil = blurTimes }, most: 14},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ids := w.deal(95)
			if test.shape != nil {
				test.shape(w)
			}
			w.control = test.control
			got := all(t, connected(t, w.input(t, "start_time: \"2026-03-01T00:00:00+09:00\"")))
			slices.Sort(got)
			require.Equal(t, ids, slices.Compact(got))
			require.NoError(t, oneshot.Err())
			require.LessOrEqual(t, len(w.questions()), test.most)
			require.False(t, w.kept.cursor(t).LastRun.IsZero())
		})
	}
}

// TestAMovingListLosesNothing: a token is a number in a list that moves, so that
// each change of a card already read shifts the others.
func TestAMovingListLosesNothing(t *testing.T) {
	w := newWorld(t)
	ids := w.deal(200)
	var moved atomic.Int64
	w.control = func(n int, _ *http.Request) (int, string) {
		if n > 1 && n < 20 {
			w.touch(ids[n], func(c *fakeCard) { c.at = time.Now().Add(time.Hour) })
			moved.Add(1)
		}
		return 0, ""
	}
	got := all(t, connected(t, w.input(t, "")))
	slices.Sort(got)
	require.Equal(t, ids, slices.Compact(got))
	require.Greater(t, moved.Load(), int64(10))
}

// TestOrderThatBreaksLate: what looked ordered was not, so all is read anew.
func TestOrderThatBreaksLate(t *testing.T) {
	w := newWorld(t)
	ids := w.deal(95)
	w.byName = true
	for i := range w.cards[:80] { // as if in order of update: registration goes up
		w.cards[i].registered = day.Add(-time.Hour + time.Duration(i)*time.Second)
	}
	in := w.input(t, "")
	in.order.evidence = proof // wrongly
	got := all(t, connected(t, in))
	slices.Sort(got)
	require.Equal(t, ids, slices.Compact(got))
}

func TestAOneTimeRunThatCannotGoOnEndsTheProcess(t *testing.T) {
	for name, test := range map[string]struct {
		me      int
		control func(int, *http.Request) (int, string)
		more    string
		want    string
	}{
		"401 at once":       {me: 401, want: "Sansan refuses the key: check api_key (sansan: HTTP 401 unauthorized)"},
		"403 at once":       {me: 403, want: "Sansan gives the key no right to this: check the rights of the key's user, and that the key is not for Data Hub only (sansan: HTTP 403 forbidden)"},
		"401 later":         {control: oneIn(3, 401, `{"message":"revoked `+canary+`"}`), want: "Sansan refuses the key: check api_key (sansan: HTTP 401 revoked ***)"},
		"403 later":         {control: oneIn(3, 403, ``), want: "Sansan gives the key no right to this: check the rights of the key's user, and that the key is not for Data Hub only (sansan: HTTP 403)"},
		"wrong path":        {control: oneIn(1, 404, ``), want: "sansan: HTTP 404"},
		"refused":           {control: oneIn(1, 400, `{"message":"limit"}`), want: "sansan: HTTP 400 limit"},
		"down for too long": {control: oneIn(1, 503, ``), more: "backoff: { initial_interval: 1ms, max_interval: 5ms, max_elapsed_time: 30ms }", want: "no usable answer for 30ms: sansan: HTTP 503"},
		"astray for too long": {
			control: oneIn(1, 200, `{"data":[],"hasMore":true}`), more: "backoff: { initial_interval: 1ms, max_interval: 5ms, max_elapsed_time: 30ms }",
			want: "no usable answer for 30ms: sansan: the pages do not go on: the service repeats itself",
		},
		"a tag that is not there": {more: "tags: [展示会]", want: `tags: Sansan shows the key's user no tag "展示会": check the spelling, or that it is shared with the user`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.deal(95)
			if test.me != 0 {
				w.me = test.me
			}
			w.control = test.control
			in := w.input(t, test.more)
			err := in.Connect(t.Context())
			for err == nil {
				_, err = read(t, in)
			}
			require.ErrorIs(t, err, service.ErrEndOfInput)
			require.EqualError(t, oneshot.Err(), test.want)
			_, err = read(t, in)
			require.ErrorIs(t, err, service.ErrEndOfInput)
		})
	}
}

func TestAContinuousRunTriesOnSlowly(t *testing.T) {
	const every = "schedule: \"@every 1h\"\nbackoff: { initial_interval: 1ms, max_interval: 50ms }"
	w := newWorld(t)
	ids := w.deal(12)
	w.me = 401
	in := w.input(t, every)
	var wait *service.ErrBackOff
	for range 3 {
		err := in.Connect(t.Context())
		require.ErrorAs(t, err, &wait)
		require.ErrorContains(t, err, "Sansan refuses the key: check api_key")
		require.LessOrEqual(t, wait.Wait, 50*time.Millisecond)
	}
	require.Equal(t, 1, strings.Count(w.log.String(), "refuses the key"), "the cause is logged once")
	w.mu.Lock()
	w.me = 200
	w.mu.Unlock()
	require.Eventually(t, func() bool { return in.Connect(t.Context()) == nil }, 5*time.Second, 5*time.Millisecond)

	t.Log("the key is revoked in the middle of a run, and given back")
	p, err := read(t, in)
	require.NoError(t, err)
	w.mu.Lock()
	w.control = oneIn(1, 401, "")
	w.mu.Unlock()
	_, err = read(t, in)
	require.ErrorIs(t, err, service.ErrNotConnected)
	require.ErrorAs(t, in.Connect(t.Context()), &wait)
	w.mu.Lock()
	w.control = nil
	w.mu.Unlock()
	require.Eventually(t, func() bool { return in.Connect(t.Context()) == nil }, 5*time.Second, 5*time.Millisecond)
	got := p.ids
	for len(got) < 22 { // the run begins anew, behind its first page, which is not acknowledged
		p, err := read(t, in)
		require.NoError(t, err)
		got = append(got, p.ids...)
	}
	slices.Sort(got)
	require.Equal(t, ids, slices.Compact(got))
	require.NoError(t, oneshot.Err())
	require.Contains(t, w.metrics.all(), "sansan_input_runs{failed} 1")
}

func TestALongOutageIsWarnedAboutOnceAndSurvived(t *testing.T) {
	w := newWorld(t)
	ids := w.deal(5)
	begun := time.Now()
	w.control = func(int, *http.Request) (int, string) {
		if time.Since(begun) < 200*time.Millisecond {
			return 503, ""
		}
		return 0, ""
	}
	in := connected(t, w.input(t, "schedule: \"@every 1h\"\nbackoff: { initial_interval: 1ms, max_interval: 5ms, max_elapsed_time: 20ms }"))
	p, err := read(t, in)
	require.NoError(t, err)
	require.Equal(t, ids, p.ids)
	require.Equal(t, 1, strings.Count(w.log.String(), "No usable answer for 20ms, still trying: sansan: HTTP 503"), w.log.String())
}

func TestACursorThatIsNoneMeansAFullRead(t *testing.T) {
	for name, test := range map[string]struct{ value, says string }{
		"empty":           {"", "The cursor cannot be read"},
		"torn":            {`{"version":1,"posi`, "The cursor cannot be read"},
		"another version": {`{"version":2,"position":"2026-10-01T00:00:00Z"}`, "The cursor cannot be read"},
		"no position":     {`{"version":1}`, "The cursor cannot be read"},
		"in the future":   {`{"version":1,"position":"2999-01-01T00:00:00Z"}`, "The cursor cannot be read"},
		"other cards":     {`{"version":1,"asked":"0123","position":"2026-10-01T00:00:00Z"}`, "Other cards are asked for than before"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ids := w.deal(12)
			w.kept.put(test.value)
			require.Equal(t, ids, all(t, connected(t, w.input(t, ""))))
			require.Equal(t, 1, strings.Count(w.log.String(), test.says))
			require.False(t, w.kept.cursor(t).LastFull.IsZero())
			require.Empty(t, all(t, connected(t, w.input(t, ""))), "the next run is an ordinary one")
		})
	}
}

func TestWhatIsAskedForIsPartOfTheCursor(t *testing.T) {
	base := connectedConfig(t, newWorld(t))
	for name, change := range map[string]func(*config){
		"host":       func(c *config) { c.client.BaseURL = "https://elsewhere/v3.2" },
		"range":      func(c *config) { c.rng = "me" },
		"owners":     func(c *config) { c.owners = []string{"a"} },
		"tags":       func(c *config) { c.tags = []string{"a"} },
		"past cards": func(c *config) { c.includePast = true },
		"start time": func(c *config) { c.start = c.start.Add(time.Second) },
	} {
		other := base
		change(&other)
		require.NotEqual(t, asked(base), asked(other), name)
	}
	same := base
	same.client.APIKey, same.pageSize, same.client.BaseURL = "another", 7, strings.Replace(base.client.BaseURL, "v3.2", "v6.0", 1)
	require.Equal(t, asked(base), asked(same), "a new key, page size or version asks for the same cards")
}

func TestTroubleOfTheCache(t *testing.T) {
	t.Run("reading is tried again", func(t *testing.T) {
		w := newWorld(t)
		ids := w.deal(3)
		all(t, connected(t, w.input(t, "")))
		fails := 3
		w.kept.getErr = func() error {
			if fails--; fails >= 0 {
				return errors.New("cache is away")
			}
			return nil
		}
		require.Empty(t, all(t, connected(t, w.input(t, ""))), "no full read of %v", ids)
	})
	t.Run("a failed write is made up for by the next page", func(t *testing.T) {
		w := newWorld(t)
		w.deal(40)
		in := connected(t, w.input(t, ""))
		got := pages(t, in)
		w.kept.setErr = func() error { return errors.New("disk is full") }
		got[0].ack()
		require.Zero(t, w.kept.cursor(t))
		require.Equal(t, []string{"sansan_input_checkpoint_errors{} 1"}, w.metrics.matching("sansan_input_checkpoint"))
		require.Contains(t, w.log.String(), "the cursor's cache cursor: writing: disk is full")
		w.kept.setErr = nil
		got[1].ack()
		require.True(t, w.kept.cursor(t).Position.Equal(day.Add(18*time.Minute)), w.kept.cursor(t).Position)
	})
	t.Run("the last write of a run is tried again at once", func(t *testing.T) {
		w := newWorld(t)
		w.deal(3)
		fails := 2
		w.kept.setErr = func() error {
			if fails--; fails >= 0 {
				return errors.New("disk is full")
			}
			return nil
		}
		all(t, connected(t, w.input(t, "")))
		require.False(t, w.kept.cursor(t).LastRun.IsZero())
	})
}

func TestFullReads(t *testing.T) {
	const due = "full_read: \"@every 1ms\"\nschedule: \"once\""
	w := newWorld(t)
	ids := w.deal(35)
	all(t, connected(t, w.input(t, "")))
	before := w.kept.cursor(t)

	t.Log("interrupted: the cursor stays, and the next one begins anew")
	in := connected(t, w.input(t, due))
	p, err := read(t, in)
	require.NoError(t, err)
	require.Equal(t, ids[:10], p.ids)
	p.ack()
	require.NoError(t, in.Close(t.Context()))
	require.Equal(t, before, w.kept.cursor(t))
	require.Equal(t, ids, all(t, connected(t, w.input(t, due))))
	after := w.kept.cursor(t)
	require.True(t, after.LastFull.After(before.LastFull))
	require.False(t, after.Position.Before(before.Position))

	t.Log("not due: an ordinary run")
	require.Empty(t, all(t, connected(t, w.input(t, "full_read: \"@every 1h\""))))
	require.True(t, w.kept.cursor(t).LastFull.Equal(after.LastFull))
}

func TestAFullReadIsNotLostWhenTheNextRunIsAcknowledgedFirst(t *testing.T) {
	w := newWorld(t)
	ids := w.deal(5)
	in := connected(t, w.input(t, "schedule: \"@every 1ms\""))
	first, err := read(t, in)
	require.NoError(t, err)
	w.touch(ids[0], func(c *fakeCard) { c.at = time.Now().Add(-2 * time.Second) })
	second, err := read(t, in)
	require.NoError(t, err)
	second.ack()
	require.Zero(t, w.kept.cursor(t))
	first.ack()
	require.False(t, w.kept.cursor(t).LastFull.IsZero())
}

func TestTheClockWasSetBack(t *testing.T) {
	w := newWorld(t)
	ids := w.deal(5)
	in := connected(t, w.input(t, "schedule: \"@every 1ms\""))
	in.reached = cursor{Position: time.Now().Add(time.Hour), Asked: in.asked}
	p, err := read(t, in)
	require.NoError(t, err)
	require.Equal(t, ids, p.ids)
	require.Contains(t, w.log.String(), "The cursor is in the future")
	p.ack()
	require.WithinRange(t, w.kept.cursor(t).Position, time.Now().Add(-time.Minute), time.Now())
}

func TestARunReachesBackBehindTheCursor(t *testing.T) {
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	start := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		overlap          string
		cursor, from, to time.Time
	}{
		"no cursor":                   {"10m", time.Time{}, start, at.Add(-time.Second)},
		"overlap":                     {"10m", at.Add(-time.Hour), at.Add(-70 * time.Minute), at.Add(-time.Second)},
		"bounds may be exclusive":     {"0s", at.Add(-time.Hour), at.Add(-time.Hour - 2*time.Second), at.Add(-time.Second)},
		"not behind the start":        {"10m", start.Add(time.Minute), start, at.Add(-time.Second)},
		"a cursor a moment too early": {"10m", at.Add(30 * time.Second), at.Add(-10*time.Minute - time.Second), at.Add(-time.Second)},
	} {
		t.Run(name, func(t *testing.T) {
			in := newWorld(t).input(t, "start_time: 2026-10-01T00:00:00Z\noverlap: "+test.overlap)
			r := in.newRun(at.Add(999*time.Millisecond), cursor{Position: test.cursor})
			require.True(t, r.list.query.UpdatedFrom.Equal(test.from), r.list.query.UpdatedFrom)
			require.True(t, r.list.query.UpdatedTo.Equal(test.to), r.list.query.UpdatedTo)
			require.Equal(t, test.cursor.IsZero(), r.full)
		})
	}
	in := newWorld(t).input(t, "start_time: 2999-01-01T00:00:00Z")
	require.Equal(t, in.newRun(at, cursor{}).list.query.UpdatedFrom, in.newRun(at, cursor{}).list.query.UpdatedTo, "a start that is still to come")
}

// TestTheCursorDoesNotTrustAnUnprovenOrder: pages that happen to go up do not
// show that later ones hold nothing older.
func TestTheCursorDoesNotTrustAnUnprovenOrder(t *testing.T) {
	w := newWorld(t)
	w.deal(40)
	unproven(w)
	got := pages(t, connected(t, w.input(t, "")))
	for _, p := range got[:len(got)-1] {
		p.ack()
	}
	require.Zero(t, w.kept.cursor(t))
	got[len(got)-1].ack()
	require.False(t, w.kept.cursor(t).LastRun.IsZero())
}
