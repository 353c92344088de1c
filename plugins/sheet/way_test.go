package sheet

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/require"

	_ "github.com/redpanda-data/connect/v4/public/components/io"
	_ "github.com/redpanda-data/connect/v4/public/components/prometheus"
	_ "github.com/redpanda-data/connect/v4/public/components/pure"

	"sansansatori/plugins/pipelinefile"

	_ "sansansatori/plugins/all"
)

// inRoot says that the tests run in the repository's root. Bloblang notes the
// working directory when a process starts, so they run in a process of their own.
const inRoot = "SANSAN_SATORI_TEST_IN_ROOT"

func TestMain(m *testing.M) {
	if os.Getenv(inRoot) != "" {
		os.Exit(m.Run())
	}
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), inRoot+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var schema = sync.OnceValue(func() *service.ConfigSchema {
	return service.GlobalEnvironment().FullConfigSchema("", "")
})

// pipeline reads one of the shipped configurations, or a text.
func pipeline(t *testing.T, path string) *pipelinefile.Pipeline {
	t.Helper()
	p, err := pipelinefile.Load(t.Context(), pipelinefile.Source{
		Path: path, Schema: schema(),
		Lookup: func(_ context.Context, name string) (string, bool) {
			if name == "DATA_DIR" {
				return t.TempDir(), true
			}
			return "", name[0] == 'S' && name != "SCHEDULE"
		},
	})
	require.NoError(t, err)
	return p
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipeline.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func sampleCard(t *testing.T) Card {
	t.Helper()
	text, err := os.ReadFile("tests/mappings/card.json")
	require.NoError(t, err)
	var content map[string]any
	require.NoError(t, json.Unmarshal(text, &content))
	return Card{ID: content["id"].(string), Updated: content["updatedTime"].(string), Content: content}
}

func TestLead(t *testing.T) {
	ways, err := Ways(pipeline(t, "config/departments.yaml"))
	require.NoError(t, err)
	require.Len(t, ways, 2)
	require.Equal(t, "sansan_support", ways[1].Label)
	for i, department := range []string{"営業部", "サポート部"} {
		became, err := ways[i].Lead(t.Context(), []Card{sampleCard(t), {Content: map[string]any{}}})
		require.NoError(t, err)
		require.Len(t, became, 2)
		require.NoError(t, became[0][0].Err)
		require.Equal(t, []any{department, "鈴木一郎", "展示会2026", "重要"}, became[0][0].Items["append_tags"])
		require.Equal(t, "Sansan", became[1][0].Items["collection_route"])
	}
}

const odd = `
input:
  broker:
    inputs:
      - resource: cards
    batching: {}
  processors:
    - mapping: |
        root = this
        root.way = this.way + " outer"
input_resources:
  - label: cards
    sansan_input: {api_key: x, checkpoint_cache: c}
    processors:
      - mapping: 'root.way = "inner"'
cache_resources:
  - label: c
    file: {directory: /nowhere/at/all}
pipeline:
  processors:
    - cache: {resource: c, operator: set, key: k, value: v}
    - switch:
        - check: this.way == "gone"
          processors: [{mapping: 'root = deleted()'}]
output:
  processors: [{mapping: 'root.way = this.way + " output"'}]
  satori_output:
    user_key: x
    user_secret: x
    company_key: x
    company_secret: x
    fields: {}
    overwrite: root = "upsert"
`

func TestOddWays(t *testing.T) {
	ways, err := Ways(pipeline(t, write(t, odd)))
	require.NoError(t, err)
	became, err := ways[0].Lead(t.Context(), []Card{{Content: map[string]any{"email": "a@example.jp"}}})
	require.NoError(t, err)
	require.Len(t, became[0], 1)
	require.NoError(t, became[0][0].Err, "the cache is one in memory")
	require.Equal(t, "inner outer output", became[0][0].Items["way"])

	_, err = Ways(&pipelinefile.Pipeline{Root: map[string]any{}})
	require.ErrorIs(t, err, errNoInput)
	_, err = Ways(&pipelinefile.Pipeline{Root: map[string]any{"input": map[string]any{"sansan_input": map[string]any{}}}})
	require.ErrorIs(t, err, errNoOutput)
}

// A look calls nobody and waits for nothing.
func TestNothingOutsideIsReached(t *testing.T) {
	p := &pipelinefile.Pipeline{Root: map[string]any{
		"input":  map[string]any{"sansan_input": map[string]any{}},
		"output": map[string]any{"satori_output": map[string]any{}},
		"pipeline": map[string]any{"processors": []any{
			map[string]any{"branch": map[string]any{"processors": []any{map[string]any{"label": "ask", "http": map[string]any{"url": "http://127.0.0.1:1"}}}}},
			map[string]any{"resource": "slow"},
			map[string]any{"mapping": `root.http = "stays"`},
		}},
		"processor_resources": []any{map[string]any{"label": "slow", "sleep": map[string]any{"duration": "1h"}}},
	}}
	ways, err := Ways(p)
	require.NoError(t, err)
	require.Equal(t, []string{"http", "sleep"}, ways[0].LeftOut())
	became, err := ways[0].Lead(t.Context(), []Card{{Content: map[string]any{}}})
	require.NoError(t, err)
	require.NoError(t, became[0][0].Err)
	require.Equal(t, map[string]any{"http": "stays"}, became[0][0].Items)
}

func TestFailuresStayWithTheirCard(t *testing.T) {
	p := &pipelinefile.Pipeline{Root: map[string]any{
		"input":    map[string]any{"sansan_input": map[string]any{}},
		"output":   map[string]any{"satori_output": map[string]any{}},
		"pipeline": map[string]any{"processors": []any{map[string]any{"mapping": `root.a = this.a.not_null()`}}},
	}}
	ways, err := Ways(p)
	require.NoError(t, err)
	became, err := ways[0].Lead(t.Context(), []Card{{Content: map[string]any{}}, {Content: map[string]any{"a": 1}}})
	require.NoError(t, err)
	require.Error(t, became[0][0].Err)
	require.NoError(t, became[1][0].Err)

	ways[0].processors = []any{map[string]any{"mapping": `root = nonsense(`}}
	_, err = ways[0].Lead(t.Context(), []Card{{}})
	require.ErrorContains(t, err, "reading the processors")
}
