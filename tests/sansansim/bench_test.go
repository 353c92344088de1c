package sansansim_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"sansansatori/tests/sansansim"
)

// BenchmarkPages serves all pages of 300 of 30,000 cards without a network and tells the processor time of one card.
func BenchmarkPages(b *testing.B) {
	const cards = 30_000
	sim := sansansim.New()
	sim.Configure(func(s *sansansim.Settings) { s.PerSecond, s.PerMinute = 0, 0 })
	sim.LoadSample(cards, 1)
	began, served := cpu(), 0
	for b.Loop() {
		served += serveAll(b, sim, cards/300)
	}
	b.ReportMetric(float64((cpu()-began).Nanoseconds())/float64(served), "cpu-ns/card")
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		sansansim.New().LoadSample(10_000, 1)
	}
}

func serveAll(b *testing.B, sim *sansansim.Sim, most int) (rows int) {
	q := url.Values{"updatedFrom": {"2000-01-01T00:00:00Z"}, "updatedTo": {"2030-01-01T00:00:00Z"}, "range": {"all"}, "includeTags": {"true"}, "limit": {"300"}}
	sim.ForgetRequests()
	for range most + 1 {
		r := httptest.NewRequest(http.MethodGet, "/v3.2/bizCards?"+q.Encode(), nil)
		r.Header.Set("X-Sansan-Api-Key", sansansim.Key)
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, r)
		body := w.Body.Bytes()
		tail := string(body[len(body)-80:])
		token, more := between(tail, `"nextPageToken":"`, `"`)
		if !more {
			break
		}
		q.Set("nextPageToken", token)
	}
	for _, e := range sim.Requests() {
		rows += e.Rows
	}
	return rows
}

func between(s, before, after string) (string, bool) {
	_, s, ok := strings.Cut(s, before)
	if !ok {
		return "", false
	}
	s, _, ok = strings.Cut(s, after)
	return s, ok
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
