package satorisim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"
)

// Fault is what happens instead of an ordinary answer. Faults are values
// without state: one may serve many requests.
type Fault struct {
	Name string
	// applies: the request is handled (applied) before the fault shows.
	applies bool
	// loses: the client cannot learn what was applied.
	loses bool
	act   func(x *exchange)
}

// exchange is one request on its way through a fault.
type exchange struct {
	w     http.ResponseWriter
	r     *http.Request
	serve func(http.ResponseWriter) // handles the request as usual; at most once
}

// recorded handles the request and keeps the answer back.
func (x *exchange) recorded() *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	x.serve(rec)
	return rec
}

// Hint is how a refusal says when to come back. The zero Hint says nothing.
type Hint struct {
	RetryAfter string // header Retry-After, literally: seconds or an HTTP date
	InBody     any    // value of "retry_after" in the JSON body, nil = absent
}

// HintSeconds is a Retry-After header in seconds.
func HintSeconds(n int) Hint { return Hint{RetryAfter: strconv.Itoa(n)} }

// HintDate is a Retry-After header with a date.
func HintDate(t time.Time) Hint { return Hint{RetryAfter: t.UTC().Format(http.TimeFormat)} }

// HintBody is retry_after, in seconds, in the body.
func HintBody(n int) Hint { return Hint{InBody: n} }

func (h Hint) header(w http.ResponseWriter) {
	if h.RetryAfter != "" {
		w.Header().Set("Retry-After", h.RetryAfter)
	}
}

// When says when a reset happens.
type When string

// The moments of a reset.
const (
	Before When = "before" // nothing was handled, nothing is answered
	During When = "during" // handled; half the answer arrives
	After  When = "after"  // handled; the connection dies right behind the whole answer
)

// Fault429 answers 429, nothing applied.
func Fault429(h Hint) *Fault {
	return &Fault{Name: "429", act: func(x *exchange) {
		h.header(x.w)
		body := map[string]any{"status": 429, "message": "Too Many Requests"}
		if h.InBody != nil {
			body["retry_after"] = h.InBody
		}
		writeJSON(x.w, http.StatusTooManyRequests, body)
	}}
}

// FaultStatus answers with an HTTP status and SATORI's JSON, nothing applied.
func FaultStatus(code int) *Fault {
	return FaultAnswer(code, "application/json", fmt.Sprintf(`{"status":%d,"message":%q}`, code, http.StatusText(code)))
}

// FaultAnswer answers literally, nothing applied.
func FaultAnswer(code int, contentType, body string) *Fault {
	return &Fault{Name: "answer " + strconv.Itoa(code), act: func(x *exchange) {
		x.w.Header().Set("Content-Type", contentType)
		x.w.WriteHeader(code)
		_, _ = x.w.Write([]byte(body))
	}}
}

// FaultHTML answers 200 with a web page, as a maintenance screen does; nothing applied.
func FaultHTML() *Fault {
	f := FaultAnswer(http.StatusOK, "text/html; charset=utf-8", "<!doctype html><html><title>メンテナンス</title><body><h1>ただいまメンテナンス中です</h1></body></html>")
	f.Name = "html"
	return f
}

// FaultEcho answers 500 with a debug page that shows every parameter of the
// request, keys included: what a client shows of an answer must not leak them.
func FaultEcho() *Fault {
	return &Fault{Name: "echo", act: func(x *exchange) {
		x.w.Header().Set("Content-Type", "text/html; charset=utf-8")
		x.w.WriteHeader(http.StatusInternalServerError)
		_, _ = fmt.Fprintf(x.w, "<html><body><h1>Internal Server Error</h1><pre>%s %s\n", x.r.Method, html.EscapeString(x.r.URL.String()))
		for k, v := range x.r.Form {
			_, _ = fmt.Fprintf(x.w, "%s=%s\n", html.EscapeString(k), html.EscapeString(fmt.Sprint(v)))
		}
		_, _ = x.w.Write([]byte("</pre></body></html>"))
	}}
}

// FaultTruncated handles the request and ends the JSON in the middle, as a well-formed HTTP answer.
func FaultTruncated() *Fault {
	return &Fault{Name: "truncated", applies: true, loses: true, act: func(x *exchange) {
		rec := x.recorded()
		copyHeader(x.w, rec)
		x.w.WriteHeader(rec.Code)
		_, _ = x.w.Write(rec.Body.Bytes()[:rec.Body.Len()/2])
	}}
}

// FaultWrongTypes handles the request and answers JSON whose every value is of another type.
func FaultWrongTypes() *Fault {
	return &Fault{Name: "wrong types", applies: true, loses: true, act: func(x *exchange) {
		rec := x.recorded()
		var v any
		_ = json.Unmarshal(rec.Body.Bytes(), &v) // our own JSON; null otherwise
		if m, ok := v.(map[string]any); ok {
			for k := range m {
				m[k] = twist(m[k])
			}
		}
		writeJSON(x.w, rec.Code, v)
	}}
}

func twist(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return []any{v}
	case []any:
		return map[string]any{"0": v}
	case string:
		return map[string]any{"text": v}
	case float64:
		return []any{v}
	}
	return "null"
}

// FaultReset breaks the connection (TCP RST): see When for what has been handled.
func FaultReset(when When) *Fault {
	return &Fault{Name: "reset " + string(when), applies: when != Before, loses: when == During, act: func(x *exchange) {
		if when == Before {
			breakConnection(x.w, nil)
			return
		}
		rec := x.recorded()
		var b bytes.Buffer
		fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
			rec.Code, http.StatusText(rec.Code), rec.Header().Get("Content-Type"), rec.Body.Len())
		body := rec.Body.Bytes()
		if when == During {
			body = body[:len(body)/2]
		}
		b.Write(body)
		breakConnection(x.w, b.Bytes())
	}}
}

// FaultAnswerLost handles the request and breaks the connection without any answer.
func FaultAnswerLost() *Fault {
	f := Applied(FaultReset(Before))
	f.Name = "answer lost"
	return f
}

// Applied makes a fault show only after the request was handled and applied,
// e.g. Applied(FaultStatus(502)): a gateway that gave up too early.
func Applied(f *Fault) *Fault {
	if f.applies {
		return f
	}
	return &Fault{Name: f.Name + ", applied", applies: true, loses: true, act: func(x *exchange) {
		rec := x.recorded()
		f.act(&exchange{w: x.w, r: x.r, serve: func(w http.ResponseWriter) { replay(w, rec) }})
	}}
}

// FaultStall holds the request for d before it is handled. When the client
// has gone by then, nothing is applied. With Applied, only the answer is held.
func FaultStall(d time.Duration) *Fault {
	return &Fault{Name: "stall", act: func(x *exchange) {
		if pause(x.r, d) {
			x.serve(x.w)
		}
	}}
}

// Delay is FaultStall: a request that is only late.
func Delay(d time.Duration) *Fault { return FaultStall(d) }

// Hold lets the request go on once release is closed, or drops it when the client goes first.
func Hold(release <-chan struct{}) *Fault {
	return &Fault{Name: "hold", act: func(x *exchange) {
		select {
		case <-release:
			x.serve(x.w)
		case <-x.r.Context().Done():
		}
	}}
}

// FaultSlowBody handles the request; the answer's head comes at once, its body in pieces over d.
func FaultSlowBody(d time.Duration) *Fault {
	return &Fault{Name: "slow body", applies: true, act: func(x *exchange) {
		rec := x.recorded()
		copyHeader(x.w, rec)
		x.w.Header().Set("Content-Length", strconv.Itoa(rec.Body.Len()))
		x.w.WriteHeader(rec.Code)
		const pieces = 10
		body := rec.Body.Bytes()
		for i := range pieces {
			if f, ok := x.w.(http.Flusher); ok {
				f.Flush()
			}
			if !pause(x.r, d/pieces) {
				return
			}
			if _, err := x.w.Write(body[len(body)*i/pieces : len(body)*(i+1)/pieces]); err != nil {
				return
			}
		}
	}}
}

// FaultRedirect sends the client elsewhere (307), nothing applied. A client must not carry its keys there.
func FaultRedirect(url string) *Fault {
	return &Fault{Name: "redirect", act: func(x *exchange) {
		x.w.Header().Set("Location", url)
		x.w.WriteHeader(http.StatusTemporaryRedirect)
	}}
}

// FaultHuge answers n bytes of valid JSON, nothing applied: a client must have a limit.
func FaultHuge(n int) *Fault {
	return &Fault{Name: "huge", act: func(x *exchange) {
		x.w.Header().Set("Content-Type", "application/json")
		_, _ = x.w.Write([]byte(`{"status":200,"message":"`))
		chunk := bytes.Repeat([]byte("x"), 64<<10)
		for ; n > 0; n -= len(chunk) {
			if _, err := x.w.Write(chunk[:min(n, len(chunk))]); err != nil {
				return
			}
		}
		_, _ = x.w.Write([]byte(`"}`))
	}}
}

// Menu is one of each fault that a patient client survives without a person.
func Menu() []*Fault {
	return []*Fault{
		Fault429(Hint{}), Fault429(HintSeconds(1)), Fault429(HintBody(1)),
		FaultStatus(500), FaultStatus(502), FaultStatus(503), FaultHTML(), FaultEcho(),
		FaultTruncated(), FaultWrongTypes(), FaultReset(Before), FaultReset(During), FaultReset(After),
		FaultAnswerLost(), Applied(FaultStatus(502)), FaultStall(50 * time.Millisecond), FaultSlowBody(50 * time.Millisecond),
	}
}

// pause waits and reports whether the client is still there.
func pause(r *http.Request, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return r.Context().Err() == nil
	case <-r.Context().Done():
		return false
	}
}

func copyHeader(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
	for k, v := range rec.Header() {
		w.Header()[k] = v
	}
}

func replay(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
	copyHeader(w, rec)
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
}

// breakConnection writes raw bytes and resets.
func breakConnection(w http.ResponseWriter, raw []byte) {
	h, ok := w.(http.Hijacker)
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
