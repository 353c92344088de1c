package sansansim_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	sim "sansansatori/tests/sansansim"
)

func TestControl(t *testing.T) {
	c := three(t, nil)
	var seen []string
	remove := c.sim.Control(sim.Any, func(r *sim.Request) bool { seen = append(seen, string(r.Kind)+r.ID); return false })
	for _, path := range []string{"/me", "/tags", "/bizCards", "/bizCards/search", "/bizCards/A", "/bizCards/A/tags", "/persons/P", "/nothing"} {
		c.get(path, nil)
	}
	require.Equal(t, []string{"me", "tags", "cards", "search", "cardA", "card_tagsA", "personP", "unknown"}, seen)
	remove()
	remove()
	c.get("/me", nil)
	require.Len(t, seen, 8)

	teapot := func(r *sim.Request) bool { r.Send(&sim.Answer{Status: 418, Body: []byte("no")}); return true }
	for _, x := range []struct {
		control sim.Control
		want    []int
	}{
		{teapot, []int{418, 418, 418}},
		{sim.Times(1, teapot), []int{418, 200, 200}},
		{sim.Skip(1, teapot), []int{200, 418, 418}},
		{sim.Skip(1, sim.Times(1, teapot)), []int{200, 418, 200}},
		{sim.Times(1, sim.Skip(1, teapot)), []int{200, 418, 200}},
	} {
		remove := c.sim.Control(sim.Cards, x.control)
		for _, want := range x.want {
			require.Equal(t, want, c.status("/bizCards", period()))
		}
		require.Equal(t, 200, c.status("/tags", nil), "another kind")
		remove()
	}

	defer c.sim.Control(sim.Cards, func(r *sim.Request) bool {
		a := r.Answer()
		require.Equal(t, 3, a.Rows)
		a.Body = bytes.ReplaceAll(a.Body, []byte("山田"), []byte("田中"))
		return false
	})()
	require.Contains(t, c.get("/bizCards", period()).Body, "田中")
}

func TestFaultsThatAnswer(t *testing.T) {
	const good = `"hasMore":false,"nextPageToken":null}`
	for name, x := range map[string]struct {
		fault  sim.Control
		status int
		check  func(reply)
	}{
		"429":        {sim.Fault429(sim.Hint{}), 429, func(r reply) { require.Contains(t, r.Body, "TOO_MANY_REQUESTS") }},
		"429 header": {sim.Fault429(sim.Hint{Kind: sim.HintHeader, After: 1500 * time.Millisecond}), 429, func(r reply) { require.Equal(t, "2", r.Header.Get("Retry-After")) }},
		"429 date": {sim.Fault429(sim.Hint{Kind: sim.HintHeaderDate, After: time.Minute}), 429, func(r reply) {
			at, err := http.ParseTime(r.Header.Get("Retry-After"))
			require.NoError(t, err)
			require.WithinDuration(t, time.Now().Add(time.Minute), at, 5*time.Second)
		}},
		"429 body": {sim.Fault429(sim.Hint{Kind: sim.HintBody, After: time.Second}), 429, func(r reply) { require.EqualValues(t, 1, r.JSON["retry_after"]) }},
		"503":      {sim.FaultStatus(503), 503, func(r reply) { require.EqualValues(t, 503, r.JSON["statusCode"]) }},
		"html":     {sim.FaultHTML(), 200, func(r reply) { require.Contains(t, r.Header.Get("Content-Type"), "text/html") }},
		"truncated": {sim.FaultTruncated(), 200, func(r reply) {
			require.Nil(t, r.JSON)
			require.True(t, strings.HasPrefix(r.Body, `{"data":[{"id":"A"`))
		}},
		"wrong_types": {sim.FaultWrongTypes(), 200, func(r reply) { require.Equal(t, "none", r.JSON["data"]) }},
		"wrong_card_types": {sim.FaultWrongCardTypes(), 200, func(r reply) {
			require.Equal(t, []string{"A", "B", "C"}, r.ids())
			require.NotEqual(t, "山田", r.rows()[0].(map[string]any)["lastName"])
			require.True(t, strings.Contains(r.Body, t1))
		}},
		"slow_body": {sim.FaultSlowBody(time.Millisecond), 200, func(r reply) { require.True(t, strings.HasSuffix(r.Body, good)) }},
	} {
		t.Run(name, func(t *testing.T) {
			c := three(t, nil)
			c.sim.Control(sim.Cards, sim.Times(1, x.fault))
			r := c.get("/bizCards", period("includeTags", "true"))
			require.Equal(t, x.status, r.Status)
			x.check(r)
			require.Equal(t, map[string]int{strings.Fields(name)[0]: 1}, c.sim.Faults())
			require.Equal(t, []string{"A", "B", "C"}, c.ids("/bizCards", period()), "and then all is well")
			log := c.sim.Requests()
			require.Equal(t, strings.Fields(name)[0], log[0].Fault)
			require.Equal(t, x.status, log[0].Status)
			require.Empty(t, log[1].Fault)
		})
	}
}

func TestFaultsThatKill(t *testing.T) {
	for name, x := range map[string]struct {
		fault  sim.Control
		status int // what the log says
	}{
		"reset_before": {sim.FaultReset(sim.Before), 0},
		"reset_during": {sim.FaultReset(sim.During), 0},
		"stall":        {sim.FaultStall(time.Millisecond), 0},
		"":             {func(r *sim.Request) bool { r.Kill([]byte("HTTP/1.1 2")); return true }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := three(t, nil)
			// net/http sends a request again by itself when a connection that it had used before breaks: it is new here.
			c.sim.Control(sim.Cards, sim.Times(1, x.fault))
			_, err := c.try("/bizCards", period())
			require.Error(t, err)
			require.Equal(t, []string{"A", "B", "C"}, c.ids("/bizCards", period()))
			require.Equal(t, x.status, c.sim.Requests()[0].Status)
			require.Equal(t, name, c.sim.Requests()[0].Fault)
		})
	}
	c := three(t, nil)
	c.sim.Control(sim.Cards, sim.Times(1, sim.FaultReset(sim.After)))
	if r, err := c.try("/bizCards", period()); err == nil { // either is right
		require.Len(t, r.ids(), 3)
	}
	require.Equal(t, 3, c.sim.Requests()[0].Rows)
	require.Equal(t, []string{"A", "B", "C"}, c.ids("/bizCards", period()))
}

func TestStopWakesStalledAnswers(t *testing.T) {
	s := sim.New()
	base, stop := s.Start()
	stalled := make(chan struct{})
	s.Control(sim.Me, func(*sim.Request) bool { close(stalled); return false })
	s.Control(sim.Me, sim.FaultStall(time.Hour))
	failed := make(chan error)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	go func() {
		res, err := client.Get(base + "/v3.2/me")
		if err == nil {
			_ = res.Body.Close()
		}
		failed <- err
	}()
	<-stalled
	stop()
	require.Error(t, <-failed)
	require.Equal(t, map[string]int{"stall": 1}, s.Faults())
}

func TestChaos(t *testing.T) {
	run := func(seed uint64, probability float64, kinds ...sim.Kind) map[string]int {
		c := three(t, nil)
		// a dead connection each time, or net/http would repeat requests by itself
		c.http = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		stop := c.sim.Chaos(seed, probability, kinds...)
		for range 60 {
			_, _ = c.try("/bizCards", period())
		}
		stop()
		require.Equal(t, []string{"A", "B", "C"}, c.ids("/bizCards", period()))
		return c.sim.Faults()
	}
	a := run(1, 0.5)
	require.Equal(t, a, run(1, 0.5), "the seed decides")
	require.Greater(t, len(a), 5)
	require.Empty(t, run(1, 0))
	require.Empty(t, run(1, 1, sim.TagList))
}
