package pipelinefile

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/require"

	_ "github.com/redpanda-data/benthos/v4/public/components/pure"
)

func lookup(values map[string]string) Lookup {
	return func(_ context.Context, name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	}
}

func load(t *testing.T, text string, src Source) (*Pipeline, error) {
	t.Helper()
	src.Path = filepath.Join(t.TempDir(), "pipeline.yaml")
	require.NoError(t, os.WriteFile(src.Path, []byte(text), 0o600))
	if src.Lookup == nil {
		src.Lookup = lookup(nil)
	}
	return Load(t.Context(), src)
}

func TestInterpolate(t *testing.T) {
	env := lookup(map[string]string{"A": "one", "EMPTY": "", "LINES": "x\ny", "B64": "aGVsbG8="})
	tests := []struct{ name, text, want string }{
		{"set", "a: ${A}", "a: one"},
		{"default not needed", "a: ${A:other}", "a: one"},
		{"default", "a: ${NONE:https://host/v3.2}", "a: https://host/v3.2"},
		{"default for an empty one", "a: ${EMPTY:x}", "a: x"},
		{"empty default", "a: ${NONE:}", "a: "},
		{"empty, without a default", "a: ${EMPTY}", "a: "},
		{"line ends are escaped", `a: "${LINES}"`, `a: "x\ny"`},
		{"decoded", "a: ${B64|base64decode}", "a: hello"},
		{"escaped", "a: ${{A}}", "a: ${A}"},
		{"a function of Bloblang", `a: ${! json("x") }`, `a: ${! json("x") }`},
		{"two on a line", "a: ${A}-${A}", "a: one-one"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := interpolate(t.Context(), []byte(test.text), env)
			require.NoError(t, err)
			require.Equal(t, test.want, string(got))
		})
	}
	_, err := interpolate(t.Context(), []byte("${NONE} ${A} ${NOR}"), env)
	require.EqualError(t, err, "required environment variables were not set: [NONE NOR]")
	_, err = interpolate(t.Context(), []byte("${A|rot13}"), env)
	require.ErrorContains(t, err, "no such function")
	_, err = interpolate(t.Context(), []byte("${A|base64decode}"), env)
	require.EqualError(t, err, "A is not base64", "the value is a secret, and is not told")
}

func TestLoadKeepsValuesAsTheyAre(t *testing.T) {
	p, err := load(t, `
base: &base {since: 2026-01-02, rate: 4}
input: {<<: *base, rate: 2, n: 12345678901234567, when: 2000-01-01T00:00:00+09:00, text: "${{X}}", yes: true, none: null}
`, Source{})
	require.NoError(t, err)
	require.Equal(t, map[string]any{
		"since": "2026-01-02", "rate": 2, "n": 12345678901234567, "when": "2000-01-01T00:00:00+09:00",
		"text": "${X}", "yes": true, "none": nil,
	}, p.Root["input"])
	text, err := Marshal(p.Root["input"])
	require.NoError(t, err)
	require.Contains(t, text, `"text":"${{X}}"`)
	require.Contains(t, text, `"n":12345678901234567`)
}

func TestLoadSetsFields(t *testing.T) {
	const text = "output: {fallback: [{satori_output: {linger: 1s}}, {drop: {}}]}\n"
	p, err := load(t, text, Source{Set: []string{
		"output.fallback.0.satori_output.linger=5ms", "output.fallback.0.satori_output.limits.max_changes=3", "input.stdin.codec=a=b",
	}})
	require.NoError(t, err)
	conf := p.Components("satori_output")
	require.Len(t, conf, 1)
	require.Equal(t, map[string]any{"linger": "5ms", "limits": map[string]any{"max_changes": 3}}, conf[0])
	require.Equal(t, "a=b", p.Root["input"].(map[string]any)["stdin"].(map[string]any)["codec"])
	for _, set := range []string{"nothing", "output.fallback.7.x=1", "output.fallback.x=1"} {
		_, err = load(t, text, Source{Set: []string{set}})
		require.ErrorContains(t, err, "set: ")
	}
}

func TestLoadAddsResources(t *testing.T) {
	more := filepath.Join(t.TempDir(), "more.yaml")
	require.NoError(t, os.WriteFile(more, []byte("cache_resources: [{label: b, memory: {}}]\n"), 0o600))
	p, err := load(t, "cache_resources: [{label: a, memory: {}}]\n", Source{Resources: []string{more}})
	require.NoError(t, err)
	require.Len(t, p.Root["cache_resources"], 2)
	_, err = load(t, "a: 1\n", Source{Resources: []string{"/nowhere/*.yaml"}})
	require.ErrorContains(t, err, "no file is named")
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	schema := service.GlobalEnvironment().FullConfigSchema("", "")
	tests := []struct{ name, text, want string }{
		{"missing variable", "input: {generate: {mapping: 'root = 1', interval: '${NOT_THERE}'}}", "NOT_THERE"},
		{"unknown field", "input: {generate: {mapping: 'root = 1', intervall: 1s}}", "pipeline.yaml(1,"},
		{"no YAML", "a: [", "reading "},
		{"no pipeline", "[]", "expected object"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := load(t, test.text, Source{Schema: schema})
			require.ErrorContains(t, err, test.want)
		})
	}
	_, err := Load(t.Context(), Source{Path: "/nowhere/pipeline.yaml"})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestFieldsKnowTheDefaults(t *testing.T) {
	f, err := InputFields(service.GlobalEnvironment(), "generate", map[string]any{"count": "7"})
	require.NoError(t, err)
	require.InDelta(t, 7, f.Number("count"), 0)
	require.Equal(t, "1s", f.Text("interval"))
	require.InDelta(t, 1, f.Number("batch_size"), 0)
	require.Empty(t, f.Text("nothing.at.all"))
	_, err = OutputFields(service.GlobalEnvironment(), "no_such_output", nil)
	require.Error(t, err)
}

func FuzzInterpolate(f *testing.F) {
	f.Add("a: ${A:${B}} ${{C}} ${D|base64decode}")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = interpolate(t.Context(), []byte(text), lookup(map[string]string{"A": "x"}))
		_, _ = parse([]byte(text))
	})
}
