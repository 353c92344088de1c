package rotatingfile

import (
	"strings"
	"testing"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/require"
)

func TestLint(t *testing.T) {
	for name, test := range map[string]struct{ conf, want string }{
		"least":                 {"path: x", ""},
		"everything":            {"path: x\nmax_bytes: 1\nmax_age: 24h\nkeep: 1\nkeep_for: 1h30m", ""},
		"nothing limited":       {"path: x\nmax_bytes: 0\nmax_age: 0s\nkeep: 0\nkeep_for: 0", ""},
		"a variable to come":    {"path: x\nmax_age: \"\"", ""},
		"no path":               {"keep: 1", "field path is required"},
		"max_bytes negative":    {"path: x\nmax_bytes: -1", "max_bytes cannot be negative"},
		"keep negative":         {"path: x\nkeep: -1", "keep cannot be negative"},
		"max_age negative":      {"path: x\nmax_age: -1h", "max_age cannot be negative"},
		"keep_for negative":     {"path: x\nkeep_for: -1h", "keep_for cannot be negative"},
		"days":                  {"path: x\nkeep_for: 90d", "keep_for is no duration: write it in hours, such as 24h for a day"},
		"no unit":               {"path: x\nmax_age: 24", "max_age is no duration: write it in hours, such as 24h for a day"},
		"no batching":           {"path: x\nbatching: {}", "field batching not recognised"},
		"no max_in_flight":      {"path: x\nmax_in_flight: 2", "field max_in_flight not recognised"},
		"a fraction of a limit": {"path: x\nmax_age: 0.5h", ""},
	} {
		t.Run(name, func(t *testing.T) {
			conf := "rotating_file:\n  " + strings.ReplaceAll(test.conf, "\n", "\n  ") + "\n"
			lints, err := service.NewEnvironment().NewComponentConfigLinter().LintOutputYAML([]byte(conf))
			require.NoError(t, err)
			if test.want == "" {
				require.Empty(t, lints)
				return
			}
			require.Len(t, lints, 1)
			require.Contains(t, lints[0].Error(), test.want)
		})
	}
}

func TestConfig(t *testing.T) {
	conf := func(text string) (config, error) {
		p, err := outputSpec().ParseYAML(text, nil)
		require.NoError(t, err)
		return configFromParsed(p)
	}
	c, err := conf("path: ./a//b.jsonl")
	require.NoError(t, err)
	require.Equal(t, config{path: "a/b.jsonl"}, c)
	c, err = conf("path: b\nmax_bytes: 1\nmax_age: 24h\nkeep: 2\nkeep_for: 48h")
	require.NoError(t, err)
	require.Equal(t, config{"b", 1, 24 * time.Hour, 2, 48 * time.Hour}, c)
	for text, want := range map[string]string{
		`path: ""`:               "path is empty: name the file to write to",
		"path: x\nmax_bytes: -1": "max_bytes cannot be negative",
		"path: x\nkeep: -1":      "keep cannot be negative",
		"path: x\nmax_age: -1s":  "max_age cannot be negative",
		"path: x\nkeep_for: -1s": "keep_for cannot be negative",
		"path: x\nkeep_for: 90d": `failed to parse 'keep_for' as a duration string: time: unknown unit "d" in duration "90d"`,
	} {
		_, err := conf(text)
		require.EqualError(t, err, want)
	}
}
