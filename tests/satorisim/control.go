package satorisim

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Kind is a kind of request.
type Kind string

// Kinds of requests.
const (
	Any                Kind = "*" // in Control and Chaos: every kind
	SingleRegistration Kind = "registration"
	SingleUpsert       Kind = "upsert"
	SingleDelete       Kind = "delete"
	BulkRegistration   Kind = "bulk_registration"
	BulkUpsert         Kind = "bulk_upsert"
	Status             Kind = "status"
	Unknown            Kind = "unknown" // any other path or method: counted, never controlled
)

// Control stands before a kind of request. It may
//   - watch: look at the request and return false;
//   - delay: [Request.Sleep] and return false;
//   - handle: write an answer of its own with [Request.Send] and return true;
//   - kill: [Request.Kill] and return true;
//   - let SATORI apply the request, [Request.Answer], and change or lose the answer.
//
// Every request passes every control of its kind, oldest control first, until
// one has answered. Its body has been read and it has been counted by the
// quota, but nothing has been judged or applied. Controls run concurrently.
type Control func(*Request) (answered bool)

type control struct {
	kinds []Kind
	do    Control
}

// Control puts do before the requests of a kind until remove is called.
func (s *Sim) Control(kind Kind, do Control) (remove func()) { return s.install(do, kind) }

func (s *Sim) install(do Control, kinds ...Kind) (remove func()) {
	c := &control{kinds, do}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.controls = append(slices.Clip(s.controls), c)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		// A new slice: one in use by a running request stays whole.
		s.controls = slices.DeleteFunc(slices.Clone(s.controls), func(o *control) bool { return o == c })
	}
}

// controlled lets the controls of the request's kind act.
func (s *Sim) controlled(r *Request) (answered bool) {
	s.mu.Lock()
	all := s.controls
	s.mu.Unlock()
	for _, c := range all {
		if (slices.Contains(c.kinds, Any) || slices.Contains(c.kinds, r.Kind)) && c.do(r) {
			return true
		}
	}
	return false
}

// Times lets do see requests until it has answered n of them.
func Times(n int, do Control) Control {
	var mu sync.Mutex
	return func(r *Request) bool {
		mu.Lock()
		if n <= 0 {
			mu.Unlock()
			return false
		}
		n--
		mu.Unlock()
		if do(r) {
			return true
		}
		mu.Lock()
		n++
		mu.Unlock()
		return false
	}
}

// Skip lets the first n requests pass by do.
func Skip(n int, do Control) Control {
	var mu sync.Mutex
	return func(r *Request) bool {
		mu.Lock()
		skipped := n > 0
		n--
		mu.Unlock()
		return !skipped && do(r)
	}
}

// Applied has SATORI apply the request first and throws its answer away, e.g.
// Applied(FaultStatus(502)): a gateway that gave up too early.
func Applied(do Control) Control {
	return func(r *Request) bool {
		r.lose()
		r.Answer()
		r.late = true
		return do(r)
	}
}

// Request is one request on its way. Keys are not visible in it.
type Request struct {
	Kind Kind
	N    int // 1 for the first request of its kind

	sim    *Sim
	call   *call
	w      http.ResponseWriter
	http   *http.Request
	log    *RequestLog
	fault  string // name of the fault at work
	answer *Answer
	late   bool // the fault strikes after the request was applied
}

// Answer is an HTTP answer.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Items are what a single call sent, as SATORI's item names; nil for others.
func (r *Request) Items() map[string]string { return r.call.items }

// ProcessCode is what a status call asks for.
func (r *Request) ProcessCode() string { return r.call.form.Get("process_code") }

// CSV is the file of an upload as it came; nil for others.
func (r *Request) CSV() []byte { return r.call.file }

// Rows are the header and rows of an upload, as far as they can be read; nil for others.
func (r *Request) Rows() (header []string, rows [][]string) {
	if r.call.sheet == nil {
		return nil, nil
	}
	sh, _ := r.call.sheet()
	return sh.header, sh.rows
}

// Answer has SATORI judge and apply the request, once, and gives its answer, not yet sent.
func (r *Request) Answer() *Answer {
	if r.answer == nil {
		rec := httptest.NewRecorder()
		a := r.sim.handle(r.call)
		a.write(rec)
		r.sim.note(func() { r.log.HTTP, r.log.Status = a.http, a.status })
		r.answer = &Answer{rec.Code, rec.Header(), rec.Body.Bytes()}
	}
	return r.answer
}

// lose says, before Answer, that the client will not learn the answer.
func (r *Request) lose() { r.call.lost = true }

// strike names the fault at work, before the client can see anything of it.
func (r *Request) strike(name string) {
	r.fault = name
	if name != "" && r.late {
		name += ", applied"
	}
	r.sim.note(func() { r.log.Fault = name })
}

// Send answers.
func (r *Request) Send(a *Answer) {
	for k, v := range a.Header {
		r.w.Header()[k] = v
	}
	r.w.WriteHeader(a.Status)
	_, _ = r.w.Write(a.Body)
}

// Sleep waits and reports whether the client is still there.
func (r *Request) Sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return r.http.Context().Err() == nil
	case <-r.http.Context().Done():
		return false
	}
}

// Gone is closed when the client has gone.
func (r *Request) Gone() <-chan struct{} { return r.http.Context().Done() }

// Kill writes raw bytes, if any, and resets the connection (TCP RST).
func (r *Request) Kill(raw []byte) {
	h, ok := r.w.(http.Hijacker)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	conn, _, err := h.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if len(raw) > 0 {
		_, _ = conn.Write(raw)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // RST instead of FIN
	}
	_ = conn.Close()
}

// raw is an answer as it stands on the wire, its body cut to n bytes.
func (a *Answer) raw(n int) []byte {
	var b bytes.Buffer
	h := a.Header.Clone()
	h.Set("Content-Length", strconv.Itoa(len(a.Body)))
	_, _ = fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", a.Status, http.StatusText(a.Status))
	_ = h.Write(&b)
	b.WriteString("\r\n")
	b.Write(a.Body[:n])
	return b.Bytes()
}
