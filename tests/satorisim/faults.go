package satorisim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// HintKind is how a 429 says when to come again.
type HintKind string

// Kinds of hints.
const (
	HintNone       HintKind = ""
	HintHeader     HintKind = "header"      // Retry-After in seconds
	HintHeaderDate HintKind = "header_date" // Retry-After as an HTTP date
	HintBody       HintKind = "body"        // "retry_after" in seconds in the JSON
)

// Hint is when to come again.
type Hint struct {
	Kind  HintKind
	After time.Duration // rounded up to whole seconds
}

// put writes the hint into an answer's header or body.
func (h Hint) put(header http.Header, body map[string]any) {
	seconds := int((h.After + time.Second - 1) / time.Second)
	switch h.Kind {
	case HintHeader:
		header.Set("Retry-After", strconv.Itoa(seconds))
	case HintHeaderDate:
		// The real clock: a client has no other.
		header.Set("Retry-After", time.Now().Add(h.After+time.Second-1).UTC().Format(http.TimeFormat))
	case HintBody:
		body["retry_after"] = seconds
	}
}

// named notes which fault answered.
func named(name string, do Control) Control {
	return func(r *Request) bool {
		before := r.fault
		r.strike(name)
		if do(r) {
			return true
		}
		r.strike(before)
		return false
	}
}

func literal(name string, status int, contentType, body string) Control {
	return named(name, func(r *Request) bool {
		r.Send(&Answer{Status: status, Header: http.Header{"Content-Type": {contentType}}, Body: []byte(body)})
		return true
	})
}

// Fault429 answers "too many requests"; nothing is applied.
func Fault429(h Hint) Control {
	return named("429", func(r *Request) bool {
		body := map[string]any{"status": 429, "message": "Too Many Requests"}
		h.put(r.w.Header(), body)
		writeJSON(r.w, http.StatusTooManyRequests, body)
		return true
	})
}

// FaultStatus answers with an HTTP status and SATORI's kind of JSON; nothing is applied.
func FaultStatus(code int) Control {
	return literal(strconv.Itoa(code), code, "application/json", fmt.Sprintf(`{"status":%d,"message":%q}`, code, http.StatusText(code)))
}

// FaultAnswer answers literally; nothing is applied.
func FaultAnswer(code int, contentType, body string) Control {
	return literal("answer", code, contentType, body)
}

// FaultHTML answers 200 with an HTML page, as a maintenance screen does; nothing is applied.
func FaultHTML() Control {
	return literal("html", http.StatusOK, "text/html; charset=utf-8",
		"<!doctype html><html><head><title>メンテナンス</title></head><body><h1>ただいまメンテナンス中です</h1></body></html>\n")
}

// FaultEcho answers 500 with a debug page that shows every parameter of the
// request, keys included: what a client repeats of an answer must not leak them.
func FaultEcho() Control {
	return named("echo", func(r *Request) bool {
		var b bytes.Buffer
		_, _ = fmt.Fprintf(&b, "<html><body><h1>Internal Server Error</h1><pre>%s %s\n", r.http.Method, html.EscapeString(r.http.URL.String()))
		for k, v := range r.call.form {
			_, _ = fmt.Fprintf(&b, "%s=%s\n", html.EscapeString(k), html.EscapeString(fmt.Sprint(v)))
		}
		b.WriteString("</pre></body></html>")
		r.Send(&Answer{Status: 500, Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}, Body: b.Bytes()})
		return true
	})
}

// FaultTruncated applies the request and sends the first half of the answer as a complete HTTP answer: JSON that breaks off.
func FaultTruncated() Control {
	return named("truncated", func(r *Request) bool {
		r.lose()
		a := *r.Answer()
		a.Header = a.Header.Clone()
		a.Header.Del("Content-Length")
		a.Body = a.Body[:len(a.Body)/2]
		r.Send(&a)
		return true
	})
}

// FaultWrongTypes applies the request and answers JSON whose every value is of another type.
func FaultWrongTypes() Control {
	return named("wrong types", func(r *Request) bool {
		r.lose()
		a := r.Answer()
		var m map[string]any
		_ = json.Unmarshal(a.Body, &m) // our own JSON
		for k := range m {
			m[k] = twist(m[k])
		}
		writeJSON(r.w, a.Status, m)
		return true
	})
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

// Moment says when a connection is reset.
type Moment int

// Moments of a reset.
const (
	Before Moment = iota // nothing is applied, nothing is answered
	During               // applied; half of the answer arrives
	After                // applied; the connection dies right behind the whole answer
)

func (m Moment) name() string { return "reset " + [...]string{"before", "during", "after"}[m] }

// FaultReset breaks the connection with a TCP RST.
func FaultReset(m Moment) Control {
	return named(m.name(), func(r *Request) bool {
		if m == Before {
			r.Kill(nil)
			return true
		}
		// Even behind a whole answer a client may see only the reset.
		r.lose()
		a := r.Answer()
		n := len(a.Body)
		if m == During {
			n /= 2
		}
		r.Kill(a.raw(n))
		return true
	})
}

// FaultAnswerLost applies the request and breaks the connection without any answer.
func FaultAnswerLost() Control {
	return named("answer lost", func(r *Request) bool {
		r.lose()
		r.Answer()
		r.Kill(nil)
		return true
	})
}

// FaultStall holds the request for d, then it goes on. When the client has
// gone by then, nothing is applied. With Applied only the answer is held.
func FaultStall(d time.Duration) Control {
	return func(r *Request) bool {
		r.strike("stall")
		if r.Sleep(d) {
			return false
		}
		r.Kill(nil)
		return true
	}
}

// FaultHold holds the request until release is closed, then it goes on; when the client goes first, nothing is applied.
func FaultHold(release <-chan struct{}) Control {
	return func(r *Request) bool {
		r.strike("hold")
		select {
		case <-release:
			return false
		case <-r.Gone():
			r.Kill(nil)
			return true
		}
	}
}

// FaultSlowBody applies the request; the answer's head comes at once, its body in pieces with pauses between.
func FaultSlowBody(pause time.Duration) Control {
	return named("slow body", func(r *Request) bool {
		r.lose() // a client with little patience goes before the end
		a := r.Answer()
		for k, v := range a.Header {
			r.w.Header()[k] = v
		}
		r.w.WriteHeader(a.Status)
		const pieces = 10
		for i := range pieces {
			if f, ok := r.w.(http.Flusher); ok {
				f.Flush()
			}
			if !r.Sleep(pause) {
				return true
			}
			if _, err := r.w.Write(a.Body[len(a.Body)*i/pieces : len(a.Body)*(i+1)/pieces]); err != nil {
				return true
			}
		}
		return true
	})
}

// FaultRedirect sends the client elsewhere (307), nothing is applied. A client must not carry its keys there.
func FaultRedirect(url string) Control {
	return named("redirect", func(r *Request) bool {
		r.Send(&Answer{Status: http.StatusTemporaryRedirect, Header: http.Header{"Location": {url}}})
		return true
	})
}

// FaultHuge answers n bytes of valid JSON, nothing is applied: a client must have a limit.
func FaultHuge(n int) Control {
	return named("huge", func(r *Request) bool {
		r.w.Header().Set("Content-Type", "application/json")
		_, _ = r.w.Write([]byte(`{"status":200,"message":"`))
		chunk := bytes.Repeat([]byte("x"), 64<<10)
		for ; n > 0; n -= len(chunk) {
			if _, err := r.w.Write(chunk[:min(n, len(chunk))]); err != nil {
				return true
			}
		}
		_, _ = r.w.Write([]byte(`"}`))
		return true
	})
}

// ChaosPause is the time by which chaos stalls a request, and the pause it puts between pieces of a slow body.
const ChaosPause = 20 * time.Millisecond

// Menu is one of each fault that a patient client survives without a person.
func Menu() []Control {
	return []Control{
		Fault429(Hint{}), Fault429(Hint{HintHeader, time.Second}), Fault429(Hint{HintHeaderDate, time.Second}), Fault429(Hint{HintBody, time.Second}),
		FaultStatus(500), FaultStatus(502), FaultStatus(503), FaultHTML(), FaultEcho(), FaultTruncated(), FaultWrongTypes(),
		FaultReset(Before), FaultReset(During), FaultReset(After), FaultAnswerLost(), Applied(FaultStatus(502)),
		FaultStall(ChaosPause), FaultSlowBody(ChaosPause),
	}
}

// Chaos puts a random fault of the Menu before a request with the given
// probability, for the kinds named (none: all), until stop. Equal seeds give
// equal sequences of faults, as long as requests come one by one.
func (s *Sim) Chaos(seed uint64, probability float64, kinds ...Kind) (stop func()) {
	return s.ChaosOf(Menu(), seed, probability, kinds...)
}

// ChaosOf is Chaos with a menu of one's own.
func (s *Sim) ChaosOf(menu []Control, seed uint64, probability float64, kinds ...Kind) (stop func()) {
	if len(kinds) == 0 {
		kinds = []Kind{Any}
	}
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 0x5A7012))
	return s.install(func(r *Request) bool {
		mu.Lock()
		hit, which := random.Float64() < probability, random.IntN(len(menu))
		mu.Unlock()
		return hit && menu[which](r)
	}, kinds...)
}
