package sansansim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Hint is how a 429 tells when to come again.
type Hint struct {
	Kind  HintKind
	After time.Duration // rounded up to whole seconds
}

// Fault429 answers "too many requests".
func Fault429(h Hint) Control {
	return named("429", func(r *Request) bool {
		r.Send(r.sim.tooMany(h))
		return true
	})
}

// FaultStatus answers with a status and an error in the shape of the settings.
func FaultStatus(code int) Control {
	return named(strconv.Itoa(code), func(r *Request) bool {
		r.Send(r.sim.errorAnswer(&apiError{code, "SIMULATED_FAULT", http.StatusText(code)}))
		return true
	})
}

// FaultHTML answers 200 with an HTML page, as a proxy or a maintenance page does.
func FaultHTML() Control {
	return named("html", func(r *Request) bool {
		r.Send(&Answer{Status: 200, Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}, Body: []byte(maintenance)})
		return true
	})
}

const maintenance = "<!DOCTYPE html><html><head><title>メンテナンス</title></head><body><h1>ただいまメンテナンス中です</h1></body></html>\n"

// FaultTruncated sends the ordinary answer's first half as a complete HTTP answer: JSON that breaks off.
func FaultTruncated() Control {
	return named("truncated", func(r *Request) bool {
		a := *r.Answer()
		a.Body, a.Rows = a.Body[:len(a.Body)/2], 0
		r.Send(&a)
		return true
	})
}

// Moment says when a connection is reset.
type Moment int

// Moments of a reset.
const (
	Before Moment = iota // nothing was done, nothing answered
	During               // status, header and half of the body came
	After                // the whole answer came, then the reset: the client may or may not have read it
)

// FaultReset resets the connection (TCP RST).
func FaultReset(m Moment) Control {
	return named([]string{"reset_before", "reset_during", "reset_after"}[m], func(r *Request) bool {
		if m == Before {
			r.Kill(nil)
			return true
		}
		raw := r.Answer().raw()
		if m == During {
			raw = raw[:len(raw)-(len(r.Answer().Body)+1)/2]
		} else {
			r.status = r.Answer().Status
		}
		r.Kill(raw)
		return true
	})
}

// raw writes the answer as HTTP/1.1.
func (a *Answer) raw() []byte {
	var b bytes.Buffer
	_, _ = fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\nContent-Length: %d\r\n", a.Status, http.StatusText(a.Status), len(a.Body))
	_ = a.Header.Write(&b) // a Buffer never fails
	b.WriteString("\r\n")
	b.Write(a.Body)
	return b.Bytes()
}

// FaultStall answers nothing for so long, or until the client gives up, and then resets the connection.
func FaultStall(d time.Duration) Control {
	return named("stall", func(r *Request) bool {
		r.Sleep(d)
		r.Kill(nil)
		return true
	})
}

// FaultSlowBody sends the ordinary answer in ten parts with a pause before each: good in the end, if the client's time allows.
func FaultSlowBody(pause time.Duration) Control {
	return named("slow_body", func(r *Request) bool {
		a := r.Answer()
		h := r.Writer.Header()
		for k, v := range a.Header {
			h[k] = v
		}
		r.status = a.Status
		r.sim.log.note(r)
		r.Writer.WriteHeader(a.Status)
		flush := http.NewResponseController(r.Writer).Flush
		for i := range 10 {
			_ = flush()
			if !r.Sleep(pause) {
				return true
			}
			if _, err := r.Writer.Write(a.Body[len(a.Body)*i/10 : len(a.Body)*(i+1)/10]); err != nil {
				return true
			}
		}
		return true
	})
}

// FaultWrongTypes answers 200 with JSON whose members have other types than documented: no page can be read from it.
func FaultWrongTypes() Control {
	return named("wrong_types", func(r *Request) bool {
		r.Send(jsonAnswer(200, []byte(`{"data":"none","hasMore":"perhaps","nextPageToken":{"token":1},"id":7,"item":[]}`)))
		return true
	})
}

// FaultWrongCardTypes sends the ordinary list with every text of a card but id and updatedTime as something else: numbers,
// lists, objects. The page as such is good.
func FaultWrongCardTypes() Control {
	return named("wrong_card_types", func(r *Request) bool {
		a := *r.Answer()
		var page map[string]any
		if json.Unmarshal(a.Body, &page) != nil {
			return false
		}
		wrong := []any{42, true, []any{"a"}, map[string]any{"value": "b"}, 1.5e300}
		for _, row := range listOf(page["data"]) {
			card, _ := row.(map[string]any)
			for i, k := range order {
				if _, there := card[k]; there && k != "id" && k != "updatedTime" {
					card[k] = wrong[i%len(wrong)]
				}
			}
			if _, there := card["tags"]; there {
				card["tags"] = map[string]any{"0": "none"}
			}
		}
		a.Body, _ = json.Marshal(page)
		r.Send(&a)
		return true
	})
}

// named notes which fault answered.
func named(name string, do Control) Control {
	return func(r *Request) bool {
		r.fault = name
		if do(r) {
			return true
		}
		r.fault = ""
		return false
	}
}

// ChaosPause is the time by which chaos stalls an answer, and ten times that by which it slows a body down.
const ChaosPause = 20 * time.Millisecond

// Chaos puts a random one of the transient faults before a request with the given probability, for the kinds named
// (none: all), until stop. Equal seeds give equal sequences of faults, as long as requests come one by one.
// [Sim.Faults] tells how many there were.
func (s *Sim) Chaos(seed uint64, probability float64, kinds ...Kind) (stop func()) {
	menu := []Control{
		Fault429(Hint{}), Fault429(Hint{HintHeader, time.Second}), Fault429(Hint{HintHeaderDate, time.Second}), Fault429(Hint{HintBody, time.Second}),
		FaultStatus(500), FaultStatus(502), FaultStatus(503), FaultHTML(), FaultTruncated(), FaultWrongTypes(),
		FaultReset(Before), FaultReset(During), FaultReset(After), FaultStall(ChaosPause), FaultSlowBody(ChaosPause),
	}
	if len(kinds) == 0 {
		kinds = []Kind{Any}
	}
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 0x5a5a))
	return s.ctl.add(func(r *Request) bool {
		mu.Lock()
		hit, which := random.Float64() < probability, random.IntN(len(menu))
		mu.Unlock()
		return hit && menu[which](r)
	}, kinds...)
}
