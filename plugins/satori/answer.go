package satori

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Jeffail/gabs/v2"
)

// answer is a response as far as it could be read.
type answer struct {
	http       int
	raw        []byte
	doc        *gabs.Container // nil unless the body is one JSON object
	status     int             // the body's own; 0 when it has none
	word       string          // the body's own status when it is no number: "error"
	retryAfter time.Duration
}

var bom = []byte("\xef\xbb\xbf")

func read(body []byte) answer {
	a := answer{raw: body}
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, bom)))
	dec.UseNumber()
	doc, err := gabs.ParseJSONDecoder(dec)
	if err != nil {
		return a
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return a // something follows: two answers run into one another
	}
	if _, ok := doc.Data().(map[string]any); !ok {
		return a
	}
	a.doc = doc
	switch status := doc.Path("status").Data().(type) {
	case nil:
	case bool, map[string]any, []any:
		a.doc = nil // of a shape nobody has seen: no yes can be read from it
	default:
		if n, ok := number(status); ok {
			a.status = n
		} else {
			a.word = strings.ToLower(text(status))
		}
	}
	return a
}

var yes = []string{"", "ok", "success", "succeeded", "accepted"}

// isOK: a body without a status of its own does not object.
func (a answer) isOK(ok func(int) bool) bool {
	if a.status != 0 {
		return ok(a.status)
	}
	return slices.Contains(yes, a.word)
}

// class of a body that objects.
func (a answer) class() Class {
	if a.status != 0 {
		return classOf(a.status)
	}
	return Refused
}

// words are the answer's message for people.
func (a answer) words() string {
	if a.doc == nil {
		return string(a.raw)
	}
	for _, path := range []string{"message", "body", "error", "errors"} {
		switch said := a.doc.Path(path).Data().(type) {
		case nil:
		case string:
			if strings.TrimSpace(said) != "" {
				return said
			}
		default:
			for _, inner := range []string{"message", "error"} {
				if s, ok := a.doc.Path(path).Path(inner).Data().(string); ok && strings.TrimSpace(s) != "" {
					return s
				}
			}
			return plain(said)
		}
	}
	return plain(a.doc.Data())
}

// plain is JSON without the escapes of HTML characters, which would hide what
// is to be scrubbed.
func plain(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return ""
	}
	return b.String()
}

// payload is the object that holds field: in `body`, in `message` or at the
// top. nil when there is none.
func (a answer) payload(field string) *gabs.Container {
	if a.doc == nil {
		return nil
	}
	for _, at := range []*gabs.Container{a.doc.Search("body"), a.doc.Search("message"), a.doc} {
		if at.Exists(field) && at.Search(field).Data() != nil {
			return at
		}
	}
	return nil
}

// number reads a whole number from a JSON number or a numeric string.
func number(v any) (int, bool) {
	s := text(v)
	if n, err := strconv.Atoi(s); err == nil {
		return n, true
	}
	if s == "" || strings.ContainsAny(s, "xXpP_nN") { // neither hexadecimal nor NaN, Inf
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > math.MaxInt32 {
		return 0, false
	}
	return int(f), true
}

// text of a JSON string or number; "" of anything else.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v)
	case json.Number:
		return v.String()
	}
	return ""
}
