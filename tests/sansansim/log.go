package sansansim

import (
	"maps"
	"net/url"
	"sync"
	"time"
)

// Logged is one request as it came and ended.
type Logged struct {
	Number  int // from 1
	Kind    Kind
	Version string // "v3.2"
	Path    string
	Query   url.Values // keys travel in a header, so none is in here
	User    string     // id of the key's user, "" when the key is unknown
	At      time.Time
	Took    time.Duration // 0 while it is being answered
	Status  int           // 0: killed, or still being answered
	Rows    int           // cards or tags given, null rows not counted
	Fault   string        // ready-made fault that answered
}

// keptRequests bounds the log; the oldest half goes first. Counters go on.
const keptRequests = 200_000

type requestLog struct {
	mu       sync.Mutex
	entries  []*Logged
	number   int
	counts   map[Kind]int
	faults   map[string]int
	busy     map[string]int
	mostBusy map[string]int
	idle     *sync.Cond // nothing is being answered any more
	open     int
}

func (l *requestLog) begin(e *Logged) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts == nil {
		l.counts, l.faults, l.busy, l.mostBusy = map[Kind]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	}
	l.number++
	l.open++
	e.Number = l.number
	if len(l.entries) >= keptRequests {
		l.entries = append([]*Logged(nil), l.entries[keptRequests/2:]...)
	}
	l.entries = append(l.entries, e)
	l.counts[e.Kind]++
	l.busy[e.User]++
	l.mostBusy[e.User] = max(l.mostBusy[e.User], l.busy[e.User])
}

// note writes down what becomes of a request, before the client can know: a test that has the answer finds it in the log.
func (l *requestLog) note(r *Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.entry.Status, r.entry.Fault = r.status, r.fault
	if r.answer != nil && r.status == r.answer.Status {
		r.entry.Rows = r.answer.Rows
	}
	if r.fault != "" && !r.counted {
		r.counted = true
		l.faults[r.fault]++
	}
}

// release says that the key's request is over, as far as its client can see.
func (l *requestLog) release(r *Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !r.released {
		r.released = true
		l.busy[r.entry.User]--
	}
}

func (l *requestLog) end(r *Request, took time.Duration) {
	l.note(r)
	l.release(r)
	l.mu.Lock()
	defer l.mu.Unlock()
	r.entry.Took = took
	if l.open--; l.open == 0 && l.idle != nil {
		l.idle.Broadcast()
	}
}

// wait returns when nothing is being answered.
func (l *requestLog) wait() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.idle == nil {
		l.idle = sync.NewCond(&l.mu)
	}
	for l.open > 0 {
		l.idle.Wait()
	}
}

// Requests gives the log so far, oldest first.
func (s *Sim) Requests() []Logged {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	got := make([]Logged, len(s.log.entries))
	for i, e := range s.log.entries {
		got[i] = *e
	}
	return got
}

// Count gives the number of requests of a kind, [Any] for all.
func (s *Sim) Count(k Kind) int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	if k == Any {
		return s.log.number
	}
	return s.log.counts[k]
}

// Faults gives how often each ready-made fault answered.
func (s *Sim) Faults() map[string]int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return maps.Clone(s.log.faults)
}

// MaxConcurrent gives the most requests at one time seen of each user's key.
func (s *Sim) MaxConcurrent() map[string]int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return maps.Clone(s.log.mostBusy)
}

// ForgetRequests empties log, counters, violations and what counts towards the quota.
func (s *Sim) ForgetRequests() {
	s.log.mu.Lock()
	s.log.entries, s.log.number = nil, 0
	clear(s.log.counts)
	clear(s.log.faults)
	s.log.mostBusy = maps.Clone(s.log.busy)
	s.log.mu.Unlock()
	s.rate.mu.Lock()
	s.rate.times, s.rate.violations = nil, nil
	s.rate.mu.Unlock()
}
