package sansaninput

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/redpanda-data/benthos/v4/public/bloblang"
)

const (
	realHost    = "api.sansan.com"
	realMaxRate = 5 // 300 a minute
	maxPageSize = 300
)

// lintMethod is the Bloblang method behind the input's lint rule.
const lintMethod = "sansan_input_lints"

func registerLints() {
	bloblang.MustRegisterMethodV2(lintMethod,
		bloblang.NewPluginSpec().Description("Lints the configuration of a `sansan_input`."),
		func(*bloblang.ParsedParams) (bloblang.Method, error) {
			return bloblang.ObjectMethod(func(conf map[string]any) (any, error) { return lint(conf), nil }), nil
		})
}

// lint says what is wrong with a configuration as it was written; fields that
// were left out have sound defaults.
func lint(conf map[string]any) []any {
	lints := []any{}
	complain := func(format string, args ...any) { lints = append(lints, fmt.Sprintf(format, args...)) }
	text := func(field string) (string, bool) { s, ok := conf[field].(string); return s, ok }

	base, _ := text(siFieldBaseURL)
	address, err := url.Parse(base)
	real := base == "" || err == nil && address.Hostname() == realHost
	if base != "" && real && address.Scheme != "https" {
		complain("%s: the key must not travel unencrypted: use https://%s", siFieldBaseURL, realHost)
	}
	for _, field := range []string{siFieldOwners, siFieldTags} {
		if list, ok := conf[field].([]any); ok && slices.Contains(list, any("")) {
			complain("%s: an entry is empty", field)
		}
	}
	if s, ok := text(siFieldStartTime); ok {
		if _, err := time.Parse(time.RFC3339, s); err != nil {
			complain("%s: %q is no time with a zone, such as 2000-01-01T00:00:00+09:00", siFieldStartTime, s)
		}
	}
	if s, ok := text(siFieldSchedule); ok {
		if _, err := scheduleOf(s); err != nil {
			complain("%s: %v", siFieldSchedule, err)
		}
	}
	if s, ok := text(siFieldFullRead); ok && s != "" {
		if full, err := scheduleOf(s); err != nil {
			complain("%s: %v", siFieldFullRead, err)
		} else if full.once {
			complain(`%s: once is no schedule here: use one such as "0 3 * * SUN", or leave it empty for never`, siFieldFullRead)
		}
	}
	if n, ok := number(conf[siFieldPageSize]); ok && (n < 1 || n > maxPageSize) {
		complain("%s must be from 1 to %d", siFieldPageSize, maxPageSize)
	}
	if n, ok := number(conf[siFieldRate]); ok && n <= 0 {
		complain("%s must be above 0", siFieldRate)
	} else if ok && real && n > realMaxRate {
		complain("%s: %g is more than Sansan allows a key (300 requests a minute): use %d or less", siFieldRate, n, realMaxRate)
	}
	if n, ok := number(conf[siFieldCheckpointLimit]); ok && n < 1 {
		complain("%s must be above 0", siFieldCheckpointLimit)
	}
	for _, field := range []string{siFieldOverlap, siFieldTimeout} {
		if s, ok := text(field); ok {
			if d, err := time.ParseDuration(s); err == nil && (d < 0 || d == 0 && field == siFieldTimeout) {
				complain("%s: %s is no time to wait", field, s)
			}
		}
	}
	return append(lints, lintBackoff(conf[siFieldBackoff])...)
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
	}
	return 0, false
}
