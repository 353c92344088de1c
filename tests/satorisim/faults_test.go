package satorisim

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Each fault: what the client sees, and whether SATORI applied the call.
func TestFaults(t *testing.T) {
	elsewhere := "http://127.0.0.1:9/"
	cases := map[string]struct {
		fault   Control
		applied bool
		check   func(t *testing.T, r reply)
	}{
		"429": {Fault429(Hint{}), false, func(t *testing.T, r reply) {
			require.Equal(t, 429, r.http)
			require.Empty(t, r.header.Get("Retry-After"))
			require.NotContains(t, r.json, "retry_after")
		}},
		"429, header": {Fault429(Hint{HintHeader, 3 * time.Second}), false, func(t *testing.T, r reply) {
			require.Equal(t, "3", r.header.Get("Retry-After"))
		}},
		"429, date": {Fault429(Hint{HintHeaderDate, 30 * time.Second}), false, func(t *testing.T, r reply) {
			at, err := http.ParseTime(r.header.Get("Retry-After"))
			require.NoError(t, err)
			require.InDelta(t, 30, time.Until(at).Seconds(), 5)
		}},
		"429, body": {Fault429(Hint{HintBody, 3 * time.Second}), false, func(t *testing.T, r reply) {
			require.Equal(t, 3.0, r.json["retry_after"])
		}},
		"503": {FaultStatus(503), false, func(t *testing.T, r reply) {
			require.Equal(t, 503, r.http)
			require.Equal(t, 503.0, r.json["status"])
		}},
		"502, applied": {Applied(FaultStatus(502)), true, func(t *testing.T, r reply) { require.Equal(t, 502, r.http) }},
		"literal":      {FaultAnswer(204, "text/plain", ""), false, func(t *testing.T, r reply) { require.Equal(t, 204, r.http) }},
		"HTML": {FaultHTML(), false, func(t *testing.T, r reply) {
			require.Equal(t, 200, r.http)
			require.Contains(t, r.header.Get("Content-Type"), "text/html")
		}},
		"echo": {FaultEcho(), false, func(t *testing.T, r reply) {
			require.Contains(t, r.body, Defaults().Keys.UserSecret)
		}},
		"truncated": {FaultTruncated(), true, func(t *testing.T, r reply) {
			require.NoError(t, r.err)
			require.Equal(t, 200, r.http)
			require.Nil(t, r.json)
			require.True(t, strings.HasPrefix(r.body, "{"))
		}},
		"wrong types": {FaultWrongTypes(), true, func(t *testing.T, r reply) {
			require.Equal(t, []any{200.0}, r.json["status"])
			require.IsType(t, []any{}, r.json["message"])
		}},
		"reset before": {FaultReset(Before), false, func(t *testing.T, r reply) { require.Error(t, r.err) }},
		"reset during": {FaultReset(During), true, func(t *testing.T, r reply) {
			require.Error(t, r.err)
			require.Nil(t, r.json)
		}},
		"reset after": {FaultReset(After), true, func(t *testing.T, r reply) {
			if r.err == nil { // either is possible
				require.Equal(t, 200.0, r.json["status"])
			}
		}},
		"answer lost": {FaultAnswerLost(), true, func(t *testing.T, r reply) { require.Error(t, r.err) }},
		"stall":       {FaultStall(20 * time.Millisecond), true, func(t *testing.T, r reply) { require.Equal(t, 200.0, r.json["status"]) }},
		"slow body":   {FaultSlowBody(2 * time.Millisecond), true, func(t *testing.T, r reply) { require.Equal(t, 200.0, r.json["status"]) }},
		"redirect": {FaultRedirect(elsewhere), false, func(t *testing.T, r reply) {
			require.Equal(t, 307, r.http)
			require.Equal(t, elsewhere, r.header.Get("Location"))
		}},
		"huge": {FaultHuge(1 << 20), false, func(t *testing.T, r reply) { require.Len(t, r.json["message"], 1<<20) }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := start(t)
			b.http.Transport.(*http.Transport).DisableKeepAlives = true // no silent retry on a dead connection
			b.Control(SingleUpsert, Times(1, c.fault))
			c.check(t, b.one("upsert", "email", "a@example.jp"))
			_, there := b.Customer("a@example.jp")
			require.Equal(t, c.applied, there)
			log := b.Requests()
			require.Len(t, log, 1)
			require.NotEmpty(t, log[0].Fault)
			require.Equal(t, map[string]int{log[0].Fault: 1}, b.Faults())
			if name != "stall" { // a stalled request goes on, so Times never counts it as answered
				require.Equal(t, 200, b.one("upsert", "email", "a@example.jp").http, "struck once only")
			}
		})
	}
}

func TestStallThatOutlastsTheClient(t *testing.T) {
	for name, applied := range map[string]bool{"before": false, "after": true} {
		t.Run(name, func(t *testing.T) {
			b := start(t)
			fault := FaultStall(time.Minute)
			if applied {
				fault = Applied(fault)
			}
			b.Control(Any, fault)
			b.http.Timeout = 50 * time.Millisecond
			require.Error(t, b.one("upsert", "email", "a@example.jp").err)
			_, there := b.Customer("a@example.jp")
			require.Equal(t, applied, there)
		})
	}
}

func TestStopBreaksWhatStalls(t *testing.T) {
	sim := New(Defaults())
	url, stop := sim.Start()
	arrived := make(chan struct{})
	sim.Control(Any, func(r *Request) bool {
		close(arrived)
		return FaultHold(nil)(r)
	})
	failed := make(chan error, 1)
	go func() {
		res, err := http.Get(url + "/api/v4/public/bulk_customers/status.json") //nolint:noctx // ended by stop
		if err == nil {
			_ = res.Body.Close()
		}
		failed <- err
	}()
	<-arrived
	stop()
	stop()
	require.Error(t, <-failed)
}

func TestControl(t *testing.T) {
	b := start(t)
	type seen struct {
		kind  Kind
		n     int
		items map[string]string
		rows  int
		code  string
	}
	var log []seen
	remove := b.Control(Any, func(r *Request) bool {
		_, rows := r.Rows()
		log = append(log, seen{r.Kind, r.N, r.Items(), len(rows), r.ProcessCode()})
		return false
	})
	b.one("registration", "email", "a@example.jp")
	b.one("registration", "email", "a@example.jp")
	b.one("delete", "email", "a@example.jp")
	code := b.bulk("registration", header, good, other).code()
	b.bulk("upsert", header, good)
	b.poll(code)
	items := map[string]string{"identity_type": "email", "email": "a@example.jp"}
	require.Equal(t, []seen{
		{SingleRegistration, 1, items, 0, ""}, {SingleRegistration, 2, items, 0, ""}, {SingleDelete, 1, items, 0, ""},
		{BulkRegistration, 1, nil, 2, ""}, {BulkUpsert, 1, nil, 1, ""}, {Status, 1, nil, 0, code},
	}, log)
	remove()
	b.poll(code)
	require.Len(t, log, 6)

	// Handling: the answer changed on its way.
	remove = b.Control(Status, func(r *Request) bool {
		a := r.Answer()
		a.Body = []byte(strings.Replace(string(a.Body), "finished", "ended", 1))
		a.Header.Del("Content-Length")
		r.Send(a)
		return true
	})
	require.Equal(t, "ended", state(b.poll(code)))
	remove()
	require.Equal(t, "finished", state(b.poll(code)))

	// The oldest control answers first; Skip and Times count.
	b.Control(Status, Skip(1, Times(2, FaultStatus(500))))
	b.Control(Status, FaultStatus(503))
	got := []int{}
	for range 4 {
		got = append(got, b.poll(code).http)
	}
	require.Equal(t, []int{503, 500, 500, 503}, got)

	// Times counts answers, not requests that its control let pass.
	b = start(t)
	b.Control(Status, Times(1, Skip(2, FaultStatus(500))))
	got = got[:0]
	for range 4 {
		got = append(got, b.poll("none").http)
	}
	require.Equal(t, []int{404, 404, 500, 404}, got)
}

func TestHoldLetsGo(t *testing.T) {
	b := start(t)
	release := make(chan struct{})
	b.Control(Any, FaultHold(release))
	done := make(chan reply, 2)
	for range 2 {
		go func() { done <- b.one("upsert", "email", "a@example.jp") }()
	}
	require.Eventually(t, func() bool { return b.Counters().Requests[SingleUpsert] == 2 }, 5*time.Second, time.Millisecond)
	close(release)
	require.Equal(t, 200, (<-done).http)
	require.Equal(t, 200, (<-done).http)
	v := b.Violations(SameEmailTwice)
	require.Len(t, v, 1)
	require.True(t, v[0].Excused, "a held call may look lost")
}

func TestTwoSingleCallsOfOneEmail(t *testing.T) {
	b := start(t, func(s *Settings) { s.Latency = 100 * time.Millisecond })
	done := make(chan reply, 2)
	for range 2 {
		go func() { done <- b.one("upsert", "email", "a@example.jp") }()
	}
	<-done
	<-done
	v := b.Violations(SameEmailTwice)
	require.Len(t, v, 1)
	require.False(t, v[0].Excused)
}

func TestChaosFollowsTheSeed(t *testing.T) {
	run := func(seed uint64) (faults []string, stopped int) {
		b := start(t)
		stop := b.Chaos(seed, 0.5, SingleUpsert)
		b.http.Transport.(*http.Transport).DisableKeepAlives = true
		for range 40 {
			b.one("upsert", "email", "a@example.jp")
			b.one("registration", "email", "a@example.jp")
		}
		for _, r := range b.Requests() {
			if r.Kind == SingleRegistration {
				require.Empty(t, r.Fault)
				continue
			}
			faults = append(faults, r.Fault)
		}
		stop()
		return faults, b.one("upsert", "email", "a@example.jp").http
	}
	one, after := run(1)
	again, _ := run(1)
	two, _ := run(2)
	require.Equal(t, 200, after)
	require.Equal(t, one, again)
	require.NotEqual(t, one, two)
	struck := 0
	for _, f := range one {
		if f != "" {
			struck++
		}
	}
	require.InDelta(t, 20, struck, 10)
}

func TestNoKeysInWhatIsKept(t *testing.T) {
	b := start(t)
	b.Chaos(3, 0.5)
	var said strings.Builder
	for range 30 {
		b.one("upsert", "email", "a@example.jp", "memo", "x")
		b.poll("none")
	}
	keys := b.Keys()
	for _, r := range b.Requests() {
		_, _ = io.WriteString(&said, r.Fault+string(r.Kind))
	}
	for _, v := range b.Violations() {
		_, _ = io.WriteString(&said, v.Detail+v.Job)
	}
	for _, w := range b.Writes("a@example.jp") {
		for k, v := range w.Sent {
			_, _ = io.WriteString(&said, k+v)
		}
	}
	require.NotEmpty(t, said.String())
	for _, k := range []string{keys.UserKey, keys.UserSecret, keys.CompanyKey, keys.CompanySecret} {
		require.NotContains(t, said.String(), k)
	}
}
