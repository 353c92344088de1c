package sansaninput

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/require"

	"sansansatori/plugins/oneshot"
)

func TestOnceReadsEverythingAndKeepsTheCursor(t *testing.T) {
	w := newWorld(t)
	ids := w.deal(35)
	begun := time.Now()
	in := connected(t, w.input(t, ""))
	var got []string
	for i, p := range pages(t, in) {
		number := []string{"/1", "/2", "/3", "/4/last"}[i]
		got = append(got, p.ids...)
		require.LessOrEqual(t, len(p.ids), 10)
		for _, m := range p.batc {
			at, ok := m.MetaGet("sansan_sequence")
			require.True(t, ok)
			require.Equal(t, in.id+number, at)
			at, _ = m.MetaGet("sansan_updated_time")
			require.Contains(t, at, "2026-04-01T0")
			body, err := m.AsBytes()
			require.NoError(t, err)
			require.Contains(t, string(body), `"updatedTime":"`+at+`"`)
		}
		p.ack()
	}
	require.Equal(t, ids, got)
	cur := w.kept.cursor(t)
	require.Equal(t, 1, cur.Version)
	require.WithinRange(t, cur.Position, begun.Add(-3*time.Second), time.Now())
	require.WithinRange(t, cur.LastRun, begun.Add(-time.Second), time.Now())
	require.True(t, cur.LastFull.Equal(cur.LastRun))
	require.NoError(t, oneshot.Err())
	require.Contains(t, w.log.String(), "Read 35 cards in ")
	require.Equal(t, 1, strings.Count(w.log.String(), "\n"), w.log.String())
	require.ErrorIs(t, in.Connect(t.Context()), service.ErrEndOfInput)

	t.Log("the next run asks from the cursor on, less the overlap")
	asked := len(w.questions())
	require.Empty(t, all(t, connected(t, w.input(t, ""))))
	q := w.questions()[asked:]
	require.Len(t, q, 1)
	from, err := time.Parse(time.RFC3339, q[0].Get("updatedFrom"))
	require.NoError(t, err)
	require.True(t, from.Equal(cur.Position.Add(-10*time.Minute)), from)
	require.True(t, w.kept.cursor(t).LastRun.After(cur.LastRun), "a run without cards moves the cursor as well")
}

func TestMetrics(t *testing.T) {
	w := newWorld(t)
	w.deal(25)
	w.cards[3].owner = "tanaka"
	all(t, connected(t, w.input(t, "owners: [suzuki]")))
	require.Equal(t, []string{"sansan_input_cards{} 24"}, w.metrics.matching("sansan_input_cards{"))
	require.Equal(t, []string{"sansan_input_cards_left_out{} 1"}, w.metrics.matching("sansan_input_cards_left"))
	require.Equal(t, []string{"sansan_input_pages{} 3"}, w.metrics.matching("sansan_input_pages"))
	require.Equal(t, []string{"sansan_input_runs{completed} 1", "sansan_input_runs{failed} 0"}, w.metrics.matching("sansan_input_runs"))
	require.Equal(t, []string{"sansan_input_request_duration{cards,2xx} 3", "sansan_input_request_duration{me,2xx} 1"}, w.metrics.matching("sansan_input_request"))
}

func TestAgesGrowWithTime(t *testing.T) {
	w := newWorld(t)
	hourAgo := time.Now().Add(-time.Hour)
	c := connectedConfig(t, w)
	w.kept.put(`{"version":1,"asked":"` + asked(c) + `","position":"` + hourAgo.Format(time.RFC3339) + `","last_run":"` + hourAgo.Format(time.RFC3339) + `"}`)
	in := connected(t, w.input(t, "schedule: 0 0 29 2 *"))
	in.metrics.ages(time.Now(), in.position)
	for _, name := range []string{"sansan_input_last_success_age_seconds{}", "sansan_input_cursor_age_seconds{}"} {
		w.metrics.mu.Lock()
		require.InDelta(t, 3600, w.metrics.values[name], 10, name)
		w.metrics.mu.Unlock()
	}
}

func connectedConfig(t *testing.T, w *world) config {
	t.Helper()
	parsed, err := inputSpec().ParseYAML(w.yaml(""), nil)
	require.NoError(t, err)
	c, err := configFromParsed(parsed)
	require.NoError(t, err)
	return c
}

// TestNothingIsLostBetweenProcesses reads, acknowledges a part in another order,
// and begins anew, over and over.
func TestNothingIsLostBetweenProcesses(t *testing.T) {
	for name, shape := range map[string]func(*world){
		"a minute apart":          func(*world) {},
		"in other order":          func(w *world) { w.byName = true },
		"exclusive bounds":        func(w *world) { w.exclusive = true },
		"many of one second":      func(w *world) { flatten(w, 15, 60) },
		"one second, exclusive":   func(w *world) { w.exclusive = true; flatten(w, 0, 90) },
		"a service of short view": func(w *world) { w.longest = 48 * time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ids := w.deal(95)
			shape(w)
			acknowledged := map[string]bool{}
			last := time.Time{}
			for round := 0; len(acknowledged) < len(ids); round++ {
				require.Less(t, round, 200, "no progress")
				in := connected(t, w.input(t, "overlap: 0s\nstart_time: \"2026-03-30T00:00:00+09:00\""))
				got := pages(t, in)
				for i := len(got) - 1; i >= 0; i-- {
					// Later pages first, one never: all from it on has to come again.
					if len(got) == 1 || i != len(got)-1-round%len(got) {
						got[i].ack()
						for _, id := range got[i].ids {
							acknowledged[id] = true
						}
					}
				}
				require.NoError(t, in.Close(t.Context()))
				now := w.kept.cursor(t).Position
				require.False(t, now.Before(last), "the cursor never goes back")
				last = now
				for _, c := range w.cards {
					if c.at.Before(now) {
						require.True(t, acknowledged[c.id], "the cursor is past %s", c.id)
					}
				}
			}
		})
	}
}

// flatten gives cards one time.
func flatten(w *world, from, to int) {
	for i := from; i < to; i++ {
		w.cards[i].at = w.cards[from].at
	}
}

func TestTheCursorWaitsForTheFirstPage(t *testing.T) {
	w := newWorld(t)
	w.deal(40)
	in := connected(t, w.input(t, ""))
	got := pages(t, in)
	require.GreaterOrEqual(t, len(got), 4)
	for _, p := range got[1:] {
		p.ack()
	}
	require.Zero(t, w.kept.cursor(t))
	got[0].ack()
	require.False(t, w.kept.cursor(t).LastRun.IsZero())
}

func TestARefusedPageComesAgain(t *testing.T) {
	w := newWorld(t)
	ids := w.deal(5)
	in := service.AutoRetryNacksBatched(w.input(t, ""))
	require.NoError(t, in.Connect(t.Context()))
	batch, ack, err := in.ReadBatch(t.Context())
	require.NoError(t, err)
	require.Len(t, batch, len(ids))
	require.NoError(t, ack(t.Context(), http.ErrBodyNotAllowed))
	require.Zero(t, w.kept.cursor(t))
	batch, ack, err = in.ReadBatch(t.Context())
	require.NoError(t, err)
	require.Len(t, batch, len(ids))
	require.NoError(t, ack(t.Context(), nil))
	require.False(t, w.kept.cursor(t).LastRun.IsZero())
	_, _, err = in.ReadBatch(t.Context())
	require.ErrorIs(t, err, service.ErrEndOfInput)
	require.NoError(t, in.Close(t.Context()))
}

func TestWithoutReplayARefusedPageIsDropped(t *testing.T) {
	w := newWorld(t)
	w.deal(5)
	in := connected(t, w.input(t, ""))
	_, ack, err := in.ReadBatch(t.Context())
	require.NoError(t, err)
	require.NoError(t, ack(t.Context(), http.ErrBodyNotAllowed))
	require.False(t, w.kept.cursor(t).LastRun.IsZero())
}

func TestContinuousModeReadsWhatChanges(t *testing.T) {
	w := newWorld(t)
	ids := w.deal(12)
	in := connected(t, w.input(t, "schedule: \"@every 20ms\"\npage_size: 300"))
	p, err := read(t, in)
	require.NoError(t, err)
	require.Equal(t, ids, p.ids)
	p.ack()
	w.touch(ids[4], func(c *fakeCard) { c.at = time.Now().Add(-2 * time.Second).Truncate(time.Second) })
	p, err = read(t, in)
	require.NoError(t, err)
	require.Equal(t, []string{ids[4]}, p.ids)
	sequence, _ := p.batc[0].MetaGet("sansan_sequence")
	require.Equal(t, in.id+"/2/last", sequence, "runs without cards use no number")
}

func TestReadOnlyCheckpoint(t *testing.T) {
	w := newWorld(t)
	ids := w.deal(12)
	require.Equal(t, ids, all(t, connected(t, w.input(t, "read_only_checkpoint: true"))))
	require.Zero(t, w.kept.writes)
	all(t, connected(t, w.input(t, "")))
	kept := w.kept.cursor(t)
	require.Empty(t, all(t, connected(t, w.input(t, "read_only_checkpoint: true"))), "it reads on from the cursor")
	require.Equal(t, kept, w.kept.cursor(t))
}

func TestCloseEndsEveryWait(t *testing.T) {
	for name, test := range map[string]struct {
		more    string
		control func(int, *http.Request) (int, string)
	}{
		"asleep until the next run": {more: "schedule: 0 0 29 2 *"},
		"asleep between attempts": {
			more:    "backoff: { initial_interval: 1h, max_interval: 1h }",
			control: func(int, *http.Request) (int, string) { return 503, "" },
		},
		"in a request": {
			control: func(_ int, r *http.Request) (int, string) { <-r.Context().Done(); return 500, "" },
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.control = test.control
			in := connected(t, w.input(t, test.more))
			done := make(chan error)
			go func() { _, _, err := in.ReadBatch(t.Context()); done <- err }()
			if test.control != nil {
				require.Eventually(t, func() bool { return len(w.questions()) > 0 }, 5*time.Second, time.Millisecond)
			}
			begun := time.Now()
			require.NoError(t, in.Close(t.Context()))
			require.Error(t, <-done)
			require.Less(t, time.Since(begun), 2*time.Second)
			require.NoError(t, in.Close(t.Context()), "twice is as good as once")
			require.NoError(t, oneshot.Err(), "an end that was asked for is no failure")
		})
	}
}

func TestTheRateLimitResourceIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	w.deal(12)
	all(t, connected(t, w.input(t, "rate_limit: limit")))
	require.Equal(t, 2*(1+len(w.questions())), w.waited)
}

func TestResourcesMustExist(t *testing.T) {
	w := newWorld(t)
	for more, want := range map[string]string{
		"checkpoint_cache: nowhere": `checkpoint_cache: there is no cache resource labelled "nowhere": add it under cache_resources`,
		"rate_limit: nowhere":       `rate_limit: there is no rate limit resource labelled "nowhere": add it under rate_limit_resources`,
		"api_key: \"\"":             "api_key is empty",
	} {
		parsed, err := inputSpec().ParseYAML(w.yaml(more), nil)
		require.NoError(t, err)
		conf, err := configFromParsed(parsed)
		require.NoError(t, err)
		_, err = newInput(conf, w.resources(t))
		require.EqualError(t, err, want)
	}
}

func TestConnectionTest(t *testing.T) {
	w := newWorld(t)
	w.tags = [][2]string{{"A", "展示会"}}
	test := func(more string) error {
		got := w.input(t, more).ConnectionTest(t.Context())
		require.Len(t, got, 1)
		return got[0].Err
	}
	require.NoError(t, test(""))
	require.NoError(t, test("tags: [展示会]"))
	require.EqualError(t, test("tags: [展示会, 別]"), `tags: Sansan shows the key's user no tag "別": check the spelling, or that it is shared with the user`)
	w.me = 401
	require.ErrorContains(t, test(""), "Sansan refuses the key: check api_key")
	w.me = 503
	require.EqualError(t, test("schedule: \"@every 1m\""), "sansan: HTTP 503 service unavailable", "it asks once")
	require.Empty(t, w.log.String())
}
