package satorisim

import (
	"maps"
	"slices"
	"time"
)

// ViolationKind names something a good client never does.
type ViolationKind string

// The kinds of violation.
const (
	OverQuota      ViolationKind = "over_quota"       // faster than Settings.RequestsPerSecond
	SameEmailTwice ViolationKind = "same_email_twice" // one e-mail in two jobs, calls or rows at once
	LoosenedOptOut ViolationKind = "loosened_opt_out" // delivery_permission reject → approval
	KeysInQuery    ViolationKind = "keys_in_query"    // keys in the URL of a call other than status
)

// Violation is one thing a good client never does.
type Violation struct {
	Kind   ViolationKind
	At     time.Time
	Job    string // process code, if one is concerned
	Email  string // if one is concerned
	Detail string
	// Excused: the client could not know, because the answer to the other job
	// was lost to a Fault or its status had expired.
	Excused bool
}

// RequestLog is one request without anything secret or personal.
type RequestLog struct {
	Time   time.Time // arrival, by Settings.Now
	Kind   Kind
	Bytes  int    // of the body
	HTTP   int    // status decided by SATORI; 0 when a fault kept it from deciding
	Status int    // "status" of the body
	Fault  string // name of the fault that struck
	Took   time.Duration
}

// Counters are totals since New.
type Counters struct {
	Requests   map[Kind]int
	Jobs       int
	Rows       int // of accepted uploads
	FailedRows int
	Created    int // customers
	Changed    int // writes that changed an existing customer
	Repeated   int // writes that changed nothing
	Deleted    int
	DatesBack  int // writes that replaced Settings.DateItem by an earlier date; counted even with NoLog
}

const keptRequests = 100_000

// Violations lists what was recorded, of the given kinds or (none given) of all.
func (s *Sim) Violations(kinds ...ViolationKind) []Violation {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	var out []Violation
	for _, v := range s.violations {
		if len(kinds) == 0 || slices.Contains(kinds, v.Kind) {
			out = append(out, v)
		}
	}
	return out
}

// Counters gives the totals.
func (s *Sim) Counters() Counters {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	c := s.count
	c.Requests = maps.Clone(c.Requests)
	return c
}

// Requests is the log, oldest first; at least the last 100,000 are kept.
func (s *Sim) Requests() []RequestLog {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]RequestLog, len(s.requests))
	for i, r := range s.requests {
		out[i] = *r
	}
	return out
}

// Faults counts the faults in the request log, by name.
func (s *Sim) Faults() map[string]int {
	names := map[string]int{}
	for _, r := range s.Requests() {
		if r.Fault != "" {
			names[r.Fault]++
		}
	}
	return names
}

func (s *Sim) violate(v Violation) { s.violations = append(s.violations, v) }

// noteRequest opens a line of the log; note fills it while the request goes on.
func (s *Sim) noteRequest(r RequestLog) *RequestLog {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) >= 2*keptRequests {
		s.requests = append([]*RequestLog(nil), s.requests[keptRequests:]...)
	}
	s.requests = append(s.requests, &r)
	return &r
}

func (s *Sim) note(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *Sim) countRequest(k Kind) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count.Requests[k]++
	return s.count.Requests[k]
}

func (s *Sim) now() time.Time { return s.settings().Now() }

func (s *Sim) settings() Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.set
}

func (s *Sim) latency() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.set.Latency
	if s.set.LatencyJitter > 0 {
		d += time.Duration(s.rng.Int64N(int64(s.set.LatencyJitter)))
	}
	return d
}

// quota is a token bucket.
type quota struct {
	tokens float64
	last   time.Time
}

// jitter forgiven: a client that paces itself exactly arrives a little early now and then.
const quotaSlack = 50 * time.Millisecond

// arrive takes the time of a request and measures it against the quota.
func (s *Sim) arrive(kind Kind) *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &call{kind: kind, at: s.set.Now()}
	rate := s.set.RequestsPerSecond
	if rate <= 0 {
		return c
	}
	full := float64(max(s.set.Burst, 1)) + rate*quotaSlack.Seconds()
	if s.quota.last.IsZero() {
		s.quota.tokens = full
	} else {
		s.quota.tokens = min(full, s.quota.tokens+rate*c.at.Sub(s.quota.last).Seconds())
	}
	s.quota.last = c.at
	if s.quota.tokens < 1 {
		c.over = true
		s.violate(Violation{Kind: OverQuota, At: c.at, Detail: string(kind)})
		return c
	}
	s.quota.tokens--
	return c
}

// flight is a single call under way; broken lists the violations it shares in.
type flight struct{ broken []int }

// enter notes a single call, to see two of one e-mail at once. leave ends it;
// excused says that its client had reason to call again meanwhile.
func (s *Sim) enter(c *call) (leave func(excused bool)) {
	if c.items["email"] == "" {
		return func(bool) {}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	mail, f := s.key(c.items["email"]), &flight{}
	for _, other := range s.inFlight[mail] {
		other.broken = append(other.broken, len(s.violations))
		s.violate(Violation{Kind: SameEmailTwice, At: c.at, Email: mail, Detail: "two single calls at once"})
	}
	s.inFlight[mail] = append(s.inFlight[mail], f)
	return func(excused bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, i := range f.broken {
			s.violations[i].Excused = s.violations[i].Excused || excused
		}
		s.inFlight[mail] = slices.DeleteFunc(s.inFlight[mail], func(o *flight) bool { return o == f })
		if len(s.inFlight[mail]) == 0 {
			delete(s.inFlight, mail)
		}
	}
}
