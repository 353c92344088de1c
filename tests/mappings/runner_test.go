// Package mappings runs the YAML unit tests of bloblang/ and config/ with the
// built-in runner, and sees to it that they cannot pass by accident.
package mappings

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	// What the shipped pipelines are made of.
	_ "github.com/redpanda-data/connect/v4/public/components/io"
	_ "github.com/redpanda-data/connect/v4/public/components/prometheus"
	_ "github.com/redpanda-data/connect/v4/public/components/pure"

	_ "sansansatori/plugins/all"
)

const (
	root  = "../.."
	tests = "tests/mappings" // from the root
)

// cli runs the command line as the binary does, from the current directory, and
// gives its exit code and all it printed.
func cli(t *testing.T, args ...string) (int, string) {
	t.Helper()
	printed, err := os.CreateTemp(t.TempDir(), "printed")
	require.NoError(t, err)
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = printed, printed
	code, err := service.RunCLIToCode(t.Context(), service.CLIOptSetArgs(append([]string{"sansan-satori"}, args...)...))
	os.Stdout, os.Stderr = stdout, stderr
	if code == 0 && err != nil {
		code = 1
	}
	content, readErr := os.ReadFile(printed.Name())
	require.NoError(t, readErr)
	require.NoError(t, printed.Close())
	text := string(content)
	if err != nil {
		text += err.Error()
	}
	return code, text
}

// files gives the YAML files below a directory of the repository, from its root.
func files(t *testing.T, dir, suffix string) []string {
	t.Helper()
	var found []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, suffix) {
			found = append(found, path)
		}
		return err
	}))
	require.NotEmpty(t, found)
	return found
}

func TestEveryYAMLTestPasses(t *testing.T) {
	t.Chdir(root)
	for _, file := range files(t, tests, ".yaml") {
		code, printed := cli(t, "test", file)
		require.Zero(t, code, "%s:\n%s", file, printed)
		require.Contains(t, printed, "succeeded", "%s has tests", file)
	}
}

func TestShippedFilesLint(t *testing.T) {
	t.Chdir(root)
	for _, file := range slices.Concat(files(t, tests, ".yaml"), files(t, "config", ".yaml")) {
		code, printed := cli(t, "lint", "--skip-env-var-check", file)
		require.Zero(t, code, "%s:\n%s", file, printed)
	}
}

// An unknown key asserts nothing: it must not pass unseen.
func TestUnknownKeyInATestFails(t *testing.T) {
	t.Chdir(root)
	file := filepath.Join(t.TempDir(), "typo.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`
tests:
  - name: typo
    target_mapping: ./never.blobl
    input_batch: [{json_content: {existing: null}}]
    output_batches: [[{json_equal: {}}]]
`), 0o600))
	code, printed := cli(t, "lint", file)
	require.NotZero(t, code)
	require.Contains(t, printed, "json_equal")
}

// A message whose processor failed passes all other conditions: each message
// that is expected must say whether it failed.
func TestEveryCaseAssertsThatNothingFailed(t *testing.T) {
	t.Chdir(root)
	cases := 0
	for _, file := range files(t, tests, ".yaml") {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		var suite struct {
			Tests []struct {
				Name    string             `yaml:"name"`
				Batches [][]map[string]any `yaml:"output_batches"`
			} `yaml:"tests"`
		}
		require.NoError(t, yaml.Unmarshal(content, &suite))
		for _, c := range suite.Tests {
			cases++
			require.NotNil(t, c.Batches, "%s: %s: no output_batches", file, c.Name)
			for _, batch := range c.Batches {
				for _, conditions := range batch {
					said, _ := conditions["bloblang"].(string)
					require.Contains(t, said, "errored()", "%s: %s: add bloblang: '!errored()'", file, c.Name)
				}
			}
		}
	}
	require.Positive(t, cases)
}

// Each rule is named by a test: target_mapping, or a pipeline that imports it.
func TestEveryRuleHasATest(t *testing.T) {
	t.Chdir(root)
	var all strings.Builder
	for _, file := range slices.Concat(files(t, tests, ".yaml"), files(t, "config", ".yaml")) {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		all.Write(content)
	}
	for _, rule := range files(t, "bloblang", ".blobl") {
		require.Contains(t, all.String(), rule)
	}
}
