package satorisim

import (
	"encoding/json"
	"net/http"
	"strconv"
)

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil { // only our own maps and raw lists come here
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// number is a number as this SATORI writes it.
func (s *Sim) number(n int) any {
	if s.set.NumbersQuoted {
		return strconv.Itoa(n)
	}
	return n
}

// answer is what a handler decided, written once the lock is released.
type answer struct {
	http   int
	status int // body status
	body   map[string]any
	hint   Hint
}

func (a *answer) write(w http.ResponseWriter) {
	a.hint.put(w.Header(), a.body)
	writeJSON(w, a.http, a.body)
}

func (s *Sim) refuse(r Refusal, message string) *answer {
	return &answer{http: r.HTTP, status: r.Body, body: map[string]any{"status": s.number(r.Body), "message": message}}
}

func (s *Sim) tooMany(message string) *answer {
	a := s.refuse(s.set.TooMany, message)
	a.hint = s.set.QuotaHint
	return a
}

// accept wraps a payload at its place.
func (s *Sim) accept(httpStatus, status int, message string, place Place, payload map[string]any) *answer {
	body := map[string]any{"status": s.number(status), "message": message}
	switch place {
	case InMessage:
		body["message"] = payload
	case TopLevel:
		for k, v := range payload {
			body[k] = v
		}
	default:
		body["body"] = payload
	}
	return &answer{http: httpStatus, status: status, body: body}
}
