package sansansim

import (
	"fmt"
	"sync"
	"time"
)

// Violation is a request beyond the published quota.
type Violation struct {
	At       time.Time
	User     string // id of the key's user; the key itself is never kept
	Limit    string // "10/s" or "300/min"
	Requests int    // in that window, this one included
}

// quota watches every key's requests over the last minute. Refused requests count as well.
type quota struct {
	mu         sync.Mutex
	times      map[string][]time.Time // by user, ascending
	violations []Violation
}

// count adds a request; wait > 0 says that it is too many and how long until it would not be.
func (q *quota) count(user string, set *Settings, now time.Time) (wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.times == nil {
		q.times = map[string][]time.Time{}
	}
	times := q.times[user]
	for len(times) > 0 && now.Sub(times[0]) >= time.Minute {
		times = times[1:]
	}
	times = append(times, now)
	q.times[user] = times
	check := func(limit int, window time.Duration, name string) {
		n := 0
		for i := len(times) - 1; limit > 0 && i >= 0 && now.Sub(times[i]) < window; i-- {
			n++
		}
		if limit > 0 && n > limit {
			q.violations = append(q.violations, Violation{now, user, fmt.Sprintf("%d/%s", limit, name), n})
			wait = max(wait, window-now.Sub(times[len(times)-limit]))
		}
	}
	if set.PerSecond <= 0 && set.PerMinute <= 0 {
		q.times[user] = times[:0]
		return 0
	}
	check(set.PerSecond, time.Second, "s")
	check(set.PerMinute, time.Minute, "min")
	return wait
}

// Violations gives every request beyond the quota so far.
func (s *Sim) Violations() []Violation {
	s.rate.mu.Lock()
	defer s.rate.mu.Unlock()
	return append([]Violation(nil), s.rate.violations...)
}
