package sansan

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/Jeffail/gabs/v2"

	"sansansatori/plugins/apicall"
)

// Error is what Sansan said, or what went wrong on the way (Status 0).
type Error struct {
	Status     int
	Code       string
	Message    string
	RetryAfter time.Duration
	cause      error
}

func (e *Error) Error() string {
	text := "sansan: "
	if e.Status != 0 {
		text += fmt.Sprintf("HTTP %d ", e.Status)
	}
	if e.Code != "" {
		text += e.Code + " "
	}
	return strings.TrimSpace(text + e.Message)
}

func (e *Error) Unwrap() error { return e.cause }

// Unauthorized: the key is missing or wrong. It does not mend itself.
func (e *Error) Unauthorized() bool { return e.Status == http.StatusUnauthorized }

// Forbidden: the key's user lacks the right, or the key is for Data Hub only.
func (e *Error) Forbidden() bool { return e.Status == http.StatusForbidden }

// NotFound: an unknown id, a wrong path or version, or a page token that expired.
func (e *Error) NotFound() bool { return e.Status == http.StatusNotFound }

// BadRequest: a bad parameter, or a page token that expired.
func (e *Error) BadRequest() bool { return e.Status == http.StatusBadRequest }

// Temporary: the same request may succeed later.
func (e *Error) Temporary() bool {
	return e.Status == 0 || e.Status == http.StatusRequestTimeout || e.Status == http.StatusTooManyRequests ||
		e.Status >= 500 || e.Status >= 200 && e.Status < 300
}

func unreadable(what string) error { return &Error{Status: 200, Message: what} }

// errorOf reads {"statusCode":..,"message":..,"error":[{"code":..}]}, or whatever
// else there is: other JSON, HTML, nothing.
func (c *Client) errorOf(a *apicall.Answer) *Error {
	e := &Error{Status: a.Status}
	e.RetryAfter, _ = apicall.RetryHint(a.Header, a.Body, time.Now())
	say := func(s string) string { return apicall.Say([]byte(c.scrub.Replace(s))) }
	parsed, err := parse(a.Body)
	if err != nil {
		e.Message = say(string(a.Body))
		return e
	}
	body := gabs.Wrap(parsed)
	e.Message = say(textAt(body, "message", "error.message", "error.0.message", "detail", "title", "error"))
	e.Code = say(textAt(body, "error.0.code", "error.code", "code"))
	if e.Message == "" && e.Code == "" {
		e.Message = strings.ToLower(http.StatusText(a.Status))
	}
	return e
}

// textAt the first path that holds any.
func textAt(c *gabs.Container, paths ...string) string {
	for _, path := range paths {
		if s := textOf(c.Path(path).Data()); s != "" {
			return s
		}
	}
	return ""
}
