package sansansim_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/tests/samplecards"
	"sansansatori/tests/sansansim"
)

// Every card of a large read comes once, in order, with the fields it was given, whatever the page size and way of paging.
func TestReadingEverything(t *testing.T) {
	set := samplecards.Generate(700, 4)
	var want []string
	for _, c := range set.Cards {
		if c["entryStatus"] == "completed" && !set.Past[c["id"].(string)] {
			want = append(want, c["id"].(string))
		}
	}
	for _, version := range []string{"v3.1", "v3.2", "v6.0"} {
		for how, paging := range map[string]sansansim.Paging{"live": sansansim.PagingLive, "offset": sansansim.PagingOffset, "snapshot": sansansim.PagingSnapshot} {
			t.Run(version+" "+how, func(t *testing.T) {
				c := start(t, func(s *sansansim.Settings) { s.Paging = paging })
				c.base = strings.Replace(c.base, "v3.2", version, 1)
				c.sim.Load(set)
				for _, limit := range []string{"17", "100", "300"} {
					got := c.ids("/bizCards", period("limit", limit, "includeTags", "true"))
					require.ElementsMatch(t, want, got)
				}
				pages := c.pages("/bizCards", period("limit", "300"))
				last := ""
				for _, p := range pages {
					for _, row := range p.rows() {
						at := row.(map[string]any)["updatedTime"].(string)
						require.GreaterOrEqual(t, at, last)
						last = at
					}
				}
			})
		}
	}
}

func TestCardsComeAsPut(t *testing.T) {
	c := start(t, nil)
	for _, body := range samplecards.Generate(400, 5).Cards {
		c.sim.Put(body)
		require.Equal(t, body, c.sim.Card(body["id"].(string)))
		got := c.get("/bizCards/"+body["id"].(string), url.Values{"includeTags": {"true"}}).JSON
		hidden := len(body["tags"].([]any)) - len(got["tags"].([]any))
		require.GreaterOrEqual(t, hidden, 0)
		if hidden == 0 {
			require.Equal(t, body, got)
		}
	}
	c.sim.Put(map[string]any{"id": "X", "email": 7, "later": []any{"new", nil}, "updatedTime": "yesterday"})
	got := c.get("/bizCards/search", url.Values{"range": {"all"}, "limit": {"300"}, "orderBy": {"updatedAt"}})
	require.Contains(t, got.Body, `"email":7,"later":["new",null]`)
}

func TestParameters(t *testing.T) {
	c := start(t, nil)
	c.sim.Put(card("A", t1))
	p := func(path string) func(...string) int {
		return func(more ...string) int {
			q := period()
			for i := 0; i < len(more); i += 2 {
				q.Set(more[i], more[i+1])
			}
			return c.status(path, q)
		}
	}
	cards, search, tags := p("/bizCards"), p("/bizCards/search"), p("/tags")
	for name, got := range map[string]struct{ got, want int }{
		"all right":            {cards(), 200},
		"limit 300":            {cards("limit", "300"), 200},
		"limit 301":            {cards("limit", "301"), 400},
		"limit 0":              {cards("limit", "0"), 400},
		"limit text":           {cards("limit", "many"), 400},
		"range":                {cards("range", "everything"), 400},
		"order":                {cards("orderBy", "updatedTime"), 400},
		"direction":            {cards("orderDirection", "up"), 400},
		"status":               {cards("entryStatus", "done"), 400},
		"fractions":            {cards("updatedFrom", "2026-01-01T00:00:00.5+09:00"), 400},
		"no zone":              {cards("updatedFrom", "2026-01-01T00:00:00"), 400},
		"UTC":                  {cards("updatedFrom", "2026-01-01T00:00:00Z"), 200},
		"plus not escaped":     {cards("updatedFrom", "2026-01-01T00:00:00 09:00"), 400},
		"missing":              {cards("updatedTo", ""), 400},
		"backwards":            {cards("updatedTo", "1999-01-01T00:00:00Z"), 400},
		"unknown token":        {cards("nextPageToken", "x"), 400},
		"search":               {search(), 200},
		"search by completion": {search("orderBy", "completedAt"), 400},
		"tags":                 {tags("limit", "100"), 200},
		"tags 101":             {tags("limit", "101"), 400},
		"tag type":             {tags("type", "mine"), 400},
		"unknown parameter":    {cards("colour", "red"), 200},
		"wrong version":        {c.statusAt("/v9.9/bizCards"), 404},
		"wrong case":           {c.statusAt("/v3.2/bizcards"), 404},
		"unknown card":         {c.statusAt("/v3.2/bizCards/NONE"), 404},
		"unknown person":       {c.statusAt("/v3.2/persons/NONE"), 404},
	} {
		require.Equal(t, got.want, got.got, name)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.base+"/me", nil)
	require.NoError(t, err)
	req.Header.Set("X-Sansan-Api-Key", c.key)
	res, err := c.http.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, 405, res.StatusCode)
}

func (c *caller) statusAt(path string) int {
	c.t.Helper()
	d := *c
	d.base = strings.TrimSuffix(c.base, "/v3.2")
	return d.status(path, period())
}

func TestKeysAndVisibility(t *testing.T) {
	c := start(t, func(s *sansansim.Settings) {
		s.Keys["hub"] = sansansim.User{ID: "hub", DataHubOnly: true}
		s.Keys["tanaka"] = sansansim.User{ID: "tanaka", Sees: []string{"mori"}}
	})
	private := func(id, by string) map[string]any {
		return map[string]any{"id": id, "name": "秘", "type": "private", "owner": owner(by)}
	}
	c.sim.Put(card("S", t1))
	c.sim.Put(card("T", t2, "owner", owner("tanaka"), "tags", []any{private("TT", "tanaka"), private("TS", "suzuki")}))
	c.sim.Put(card("M", t3, "owner", owner("mori"), "tags", []any{private("TS", "suzuki")}))
	all, mine := period(), period()
	mine.Del("range")

	require.Equal(t, []string{"S", "T", "M"}, c.ids("/bizCards", all))
	require.Equal(t, []string{"S"}, c.ids("/bizCards", mine), "range forgotten means me")
	require.Contains(t, c.get("/bizCards", period("includeTags", "true")).Body, `"TS"`)
	require.NotContains(t, c.get("/bizCards", period("includeTags", "true")).Body, `"TT"`, "another's private tag")
	require.NotContains(t, c.get("/bizCards", all).Body, `"tags"`)

	c.key = "tanaka"
	require.Equal(t, []string{"T", "M"}, c.ids("/bizCards", period()))
	require.Equal(t, 404, c.status("/bizCards/S", nil))
	require.Empty(t, c.ids("/bizCards/search", with(url.Values{"range": {"all"}}, "tagId", "TS")), "a tag one may not see finds nothing")
	require.Equal(t, []string{"TT"}, c.ids("/tags", url.Values{"range": {"all"}}))
	require.Equal(t, "tanaka", c.get("/me", nil).JSON["id"])

	for key, want := range map[string]int{"": 401, "wrong": 401, "hub": 403} {
		c.key = key
		require.Equal(t, want, c.status("/bizCards", period()))
	}
	c.sim.Configure(func(s *sansansim.Settings) { s.DataHubStatus = 401 })
	require.Equal(t, 401, c.status("/me", nil))
	c.key = sansansim.Key
	c.sim.Configure(func(s *sansansim.Settings) { s.AppID = "partner" })
	require.Equal(t, 401, c.status("/me", nil))
}

func TestSearch(t *testing.T) {
	c := start(t, nil)
	c.sim.AddTag(sansansim.Tag{ID: "X", Name: "展示会", Type: "public"})
	c.sim.AddTag(sansansim.Tag{ID: "Y", Name: "展示会", Type: "shared"})
	c.sim.Put(card("A", t1, "registeredTime", t3, "companyName", "株式会社サンプル", "email", "a@example.com", "tel", "03-0000-1111"))
	c.sim.Put(card("B", t2, "registeredTime", t2, "companyName", "サンプル商事", "mobile", "080-0000-2222"))
	c.sim.Put(card("C", t3, "registeredTime", t1, "companyName", "架空", "lastName", "田中"))
	require.NoError(t, c.sim.Tag("A", "X"))
	require.NoError(t, c.sim.Tag("B", "Y"))
	require.NoError(t, c.sim.Tag("B", "X"))
	require.NoError(t, c.sim.Tag("B", "X"))
	for query, want := range map[string][]string{
		"":                                     {"A", "B", "C"}, // registered, newest first
		"orderBy=updatedAt":                    {"C", "B", "A"},
		"orderBy=updatedAt&orderDirection=asc": {"A", "B", "C"},
		"companyName=サンプル":                     {"A", "B"},
		"name=田":                               {"C"},
		"name=中":                               {},
		"email=a@example.com":                  {"A"},
		"email=a@example":                      {},
		"tel=0000-11":                          {"A"},
		"mobile=2222":                          {"B"},
		"tagId=X":                              {"A", "B"},
		"tagId=Y":                              {"B"},
		"tagId=X&tagId=Y":                      {"A", "B"},
		"tagId[]=Y":                            {"B"},
		"tagId=NONE":                           {},
		"tagId=X&companyName=商事":               {"B"},
	} {
		q, err := url.ParseQuery(query)
		require.NoError(t, err)
		require.Equal(t, want, append([]string{}, c.ids("/bizCards/search", with(q, "range", "all", "limit", "1"))...), query)
	}
	require.Equal(t, []string{"X", "Y"}, c.ids("/tags", url.Values{"range": {"all"}, "limit": {"1"}}))
	require.Equal(t, []string{"Y"}, c.ids("/tags", url.Values{"range": {"all"}, "type": {"shared"}}))
	require.Equal(t, []string{"Y", "X"}, c.get("/bizCards/B/tags", nil).ids())
	require.NoError(t, c.sim.Untag("B", "Y"))
	require.Equal(t, []string{"X"}, c.get("/bizCards/B/tags", nil).ids())
	require.Error(t, c.sim.Tag("B", "NONE"))
	require.Error(t, c.sim.Tag("NONE", "X"))
}

func TestPersonPastAndStatus(t *testing.T) {
	c := start(t, nil)
	c.sim.Put(card("OLD", t1, "personId", "P"))
	c.sim.Put(card("NEW", t2, "personId", "P"))
	c.sim.Put(card("OCR", t3, "entryStatus", "processing"))
	require.NoError(t, c.sim.SetPast("OLD", true))
	require.Error(t, c.sim.SetPast("NONE", true))
	require.Equal(t, []string{"NEW"}, c.ids("/bizCards", period()))
	require.Equal(t, []string{"OLD", "NEW"}, c.ids("/bizCards", period("includePastBizCards", "true")))
	require.Equal(t, []string{"OCR"}, c.ids("/bizCards", period("entryStatus", "processing")))
	item := c.get("/persons/P", nil).JSON["item"].(map[string]any)
	require.Equal(t, "NEW", item["headBizCard"].(map[string]any)["id"])
	require.True(t, c.sim.Delete("NEW"))
	require.False(t, c.sim.Delete("NEW"))
	require.Empty(t, c.ids("/bizCards", period()))
	require.Equal(t, 404, c.status("/persons/P", nil))
}

func TestEditing(t *testing.T) {
	now := time.Date(2026, 5, 5, 12, 0, 0, 0, time.UTC)
	const moved = "2026-05-05T21:00:00+09:00"
	c := start(t, func(s *sansansim.Settings) { s.Now = func() time.Time { return now } })
	c.sim.AddTag(sansansim.Tag{ID: "X", Name: "展示会", Type: "public"})
	at := func() any { return c.sim.Card("A")["updatedTime"] }
	title := func(v any) func(map[string]any) { return func(f map[string]any) { f["title"] = v } }
	c.sim.Put(card("A", t1))

	require.NoError(t, c.sim.Edit("A", func(map[string]any) {}))
	require.Equal(t, t1, at())
	require.NoError(t, c.sim.Tag("A", "X"))
	require.Equal(t, t1, at(), "tagging moves nothing unless told")
	require.NoError(t, c.sim.Edit("A", title("部長")))
	require.Equal(t, moved, at())
	require.NoError(t, c.sim.Edit("A", func(f map[string]any) { f["updatedTime"], f["id"] = t2, "B" }))
	require.Equal(t, t2, at())
	c.sim.Configure(func(s *sansansim.Settings) { s.StillFields = []string{"title"} })
	require.NoError(t, c.sim.Edit("A", title("課長")))
	require.Equal(t, t2, at())
	c.sim.Configure(func(s *sansansim.Settings) { s.TaggingMoves = true })
	require.NoError(t, c.sim.Untag("A", "X"))
	require.Equal(t, moved, at())
	require.Error(t, c.sim.Edit("NONE", title("")))

	id := c.sim.Put(map[string]any{"lastName": "新"})
	require.Len(t, id, 32)
	require.Equal(t, moved, c.sim.Card(id)["updatedTime"])
	require.Nil(t, c.sim.Card("NONE"))
	require.Len(t, c.sim.Cards(), 2)
}

func TestLogAndConcurrency(t *testing.T) {
	c := start(t, nil)
	entered, leave := make(chan struct{}, 3), make(chan struct{})
	defer c.sim.Control(sansansim.Me, func(*sansansim.Request) bool { entered <- struct{}{}; <-leave; return false })()
	done := make(chan int)
	for range 3 {
		go func() {
			r, _ := c.try("/me", nil)
			done <- r.Status
		}()
	}
	for range 3 {
		<-entered
	}
	close(leave)
	for range 3 {
		require.Equal(t, 200, <-done)
	}
	require.Equal(t, map[string]int{"suzuki": 3}, c.sim.MaxConcurrent())
	c.sim.ForgetRequests()
	c.get("/tags", url.Values{"range": {"all"}})
	log := c.sim.Requests()
	require.Len(t, log, 1)
	require.Equal(t, sansansim.TagList, log[0].Kind)
	require.Equal(t, "range=all", log[0].Query.Encode())
	require.Equal(t, http.StatusOK, log[0].Status)
	require.Equal(t, 1, c.sim.Count(sansansim.TagList))
	require.Equal(t, 1, c.sim.Count(sansansim.Any))
	require.Zero(t, c.sim.Count(sansansim.Me))
}
