package operations

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sansansatori/tests/link"
)

// The YAML unit tests of what runs beside the link.
func TestYAML(t *testing.T) {
	w := newWorld(t)
	t.Chdir(link.Root())
	tests, err := filepath.Glob("tests/operations/*.yaml")
	require.NoError(t, err)
	pipelines, err := filepath.Glob("config/operations/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, tests)
	out, err := w.Command(t, append([]string{"lint", "--skip-env-var-check", "config/backup.yaml"}, append(pipelines, tests...)...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, file := range tests {
		out, err := w.Command(t, "test", file).CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "succeeded", "%s has tests", file)
	}
}
