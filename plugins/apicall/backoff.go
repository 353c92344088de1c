package apicall

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// maxHint caps what a server may ask for.
const maxHint = 15 * time.Minute

// ErrGaveUp: a Retry has gone on for longer than MaxElapsed.
var ErrGaveUp = errors.New("gave up")

// Backoff says how transient trouble is retried. MaxElapsed 0 is without limit.
type Backoff struct{ Initial, Max, MaxElapsed time.Duration }

// Retry is one series of attempts.
type Retry struct {
	conf  Backoff
	next  time.Duration
	begun time.Time
}

// Start begins a series.
func (b Backoff) Start() *Retry { return &Retry{conf: b, next: b.Initial, begun: time.Now()} }

// Wait sleeps before the next attempt: twice as long each time up to Max, with
// jitter, and never shorter than the hint.
func (r *Retry) Wait(ctx context.Context, hint time.Duration) error {
	if r.conf.MaxElapsed > 0 && time.Since(r.begun) >= r.conf.MaxElapsed {
		return ErrGaveUp
	}
	base := min(max(r.next, time.Millisecond), max(r.conf.Max, r.conf.Initial))
	r.next = base * 2
	wait := base/2 + rand.N(base/2+1)
	if hint > 0 {
		wait = max(wait, hint+rand.N(hint/10+1))
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// RetryHint reads how long a server asks to wait: the Retry-After header, in
// seconds or as a date, else retry_after in seconds in a JSON body. It is capped
// at 15 minutes.
func RetryHint(h http.Header, body []byte, now time.Time) (time.Duration, bool) {
	if text := strings.TrimSpace(h.Get("Retry-After")); text != "" {
		if s, err := strconv.ParseFloat(text, 64); err == nil {
			return hint(s)
		}
		if at, err := http.ParseTime(text); err == nil {
			return hint(at.Sub(now).Seconds())
		}
	}
	var content any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if decoder.Decode(&content) != nil {
		return 0, false
	}
	return hintIn(content, 3)
}

func hintIn(content any, depth int) (time.Duration, bool) {
	if depth == 0 {
		return 0, false
	}
	switch v := content.(type) {
	case map[string]any:
		for _, name := range []string{"retry_after", "retryAfter", "retry-after"} {
			switch n := v[name].(type) {
			case json.Number:
				s, _ := n.Float64()
				return hint(s)
			case string:
				if s, err := strconv.ParseFloat(n, 64); err == nil {
					return hint(s)
				}
			}
		}
		for _, name := range []string{"error", "message", "body"} {
			if d, ok := hintIn(v[name], depth-1); ok {
				return d, true
			}
		}
	case []any:
		for _, inner := range v {
			if d, ok := hintIn(inner, depth-1); ok {
				return d, true
			}
		}
	}
	return 0, false
}

func hint(seconds float64) (time.Duration, bool) {
	switch {
	case seconds != seconds || seconds < 0: // not a number
		return 0, true
	case seconds > maxHint.Seconds():
		return maxHint, true
	}
	return time.Duration(seconds * float64(time.Second)), true
}

const sayRunes = 200

var tags = regexp.MustCompile(`(?s)<(script|style)\b.*?</(script|style)>|<[^>]*>`)

// Say makes what a server said fit for a person: without tags and control
// characters, in one line, at most 200 characters.
func Say(body []byte) string {
	if len(body) > 16<<10 {
		body = body[:16<<10]
	}
	text := tags.ReplaceAllString(strings.ToValidUTF8(string(body), "?"), " ")
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > sayRunes {
		text = string(runes[:sayRunes-1]) + "…"
	}
	return text
}
