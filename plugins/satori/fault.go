package satori

import (
	"net/http"
	"time"
)

// Class says what can be done about an error.
type Class string

const (
	Transient    Class = "transient"    // the same request may succeed later: 408, 429, 5xx, network, an unreadable answer
	Unauthorized Class = "unauthorized" // the keys are refused
	Forbidden    Class = "forbidden"    // the keys' user lacks a right (since 2025-10-21 rights gate each call)
	Invalid      Class = "invalid"      // 400, 422: the data
	Refused      Class = "refused"      // any other no
	Expired      Class = "expired"      // the job's status is no longer known
)

// Error is SATORI's no, or trouble on the way to it. It holds neither keys nor
// e-mail addresses nor URLs.
type Error struct {
	Class      Class
	HTTP       int           // HTTP status; 0 when there was no answer
	Status     int           // the body's own status; 0 when it has none
	Said       string        // what SATORI said, ≤200 characters
	RetryAfter time.Duration // as SATORI asked; 0 when it did not
}

// Error is stable: dead letters carry it. "satori: <class>: <what SATORI said>".
func (e *Error) Error() string { return "satori: " + string(e.Class) + ": " + e.Said }

// classOf a status, HTTP's or the body's.
func classOf(status int) Class {
	switch {
	case status == http.StatusUnauthorized:
		return Unauthorized
	case status == http.StatusForbidden:
		return Forbidden
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status/100 == 5:
		return Transient
	case status == http.StatusBadRequest, status == http.StatusUnprocessableEntity:
		return Invalid
	}
	return Refused
}

// weight orders classes where HTTP and body disagree: what names its reason
// more exactly wins.
var weight = map[Class]int{Refused: 1, Invalid: 2, Transient: 3, Forbidden: 4, Unauthorized: 5}

func anyOK(status int) bool    { return status/100 == 2 }
func singleOK(status int) bool { return status == http.StatusOK }

// judge returns nil when both HTTP and body say yes, else an *Error.
func (c *Client) judge(a answer, ok func(int) bool) error {
	e := &Error{HTTP: a.http, Status: a.status, RetryAfter: a.retryAfter}
	switch {
	case a.http/100 == 3:
		e.Class, e.Said = Refused, "redirected: base_url is not where SATORI's API is"
		return e
	case a.http/100 == 5: // whatever the body claims, it may come from a proxy
		e.Class = Transient
	case a.http/100 == 2 && a.doc == nil:
		e.Class, e.Said = Transient, "the answer cannot be read: "+c.said(a)
		return e
	case a.http/100 == 2 && a.isOK(ok):
		return nil
	default:
		if a.http/100 != 2 {
			e.Class = classOf(a.http)
		}
		if !a.isOK(ok) {
			if of := a.class(); weight[of] > weight[e.Class] {
				e.Class = of
			}
		}
	}
	e.Said = c.said(a)
	return e
}

// said is the answer's message, the reason phrase failing that.
func (c *Client) said(a answer) string {
	if s := c.clean(a.words()); s != "" {
		return s
	}
	if text := http.StatusText(a.http); text != "" && a.http/100 != 2 {
		return text
	}
	return "no reason given"
}
