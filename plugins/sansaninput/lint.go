package sansaninput

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/redpanda-data/benthos/v4/public/bloblang"
)

const (
	realHost    = "api.sansan.com"
	realMaxRate = 5 // 300 a minute
	maxPageSize = 300
)

// lintMethod is the Bloblang method behind the input's lint rules.
const lintMethod = "sansan_input_lints"

func registerLints() {
	bloblang.MustRegisterMethodV2(lintMethod,
		bloblang.NewPluginSpec().Description("Lints a field of a `sansan_input`, or all of it when none is named.").
			Param(bloblang.NewStringParam("field").Default("")),
		func(args *bloblang.ParsedParams) (bloblang.Method, error) {
			field, err := args.GetString("field")
			if err != nil {
				return nil, err
			}
			return func(v any) (any, error) {
				if field == "" {
					return lintWhole(v), nil
				}
				return lintField(field, v), nil
			}, nil
		})
}

// linted gives the lint rule of a field.
func linted(field string) string { return fmt.Sprintf("root = this.%s(%q)", lintMethod, field) }

// lintField says what is wrong with the value of one field. A value of the wrong
// type is complained about elsewhere.
func lintField(field string, v any) []any {
	says := func(format string, args ...any) []any {
		return []any{fmt.Sprintf("%s"+format, append([]any{field}, args...)...)}
	}
	text, isText := v.(string)
	n, isNumber := number(v)
	switch field {
	case siFieldStartTime:
		if _, err := time.Parse(time.RFC3339, text); isText && err != nil {
			return says(": %q is no time with a zone, such as 2000-01-01T00:00:00+09:00", text)
		}
	case siFieldSchedule, siFieldFullRead:
		if !isText || field == siFieldFullRead && text == "" {
			return nil
		}
		if s, err := scheduleOf(text); err != nil {
			return says(": %v", err)
		} else if s.once && field == siFieldFullRead {
			return says(`: once is no schedule here: use one such as "0 3 * * SUN", or leave it empty for never`)
		}
	case siFieldPageSize:
		if isNumber && (n < 1 || n > maxPageSize) {
			return says(" must be from 1 to %d", maxPageSize)
		}
	case siFieldRate, siFieldCheckpointLimit:
		if isNumber && n <= 0 {
			return says(" must be above 0")
		}
	case siFieldOverlap, siFieldTimeout:
		d, err := time.ParseDuration(text)
		if isText && err != nil {
			return says(": %q is no duration, such as 90s or 10m", text)
		}
		if isText && (d < 0 || d == 0 && field == siFieldTimeout) {
			return says(": %s is no time to wait", text)
		}
	case siFieldBackoff:
		return lintBackoff(v)
	}
	return nil
}

// lintWhole says what fields make together.
func lintWhole(v any) (lints []any) {
	conf, _ := v.(map[string]any)
	base, _ := conf[siFieldBaseURL].(string)
	address, err := url.Parse(base)
	real := base == "" || err == nil && address.Hostname() == realHost
	if real && base != "" && address.Scheme != "https" {
		lints = append(lints, fmt.Sprintf("%s: the key must not travel unencrypted: use https://%s", siFieldBaseURL, realHost))
	}
	// A simulator may be asked as fast as it bears.
	if n, ok := number(conf[siFieldRate]); ok && real && n > realMaxRate {
		lints = append(lints, fmt.Sprintf("%s: %g is more than Sansan allows a key (300 requests a minute): use %d or less", siFieldRate, n, realMaxRate))
	}
	for _, field := range []string{siFieldOwners, siFieldTags} {
		if list, ok := conf[field].([]any); ok && slices.Contains(list, any("")) {
			lints = append(lints, field+": an entry is empty")
		}
	}
	return lints
}

func lintBackoff(v any) (lints []any) {
	conf, _ := v.(map[string]any)
	of := func(field, otherwise string) time.Duration {
		s, ok := conf[field].(string)
		if !ok {
			s = otherwise
		}
		d, err := time.ParseDuration(s)
		if err != nil {
			return 0 // the type of the field complains
		}
		if d < 0 {
			lints = append(lints, fmt.Sprintf("%s.%s must not be negative", siFieldBackoff, field))
		}
		return d
	}
	initial, longest := of(siFieldBackoffInitial, defaultInitial), of(siFieldBackoffMax, defaultMax)
	of(siFieldBackoffElapsed, "0s")
	if initial > longest && longest >= 0 {
		lints = append(lints, fmt.Sprintf("%s: %s is longer than %s", siFieldBackoff, siFieldBackoffInitial, siFieldBackoffMax))
	}
	return lints
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case int:
		return float64(n), true
	case int64:
		return float64(n), true
	case uint64:
		return float64(n), true
	case json.Number:
		f, err := n.Float64()
		return f, err == nil
	case string: // from an environment variable
		f, err := strconv.ParseFloat(n, 64)
		return f, err == nil
	}
	return 0, false
}
