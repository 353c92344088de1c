package sansansim_test

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/tests/sansansim"
)

type settings = sansansim.Settings

// three cards, one a second, all of suzuki.
func three(t *testing.T, change func(*settings)) *caller {
	t.Helper()
	c := start(t, change)
	for i, at := range []string{t1, t2, t3} {
		c.sim.Put(card(string(rune('A'+i)), at, "tags", []any{
			map[string]any{"id": "X", "name": "展示会", "type": "shared", "owner": nil},
		}))
	}
	return c
}

func TestBounds(t *testing.T) {
	for _, x := range []struct {
		from, to bool
		want     []string
	}{
		{false, false, []string{"A", "B", "C"}}, {true, false, []string{"B", "C"}}, {false, true, []string{"A", "B"}}, {true, true, []string{"B"}},
	} {
		c := three(t, func(s *settings) { s.FromExclusive, s.ToExclusive = x.from, x.to })
		q := url.Values{"updatedFrom": {t1}, "updatedTo": {t3}, "range": {"all"}}
		require.Equal(t, x.want, c.ids("/bizCards", q))
		q = url.Values{"updatedFrom": {t1}, "updatedTo": {t3}, "range": {"all"}, "orderBy": {"registeredAt"}}
		require.Equal(t, x.want, c.ids("/bizCards", q), "bounds are of updatedTime, whatever the order")
	}
}

func TestLastToken(t *testing.T) {
	for kind, want := range map[sansansim.LastToken]string{
		sansansim.TokenNull: `"hasMore":false,"nextPageToken":null}`, sansansim.TokenEmpty: `"hasMore":false,"nextPageToken":""}`, sansansim.TokenAbsent: `"hasMore":false}`,
	} {
		c := three(t, func(s *settings) { s.LastToken = kind })
		for _, path := range []string{"/bizCards", "/tags"} {
			require.True(t, strings.HasSuffix(c.get(path, period()).Body, want))
		}
	}
}

func TestNullRowsAndEmptyPages(t *testing.T) {
	c := three(t, func(s *settings) { s.NullRowEvery = 2 })
	require.Equal(t, []any{"A", "B", nil, "C"}, func() (got []any) {
		for _, row := range c.get("/bizCards", period()).rows() {
			if m, ok := row.(map[string]any); ok {
				got = append(got, m["id"])
			} else {
				got = append(got, row)
			}
		}
		return got
	}())
	for _, how := range []sansansim.Paging{sansansim.PagingLive, sansansim.PagingOffset, sansansim.PagingSnapshot} {
		c = three(t, func(s *settings) { s.EmptyPageEvery, s.Paging = 2, how })
		var sizes []int
		for _, p := range c.pages("/bizCards", period("limit", "1")) {
			sizes = append(sizes, len(p.rows()))
		}
		require.Equal(t, []int{1, 0, 1, 0, 1}, sizes)
	}
}

func TestTokens(t *testing.T) {
	now := time.Now()
	var mu sync.Mutex
	c := three(t, func(s *settings) {
		s.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	first := func() url.Values {
		q := period("limit", "1")
		q.Set("nextPageToken", c.get("/bizCards", q).JSON["nextPageToken"].(string))
		return q
	}
	q := first()
	for range 3 {
		require.Equal(t, []string{"B"}, c.get("/bizCards", q).ids(), "a token may be used again")
	}
	q.Set("limit", "2")
	require.Equal(t, 400, c.status("/bizCards", q), "other parameters must be repeated")
	c.sim.Configure(func(s *settings) { s.TokenUnbound = true })
	require.Equal(t, []string{"B", "C"}, c.get("/bizCards", q).ids())
	require.NotContains(t, url.QueryEscape(q.Get("nextPageToken")), "+")
	require.Contains(t, q.Get("nextPageToken"), "+", "a client that does not escape is found out")

	c.sim.Configure(func(s *settings) { s.TokenUses = 1 })
	q = first()
	require.Equal(t, 200, c.status("/bizCards", q))
	require.Equal(t, 400, c.status("/bizCards", q))
	c.sim.Configure(func(s *settings) { s.TokenUses, s.TokenLife, s.TokenExpiredStatus = 0, time.Minute, 410 })
	q = first()
	require.Equal(t, 200, c.status("/bizCards", q))
	mu.Lock()
	now = now.Add(time.Minute + time.Second)
	mu.Unlock()
	require.Equal(t, 410, c.status("/bizCards", q))
}

func TestRepeatingToken(t *testing.T) {
	for from, want := range map[int]string{1: "AAAAAA", 2: "ABBBBB", 3: "ABCCCC"} {
		c := three(t, func(s *settings) { s.RepeatFromPage = from })
		q, got, tokens := period("limit", "1"), "", map[string]bool{}
		for range 6 {
			r := c.get("/bizCards", q)
			got += strings.Join(r.ids(), "")
			require.Equal(t, true, r.JSON["hasMore"])
			token := r.JSON["nextPageToken"].(string)
			tokens[token] = true
			q.Set("nextPageToken", token)
		}
		require.Equal(t, want, got)
		require.Len(t, tokens, max(1, from-1))
	}
}

// While a list is paged, one card that was read is edited and one that was not is edited as well.
func TestSetMovesWhilePaging(t *testing.T) {
	for how, want := range map[sansansim.Paging]string{
		sansansim.PagingLive:     "A C",   // B left the period
		sansansim.PagingOffset:   "A",     // and C slipped to where A was: missed
		sansansim.PagingSnapshot: "A B C", // as it was
	} {
		c := three(t, func(s *settings) { s.Paging = how })
		q := url.Values{"updatedFrom": {t1}, "updatedTo": {t3}, "range": {"all"}, "limit": {"1"}}
		r := c.get("/bizCards", q)
		got := r.ids()
		for _, id := range []string{"A", "B"} {
			require.NoError(t, c.sim.Edit(id, func(f map[string]any) { f["updatedTime"] = t4 }))
		}
		q.Set("nextPageToken", r.JSON["nextPageToken"].(string))
		got = append(got, c.ids("/bizCards", q)...)
		require.Equal(t, want, strings.Join(got, " "), how)
	}
}

func TestShapes(t *testing.T) {
	c := three(t, nil)
	q := func() url.Values { return period("includeTags", "true") }
	require.Contains(t, c.get("/bizCards", q()).Body, `"entryStatus":"completed","tags":[{"id":"X","name":"展示会","type":"shared","owner":null}]}`)
	c.sim.Configure(func(s *settings) { s.EmbeddedTagID, s.EmbeddedShared, s.HideEntryStatus = "Id", "share", true })
	body := c.get("/bizCards", q()).Body
	require.Contains(t, body, `"tags":[{"Id":"X","name":"展示会","type":"share","owner":null}]}`)
	require.NotContains(t, body, "entryStatus")
	require.Contains(t, c.get("/tags", period()).Body, `{"id":"X","name":"展示会","type":"shared","owner":null}`, "listed tags keep their spelling")
	require.Equal(t, "A", c.get("/bizCards/A", nil).JSON["id"])
	c.sim.Configure(func(s *settings) { s.CardEnvelope = "item" })
	require.Equal(t, "A", c.get("/bizCards/A", nil).JSON["item"].(map[string]any)["id"])
}

func TestMe(t *testing.T) {
	c := start(t, nil)
	require.Equal(t, 200, c.statusAt("/v3.1/me"))
	require.Equal(t, 404, c.statusAt("/v6.0/me"))
	c.sim.Configure(func(s *settings) { s.MeOnV6 = true })
	require.Equal(t, 200, c.statusAt("/v6.0/me"))
	c.sim.Configure(func(s *settings) { s.Versions = []string{"v3.2"} })
	require.Equal(t, 404, c.statusAt("/v3.1/me"))
}

func TestErrorShapes(t *testing.T) {
	for shape, want := range map[sansansim.ErrorShape]string{
		sansansim.ErrorDocumented: `{"statusCode":401,"message":"API key is missing or wrong","error":[{"code":"UNAUTHORIZED"}]}`,
		sansansim.ErrorOtherJSON:  `{"title":"UNAUTHORIZED","status":401,"detail":"API key is missing or wrong"}`,
		sansansim.ErrorHTML:       "<html><head><title>401</title></head><body><h1>API key is missing or wrong</h1></body></html>\n",
		sansansim.ErrorEmpty:      "",
	} {
		c := start(t, func(s *settings) { s.ErrorShape = shape })
		c.key = "wrong"
		r := c.get("/me", nil)
		require.Equal(t, 401, r.Status)
		require.Equal(t, want, r.Body)
	}
}

func TestListParameters(t *testing.T) {
	c := three(t, func(s *settings) { s.MaxLimit, s.MaxTagLimit = 2, 1 })
	require.Equal(t, 400, c.status("/bizCards", period("limit", "3")))
	require.Equal(t, 400, c.status("/tags", period("limit", "2")))
	c.sim.Configure(func(s *settings) { s.CapLimit = true })
	require.Len(t, c.get("/bizCards", period("limit", "300")).ids(), 2)
	require.Len(t, c.get("/tags", period("limit", "300")).ids(), 1)

	c = three(t, nil)
	descending := func() url.Values { return period("orderBy", "updatedAt", "orderDirection", "desc") }
	require.Equal(t, []string{"C", "B", "A"}, c.ids("/bizCards", descending()))
	c.sim.Configure(func(s *settings) { s.IgnoreOrder = true })
	require.Equal(t, []string{"A", "B", "C"}, c.ids("/bizCards", descending()))

	without := period()
	without.Del("range")
	c = start(t, nil)
	c.sim.Put(card("T", t1, "owner", owner("tanaka")))
	require.Empty(t, c.ids("/bizCards", without))
	c.sim.Configure(func(s *settings) { s.DefaultRange = "all" })
	require.Equal(t, []string{"T"}, c.ids("/bizCards", without))

	require.Equal(t, 200, c.status("/bizCards", period()))
	c.sim.Configure(func(s *settings) { s.MaxPeriod = 24 * time.Hour })
	require.Equal(t, 400, c.status("/bizCards", period()))
}

func TestListSyntaxAndTagName(t *testing.T) {
	c := start(t, nil)
	for i, id := range []string{"X", "Y", "Z"} {
		c.sim.AddTag(sansansim.Tag{ID: id, Name: "展示会" + strings.Repeat("2", i), Type: "public"})
		c.sim.Put(card("has"+id, fmt.Sprintf("2026-01-01T10:00:0%d+09:00", i)))
		require.NoError(t, c.sim.Tag("has"+id, id))
	}
	find := func(query string) int {
		q, err := url.ParseQuery(query)
		require.NoError(t, err)
		return len(c.ids("/bizCards/search", with(q, "range", "all")))
	}
	for syntax, want := range map[sansansim.ListSyntax][3]int{
		sansansim.ListEither: {2, 2, 1}, sansansim.ListRepeat: {2, 3, 1}, sansansim.ListBrackets: {1, 2, 1},
	} {
		c.sim.Configure(func(s *settings) { s.ListSyntax = syntax })
		require.Equal(t, want, [3]int{find("tagId=X&tagId=Y"), find("tagId[]=X&tagId[]=Y"), find("tagId=X")})
	}
	named := url.Values{"range": {"all"}, "tagName": {"展示会"}}
	require.Equal(t, []string{"X"}, c.ids("/tags", named))
	c.sim.Configure(func(s *settings) { s.TagNamePart = true })
	require.Equal(t, []string{"X", "Y", "Z"}, c.ids("/tags", named))
}

func TestQuota(t *testing.T) {
	var mu sync.Mutex
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := start(t, func(s *settings) {
		s.PerSecond, s.PerMinute = 10, 300
		s.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	forward := func(d time.Duration) { mu.Lock(); now = now.Add(d); mu.Unlock() }
	for range 10 {
		require.Equal(t, 200, c.status("/me", nil))
	}
	require.Empty(t, c.sim.Violations())
	r := c.get("/me", nil)
	require.Equal(t, 429, r.Status)
	require.Empty(t, r.Header.Get("Retry-After"))
	require.Equal(t, []sansansim.Violation{{At: now, User: "suzuki", Limit: "10/s", Requests: 11}}, c.sim.Violations())
	c.key = "wrong"
	require.Equal(t, 401, c.status("/me", nil), "a quota belongs to a key")
	c.key = sansansim.Key

	for hint, want := range map[sansansim.HintKind][2]string{
		sansansim.HintHeader: {"1", ""}, sansansim.HintHeaderDate: {"Thu, 01 Jan 2026 00:00:01 GMT", ""}, sansansim.HintBody: {"", `"retry_after":1}`},
	} {
		c.sim.Configure(func(s *settings) { s.RetryHint = hint })
		r := c.get("/me", nil)
		require.Equal(t, want[0], r.Header.Get("Retry-After"))
		require.True(t, strings.HasSuffix(r.Body, want[1]), r.Body)
	}
	c.sim.Configure(func(s *settings) { s.LenientRate = true })
	n := len(c.sim.Violations())
	require.Equal(t, 200, c.status("/me", nil))
	require.Len(t, c.sim.Violations(), n+1)
	forward(time.Second)
	require.Equal(t, 200, c.status("/me", nil))
	require.Len(t, c.sim.Violations(), n+1)

	c.sim.ForgetRequests()
	c.sim.Configure(func(s *settings) { s.LenientRate = false })
	forward(time.Hour)
	for range 300 {
		require.Equal(t, 200, c.status("/me", nil))
		forward(150 * time.Millisecond)
	}
	require.Equal(t, 429, c.status("/me", nil))
	require.Equal(t, "300/min", c.sim.Violations()[0].Limit)
	forward(16 * time.Second)
	require.Equal(t, 200, c.status("/me", nil))
}

func TestLatency(t *testing.T) {
	c := start(t, func(s *settings) { s.Latency = 30 * time.Millisecond })
	began := time.Now()
	c.get("/me", nil)
	require.GreaterOrEqual(t, time.Since(began), 30*time.Millisecond)
}
