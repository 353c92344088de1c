package golden

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// block is a fenced block of a page: its kind stands behind the language.
type block struct{ kind, text string }

var fence = regexp.MustCompile("(?ms)^```(?:yaml|coffee) (\\w+)\n(.*?)^```$")

// recipes gives the blocks of a page by section: what a reader pastes together.
func recipes(t *testing.T, path string) map[string][]block {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	found := map[string][]block{}
	for i, part := range strings.Split("\n"+string(content), "\n## ") {
		title, _, _ := strings.Cut(part, "\n")
		if i == 0 {
			title = "top"
		}
		for _, match := range fence.FindAllStringSubmatch(part, -1) {
			found[title] = append(found[title], block{match[1], match[2]})
		}
	}
	return found
}

func recipePages(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob("docs/conditions/*.md")
	require.NoError(t, err)
	found = append(found, "docs/cookbook.md", "docs/cookbook.ja.md")
	require.Greater(t, len(found), 20)
	return found
}

// Each block of the conditions' pages and the cookbook is pasted into the shipped
// pipeline as the page says, linted, and its tests are run.
func TestPagesWork(t *testing.T) {
	dir := t.TempDir()
	root, err := os.Getwd()
	require.NoError(t, err)
	require.NoError(t, os.Symlink(filepath.Join(root, "bloblang"), filepath.Join(dir, "bloblang")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "config"), 0o700))
	tried := 0
	for _, page := range recipePages(t) {
		if strings.HasSuffix(page, ".ja.md") {
			continue // has the same blocks, see below
		}
		for title, blocks := range recipes(t, page) {
			t.Run(page+" "+title, func(t *testing.T) {
				tried++
				config, tests := pasted(t, blocks)
				path := filepath.Join(dir, "config", fmt.Sprintf("recipe%d.yaml", tried))
				require.NoError(t, os.WriteFile(path, config, 0o600))
				code, said := cli(t, "lint", "--skip-env-var-check", path)
				require.Zero(t, code, said)
				if tests {
					code, said = cli(t, "test", path)
					require.Zero(t, code, said)
					require.Contains(t, said, "succeeded")
				}
			})
		}
	}
	require.Greater(t, tried, 25)
}

// pasted is the shipped pipeline with the blocks in their places.
func pasted(t *testing.T, blocks []block) (config []byte, tests bool) {
	t.Helper()
	content, err := os.ReadFile(shipped)
	require.NoError(t, err)
	var root map[string]any
	require.NoError(t, yaml.Unmarshal(content, &root))
	at := func(path ...any) any {
		var here any = root
		for _, step := range path {
			switch step := step.(type) {
			case string:
				here = here.(map[string]any)[step]
			case int:
				here = here.([]any)[step]
			}
		}
		return here
	}
	for _, b := range blocks {
		more := map[string]any{}
		switch b.kind {
		case "mapping":
			processor := at("pipeline", "processors", 0).(map[string]any)
			processor["mapping"] = processor["mapping"].(string) + b.text
			continue
		case "test":
			tests = true
			require.NoError(t, yaml.Unmarshal([]byte(b.text), &root))
			require.Contains(t, b.text, "!errored()", "a test must say that nothing failed")
			continue
		case "sansan_input":
			require.NoError(t, yaml.Unmarshal([]byte(b.text), &more))
			laid(at("input", "sansan_input").(map[string]any), more)
		case "satori_output":
			require.NoError(t, yaml.Unmarshal([]byte(b.text), &more))
			laid(at("output", "fallback", 0, "satori_output").(map[string]any), more)
		default:
			require.Fail(t, "no place for a block of "+b.kind)
		}
	}
	config, err = json.Marshal(root)
	require.NoError(t, err)
	return config, tests
}

// laid lays one object over another.
func laid(under, over map[string]any) {
	for key, value := range over {
		if deeper, ok := value.(map[string]any); ok {
			if below, ok := under[key].(map[string]any); ok {
				laid(below, deeper)
				continue
			}
		}
		under[key] = value
	}
}

// Both languages paste the same.
func TestPagesAgree(t *testing.T) {
	flat := func(path string) (all []string) {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		return fence.FindAllString(string(content), -1)
	}
	for _, page := range recipePages(t) {
		if english, ok := strings.CutSuffix(page, ".ja.md"); ok {
			require.Equal(t, flat(english+".md"), flat(page), page)
		}
	}
}

var (
	pageLink = regexp.MustCompile(`\]\(([^)#]+)(?:#[^)]*)?\)`)
	anyFence = regexp.MustCompile("(?m)^```(.*)$")
)

// Every link within the documentation leads somewhere, and every block of YAML on
// the recipes' pages is one that is tried.
func TestLinksLead(t *testing.T) {
	checked := 0
	require.NoError(t, filepath.WalkDir("docs", func(path string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".md") {
			return err
		}
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, match := range pageLink.FindAllStringSubmatch(string(content), -1) {
			if target := match[1]; !strings.Contains(target, "://") && !strings.ContainsAny(target, " `") {
				checked++
				_, err := os.Stat(filepath.Join(filepath.Dir(path), target))
				require.NoError(t, err, path)
			}
		}
		return nil
	}))
	require.Greater(t, checked, 40)
	for _, page := range recipePages(t) {
		content, err := os.ReadFile(page)
		require.NoError(t, err)
		require.Len(t, anyFence.FindAllString(string(content), -1), 2*len(fence.FindAllString(string(content), -1)), "%s: a block without a place", page)
	}
}

// cli runs the command line as the binary does, and gives its exit code and all
// it printed.
func cli(t *testing.T, args ...string) (int, string) {
	t.Helper()
	printed, err := os.CreateTemp(t.TempDir(), "printed")
	require.NoError(t, err)
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = printed, printed
	code, err := service.RunCLIToCode(t.Context(), service.CLIOptSetArgs(append([]string{"sansan-satori"}, args...)...))
	os.Stdout, os.Stderr = stdout, stderr
	content, readErr := os.ReadFile(printed.Name())
	require.NoError(t, readErr)
	require.NoError(t, printed.Close())
	if err != nil {
		return max(code, 1), string(content) + err.Error()
	}
	return code, string(content)
}
