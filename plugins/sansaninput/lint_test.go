package sansaninput

import (
	"strings"
	"testing"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/require"
)

func TestLint(t *testing.T) {
	const sim = "base_url: http://127.0.0.1:1/v3.2\n"
	for name, test := range map[string]struct {
		conf string
		want []string
	}{
		"least":                    {"", nil},
		"schedule once":            {"schedule: once", nil},
		"cron":                     {"schedule: TZ=UTC 0 2 * * *\nfull_read: 0 3 * * SUN", nil},
		"no schedule":              {"schedule: daily", []string{`(3,1) schedule: "daily" is no schedule: use once, "@every 15m", or cron such as "0 2 * * *" (02:00 in Asia/Tokyo)`}},
		"no full read":             {"full_read: sometimes", []string{`(3,1) full_read: "sometimes" is no schedule: use once, "@every 15m", or cron such as "0 2 * * *" (02:00 in Asia/Tokyo)`}},
		"full read once":           {"full_read: once", []string{`(3,1) full_read: once is no schedule here: use one such as "0 3 * * SUN", or leave it empty for never`}},
		"start without zone":       {"start_time: 2026-01-01T00:00:00", []string{`(3,1) start_time: "2026-01-01T00:00:00" is no time with a zone, such as 2000-01-01T00:00:00+09:00`}},
		"page size 0":              {"page_size: 0", []string{"(3,1) page_size must be from 1 to 300"}},
		"page size 301":            {"page_size: 301", []string{"(3,1) page_size must be from 1 to 300"}},
		"page size 300":            {"page_size: 300", nil},
		"rate 0":                   {"requests_per_second: 0", []string{"(3,1) requests_per_second must be above 0"}},
		"rate negative, simulator": {sim + "requests_per_second: -1", []string{"(4,1) requests_per_second must be above 0"}},
		"rate 5":                   {"requests_per_second: 5", nil},
		"rate 5.5":                 {"requests_per_second: 5.5", []string{"(2,1) requests_per_second: 5.5 is more than Sansan allows a key (300 requests a minute): use 5 or less"}},
		"rate 1000, simulator":     {sim + "requests_per_second: 1000", nil},
		"rate 10, real host named": {"base_url: https://api.sansan.com/v6.0\nrequests_per_second: 10", []string{"(2,1) requests_per_second: 10 is more than Sansan allows a key (300 requests a minute): use 5 or less"}},
		"unencrypted":              {"base_url: http://api.sansan.com/v3.2", []string{"(2,1) base_url: the key must not travel unencrypted: use https://api.sansan.com"}},
		"range":                    {"range: mine", []string{"(3,1) value mine is not a valid option for this field"}},
		"an empty owner":           {`owners: [a, ""]`, []string{"(2,1) owners: an entry is empty"}},
		"an empty tag":             {`tags: [""]`, []string{"(2,1) tags: an entry is empty"}},
		"checkpoint limit":         {"checkpoint_limit: 0", []string{"(3,1) checkpoint_limit must be above 0"}},
		"overlap negative":         {"overlap: -1m", []string{"(3,1) overlap: -1m is no time to wait"}},
		"timeout 0":                {"timeout: 0s", []string{"(3,1) timeout: 0s is no time to wait"}},
		"backoff the wrong way":    {"backoff: { initial_interval: 10m }", []string{"(3,1) backoff: initial_interval is longer than max_interval"}},
		"backoff negative":         {"backoff: { max_elapsed_time: -1s }", []string{"(3,1) backoff.max_elapsed_time must not be negative"}},
		"a typo":                   {"shedule: once", []string{"(3,1) field shedule not recognised"}},
		"two at once":              {"page_size: 0\nschedule: x", []string{"(3,1) page_size must be from 1 to 300", "(4,1) schedule: \"x\" is no schedule: use once, \"@every 15m\", or cron such as \"0 2 * * *\" (02:00 in Asia/Tokyo)"}},
	} {
		t.Run(name, func(t *testing.T) {
			conf := "sansan_input:\n  api_key: k\n"
			for _, line := range splitLines(test.conf) {
				conf += "  " + line + "\n"
			}
			conf += "  checkpoint_cache: cursor\n"
			lints, err := service.NewEnvironment().NewComponentConfigLinter().LintInputYAML([]byte(conf))
			require.NoError(t, err)
			var got []string
			for _, l := range lints {
				got = append(got, l.Error())
			}
			require.Equal(t, test.want, got)
		})
	}
}

func TestFieldsThatMustBeThere(t *testing.T) {
	lints, err := service.NewEnvironment().NewComponentConfigLinter().LintInputYAML([]byte("sansan_input: {}"))
	require.NoError(t, err)
	require.Len(t, lints, 2)
	got := lints[0].Error() + lints[1].Error()
	require.Contains(t, got, "field api_key is required")
	require.Contains(t, got, "field checkpoint_cache is required")
}

func TestConfigErrorsWithoutLint(t *testing.T) {
	w := newWorld(t)
	for more, want := range map[string]string{
		"schedule: x":      `"x" is no schedule: use once, "@every 15m", or cron such as "0 2 * * *" (02:00 in Asia/Tokyo)`,
		"full_read: x":     `"x" is no schedule: use once, "@every 15m", or cron such as "0 2 * * *" (02:00 in Asia/Tokyo)`,
		"start_time: x":    `start_time: parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"`,
		"page_size: 301":   "page_size must be from 1 to 300",
		"page_size: many":  "many",
		"overlap: forever": `time: invalid duration "forever"`,
	} {
		parsed, err := inputSpec().ParseYAML(w.yaml(more), nil)
		if err == nil {
			_, err = configFromParsed(parsed)
		}
		require.ErrorContains(t, err, want)
	}
}

func splitLines(s string) (lines []string) {
	for line := range strings.Lines(s) {
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
	return lines
}
