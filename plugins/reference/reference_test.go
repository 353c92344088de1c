package reference

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	_ "github.com/redpanda-data/benthos/v4/public/components/pure"

	_ "sansansatori/plugins/all"
)

var registered = regexp.MustCompile(`service\.MustRegister\w+\("([a-z_]+)"`)

// Whoever registers a component gets a page, or is reminded here.
func TestEveryComponentHasAPage(t *testing.T) {
	pages, err := Pages()
	require.NoError(t, err)
	sources, err := filepath.Glob("../*/*.go")
	require.NoError(t, err)
	found := 0
	for _, source := range sources {
		text, err := os.ReadFile(source)
		require.NoError(t, err)
		for _, match := range registered.FindAllSubmatch(text, -1) {
			found++
			require.Contains(t, pages, string(match[1])+".md", "%s: add it to reference.go", source)
		}
	}
	require.Positive(t, found)
}

func TestFieldsAreDescribed(t *testing.T) {
	pages, err := Pages()
	require.NoError(t, err)
	for name, text := range pages {
		require.NotContains(t, string(text), "missing documentation", name)
		require.NotContains(t, string(text), "\n== ", name)
	}
	page := string(pages["sansan_input.md"])
	require.Contains(t, page, "## Metadata")
	require.Contains(t, page, "| `backoff.max_interval` | string | `\"5m\"` | Longest wait")
	require.Contains(t, page, "`all` (Every card the key's user can see.), `me`")
	require.Contains(t, page, "`schedule: once`.")
	require.Regexp(t, "`api_key`.*A secret", page)
	require.Contains(t, string(pages["bloblang.md"]), "## normalize_phone")
	require.NotContains(t, string(pages["bloblang.md"]), "_lints")
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	names, err := Write(dir)
	require.NoError(t, err)
	require.Contains(t, names, "README.md")
	for _, name := range names {
		require.FileExists(t, filepath.Join(dir, name))
	}
}
