package preview

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"sansansatori/plugins/pipelinefile"
)

func pipeline(t *testing.T, text string) *pipelinefile.Pipeline {
	t.Helper()
	p := &pipelinefile.Pipeline{}
	require.NoError(t, json.Unmarshal([]byte(text), &p.Root))
	return p
}

const reads = `"input": {"sansan_input": {"schedule": "@every 15m"}}, `

func TestEveryOutputButSatoriIsReplaced(t *testing.T) {
	const satori = `{"satori_output": {"linger": "1s", "limits": {"max_changes": 1}, "journal": "j"}}`
	const harmless = `{"satori_output": {"linger": "1s", "dry_run": true, "journal": "preview_journal"}}`
	const nothing = `{"preview_failures": {}}`
	tests := []struct{ name, output, want string }{
		{"alone", satori, harmless},
		{"fallback", `{"fallback": [{"reject_errored": ` + satori + `}, {"file": {"path": "x"}}]}`, `{"fallback": [{"reject_errored": ` + harmless + `}, ` + nothing + `]}`},
		{"broker", `{"broker": {"pattern": "fan_out", "outputs": [{"label": "k", "kafka": {}}, ` + satori + `]}}`, `{"broker": {"pattern": "fan_out", "outputs": [` + nothing + `, ` + harmless + `]}}`},
		{"switch", `{"switch": {"cases": [{"check": "x", "output": ` + satori + `}, {"output": {"drop": {}}}]}}`, `{"switch": {"cases": [{"check": "x", "output": ` + harmless + `}, {"output": ` + nothing + `}]}}`},
		{"drop_on", `{"drop_on": {"error": true, "output": ` + satori + `}}`, `{"drop_on": {"error": true, "output": ` + harmless + `}}`},
		{"retry", `{"retry": {"output": ` + satori + `}, "processors": [{"a": 1}]}`, `{"satori_output": {"linger": "1s", "dry_run": true, "journal": "preview_journal"}, "processors": [{"a": 1}]}`},
		{"processors stay", `{"processors": [{"mapping": "root = this"}], "satori_output": {}}`, `{"processors": [{"mapping": "root = this"}], "satori_output": {"dry_run": true, "journal": "preview_journal"}}`},
		{"resource", `{"fallback": [{"resource": "there"}, {"resource": "elsewhere"}]}`, `{"fallback": [{"satori_output": {"dry_run": true, "journal": "preview_journal"}}, ` + nothing + `]}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := pipeline(t, `{`+reads+`"output": `+test.output+`, "output_resources": [{"label": "there", "satori_output": {}}, {"label": "elsewhere", "file": {}}]}`)
			before, err := json.Marshal(p.Root)
			require.NoError(t, err)
			got, err := without(p)
			require.NoError(t, err)
			text, err := json.Marshal(got["output"])
			require.NoError(t, err)
			require.JSONEq(t, `{"fallback": [`+test.want+`, `+nothing+`]}`, string(text))
			after, err := json.Marshal(p.Root)
			require.NoError(t, err)
			require.JSONEq(t, string(before), string(after), "the pipeline itself stays as it was")
		})
	}
}

func TestTheInputIsReadOnceAndOnlyRead(t *testing.T) {
	p := pipeline(t, `{"input": {"label": "s", "broker": {"inputs": [{"sansan_input": {"schedule": "@every 1m"}}, {"resource": "other"}]}},
		"input_resources": [{"label": "other", "sansan_input": {}}],
		"buffer": {"sqlite": {}}, "http": {"address": "0.0.0.0:1"}, "metrics": {"prometheus": {}}, "tracer": {"jaeger": {}}, "logger": {"file": {"path": "x"}},
		"cache_resources": [{"label": "seen", "file": {}}], "rate_limit_resources": [{"label": "r", "local": {}}],
		"output": {"satori_output": {}}}`)
	got, err := without(p)
	require.NoError(t, err)
	text, err := json.Marshal(got)
	require.NoError(t, err)
	require.JSONEq(t, `{"input": {"label": "s", "broker": {"inputs": [{"sansan_input": {"schedule": "once", "read_only_checkpoint": true}}, {"resource": "other"}]}},
		"input_resources": [{"label": "other", "sansan_input": {"schedule": "once", "read_only_checkpoint": true}}],
		"http": {"enabled": false}, "metrics": {"preview_metrics": {}},
		"cache_resources": [{"label": "preview_below_seen", "file": {}}, {"label": "seen", "preview_memory": {"below": "preview_below_seen"}}],
		"rate_limit_resources": [{"label": "r", "local": {}}],
		"output": {"fallback": [{"satori_output": {"dry_run": true, "journal": "preview_journal"}}, {"preview_failures": {}}]},
		"output_resources": [{"label": "preview_journal", "preview_journal": {}}]}`, string(text))
}

func TestWhatCannotBePreviewedIsRefused(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"no input", `{"output": {"satori_output": {}}}`, "no sansan_input"},
		{"a queue would be emptied", `{"input": {"kafka": {}}, "output": {"satori_output": {}}}`, `reads from "kafka"`},
		{"a queue beside", `{"input": {"broker": {"inputs": [{"sansan_input": {}}, {"file": {}}]}}, "output": {"satori_output": {}}}`, `reads from "file"`},
		{"no output", `{` + reads + `"output": {"file": {}}}`, "no satori_output"},
		{"a circle", `{` + reads + `"output": {"resource": "a"}, "output_resources": [{"label": "a", "resource": "a"}]}`, "circle"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := without(pipeline(t, test.text))
			require.ErrorContains(t, err, test.want)
		})
	}
}
