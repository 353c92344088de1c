package sansansim

import (
	"fmt"
	"html"
	"net/http"
	"strconv"
	"time"
)

// apiError is an error as the API tells it.
type apiError struct {
	status        int
	code, message string
}

func jsonAnswer(status int, body []byte) *Answer {
	return &Answer{Status: status, Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, Body: body}
}

func (s *Sim) errorAnswer(e *apiError) *Answer { return s.Settings().errorAnswer(e, "") }

// errorAnswer writes an error in the shape of the settings; extra goes into a JSON object as further members.
func (set Settings) errorAnswer(e *apiError, extra string) *Answer {
	switch set.ErrorShape {
	case ErrorOtherJSON:
		return jsonAnswer(e.status, fmt.Appendf(nil, `{"title":%s,"status":%d,"detail":%s%s}`, appendJSON(nil, e.code), e.status, appendJSON(nil, e.message), extra))
	case ErrorHTML:
		a := jsonAnswer(e.status, fmt.Appendf(nil, "<html><head><title>%d</title></head><body><h1>%s</h1></body></html>\n", e.status, html.EscapeString(e.message)))
		a.Header.Set("Content-Type", "text/html; charset=utf-8")
		return a
	case ErrorEmpty:
		return &Answer{Status: e.status, Header: http.Header{}}
	}
	return jsonAnswer(e.status, fmt.Appendf(nil, `{"statusCode":%d,"message":%s,"error":[{"code":%s}]%s}`, e.status, appendJSON(nil, e.message), appendJSON(nil, e.code), extra))
}

func (s *Sim) tooMany(h Hint) *Answer { return s.Settings().tooMany(h) }

func (set Settings) tooMany(h Hint) *Answer {
	seconds := int((h.After + time.Second - 1) / time.Second)
	extra := ""
	if h.Kind == HintBody {
		extra = `,"retry_after":` + strconv.Itoa(seconds)
	}
	a := set.errorAnswer(&apiError{http.StatusTooManyRequests, "TOO_MANY_REQUESTS", "too many requests"}, extra)
	switch h.Kind {
	case HintHeader:
		a.Header.Set("Retry-After", strconv.Itoa(seconds))
	case HintHeaderDate:
		a.Header.Set("Retry-After", set.Now().Add(time.Duration(seconds)*time.Second).UTC().Format(http.TimeFormat))
	}
	return a
}
