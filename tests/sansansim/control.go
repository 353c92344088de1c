package sansansim

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Kind is a kind of request.
type Kind string

// Kinds of requests.
const (
	Any      Kind = "*"         // in Control and Count: every kind
	Cards    Kind = "cards"     // GET /bizCards
	Search   Kind = "search"    // GET /bizCards/search
	CardByID Kind = "card"      // GET /bizCards/{id}
	CardTags Kind = "card_tags" // GET /bizCards/{id}/tags
	Persons  Kind = "person"    // GET /persons/{id}
	TagList  Kind = "tags"      // GET /tags
	Me       Kind = "me"        // GET /me
	Unknown  Kind = "unknown"   // any other path
)

// Control stands before a kind of request. It may
//   - watch: look at the request and return false;
//   - delay: [Request.Sleep] and return false;
//   - handle: write an answer of its own, [Request.Send] or through [Request.Writer], and return true;
//   - kill: [Request.Kill] before, in the middle of or after an answer, and return true;
//   - look at the answer: [Request.Answer] makes the ordinary one, which may be changed and sent.
//
// Every request passes every control of its kind, oldest control first, until one has answered. Requests with a wrong key
// and requests beyond the quota pass, too; the quota has counted them by then. Controls run concurrently.
type Control func(*Request) (answered bool)

type controls struct {
	mu   sync.Mutex
	next int
	all  []control
}

type control struct {
	number int
	kinds  []Kind
	do     Control
}

// Control puts do before the requests of a kind until remove is called.
func (s *Sim) Control(kind Kind, do Control) (remove func()) { return s.ctl.add(do, kind) }

func (c *controls) add(do Control, kinds ...Kind) (remove func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	number := c.next
	c.all = append(slices.Clip(c.all), control{number, kinds, do})
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.all = slices.DeleteFunc(slices.Clone(c.all), func(x control) bool { return x.number == number })
	}
}

func (c *controls) answer(r *Request) bool {
	c.mu.Lock()
	all := c.all
	c.mu.Unlock()
	for _, x := range all {
		if (slices.Contains(x.kinds, Any) || slices.Contains(x.kinds, r.Kind)) && x.do(r) {
			return true
		}
	}
	return false
}

// Times lets do see requests until it has answered n of them.
func Times(n int, do Control) Control {
	var left atomic.Int64
	left.Store(int64(n))
	return func(r *Request) bool {
		if left.Add(-1) < 0 {
			left.Add(1)
			return false
		}
		if do(r) {
			return true
		}
		left.Add(1)
		return false
	}
}

// Skip lets n requests pass before do sees one.
func Skip(n int, do Control) Control {
	var seen atomic.Int64
	return func(r *Request) bool { return seen.Add(1) > int64(n) && do(r) }
}

// Request is one request that a [Control] sees.
type Request struct {
	Kind    Kind
	Version string // "v3.2"
	ID      string // of card or person, "" elsewhere
	Query   url.Values
	User    User // zero when the key is missing or unknown
	Number  int  // of all requests, from 1
	HTTP    *http.Request
	Writer  http.ResponseWriter

	sim               *Sim
	hasKey            bool
	wait              time.Duration // > 0: beyond the quota
	answer            *Answer
	status            int
	fault             string
	entry             *Logged
	counted, released bool // guarded by the log
}

// Answer is an HTTP answer.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	Rows   int // cards or tags in it
}

// Answer gives the ordinary answer without sending it. It is made once, so that a page token is used once.
func (r *Request) Answer() *Answer {
	if r.answer == nil {
		r.answer = r.sim.answer(r)
	}
	return r.answer
}

// Send sends an answer.
func (r *Request) Send(a *Answer) {
	r.status = a.Status
	r.sim.log.note(r)
	h := r.Writer.Header()
	for k, v := range a.Header {
		h[k] = v
	}
	r.Writer.WriteHeader(a.Status)
	_, _ = r.Writer.Write(a.Body) // a client that has gone is its own trouble
}

// Sleep waits; it says false when the client or the simulator went away meanwhile.
func (r *Request) Sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.HTTP.Context().Done():
		return false
	}
}

// Kill sends these bytes as they are and resets the connection (TCP RST). Without bytes the client sees no answer at all.
func (r *Request) Kill(raw []byte) {
	conn := r.hijack()
	r.sim.log.note(r)
	r.sim.log.release(r)
	if len(raw) > 0 {
		_, _ = conn.Write(raw)
		time.Sleep(5 * time.Millisecond) // a reset overtakes what the client has not yet taken from the wire
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func (r *Request) hijack() net.Conn {
	conn, _, err := http.NewResponseController(r.Writer).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // no connection of our own: let the server cut it
	}
	return conn
}
