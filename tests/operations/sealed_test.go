package operations

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"sansansatori/tests/link"
)

// command runs another command of the binary and gives what it printed.
func command(t *testing.T, w *link.World, args ...string) string {
	t.Helper()
	cmd := w.Command(t, args...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	require.NoError(t, err, "%s%s", out, said.String())
	return string(out)
}

// sealing gives a copy of a shipped pipeline whose journal and dead letters are
// sealed, as docs/operations.md says.
func sealing(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(link.Root(), "config", name))
	require.NoError(t, err)
	var root map[string]any
	require.NoError(t, yaml.Unmarshal(content, &root))
	seal := map[string]any{"seal": map[string]any{"recipients": []any{"${SEAL_TO}"}}}
	journal := root["output_resources"].([]any)[0].(map[string]any)
	journal["processors"] = []any{map[string]any{"archive": map[string]any{"format": "lines"}}, seal}
	letters := root["output"].(map[string]any)["fallback"].([]any)[1].(map[string]any)
	letters["processors"] = append(letters["processors"].([]any), seal)
	delete(root["output"].(map[string]any)["fallback"].([]any)[0].(map[string]any)["satori_output"].(map[string]any), "limits") // numbers cannot stand in quotes
	if in, ok := root["input"].(map[string]any)["dead_letters"].(map[string]any); ok {
		in["identity_file"] = "${SEAL_IDENTITY}"
	}
	content, err = json.Marshal(root) // with quotes around every variable
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

// TestSealedAtRest: nobody reads journal and dead letters without the key, and
// with it everything works as it does without sealing.
func TestSealedAtRest(t *testing.T) {
	w := newWorld(t)
	refuse(w, "だめ", "r@example.jp", "s@example.jp")
	for _, name := range []string{"a", "b", "c", "r", "s"} {
		w.Sansan.Put(sampleCard(name + "@example.jp"))
	}
	key := filepath.Join(t.TempDir(), "key")
	to := strings.TrimSpace(command(t, w, "seal", "keygen", "--to", key))
	require.Regexp(t, "^age1[0-9a-z]{58}$", to)
	t.Setenv("SEAL_TO", to)
	out, err := w.Start(t, sealing(t, "sync.yaml")).End(t, endsWithin)
	require.NoError(t, err, out)
	journal, letters := filepath.Join(w.Dir, "journal.jsonl"), filepath.Join(w.Dir, "dead_letters.jsonl")
	for _, path := range []string{journal, letters} {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NotEmpty(t, content)
		require.NotContains(t, string(content), "@")
		require.NotContains(t, string(content), "{")
	}

	counts := func(args ...string) string {
		var got struct {
			Counts []struct{ Action, Reason string }
		}
		text := command(t, w, append([]string{"report", "--json"}, args...)...)
		require.NoError(t, json.Unmarshal([]byte(text), &got), text)
		return text
	}
	require.NotContains(t, counts(), "register")
	require.Contains(t, counts("--identity", key), "register")
	require.Contains(t, command(t, w, "seal", "open", "--identity", key, journal), `"email":"a@example.jp"`)
	require.Contains(t, command(t, w, "status", "--identity", key), "3  Register: new customer")

	// A person goes from sealed lines, the journal's and a backup's, too.
	backups := filepath.Join(t.TempDir(), "backups")
	command(t, w, "ledger", "backup", "--to", backups)
	said := command(t, w, "ledger", "erase", "--email", "a@example.jp", "--identity", key, "--backups", backups)
	require.Contains(t, said, `"removed_from_ledger": true`)
	copies, err := filepath.Glob(filepath.Join(backups, "*", "journal.jsonl.gz"))
	require.NoError(t, err)
	require.Len(t, copies, 1)
	require.NotContains(t, command(t, w, "seal", "open", "--identity", key, journal), "a@example.jp")
	require.NotContains(t, counts("--identity", key, "--journal", copies[0], "--html", filepath.Join(t.TempDir(), "r.html")), "a@example.jp")
	again := command(t, w, "ledger", "erase", "--email", "a@example.jp", "--identity", key, "--backups", backups)
	require.NotContains(t, again, `"removed_from_ledger": true`)
	require.NotRegexp(t, `"removed": [1-9]`, again)

	// Replay: without the key it ends and says so, with it the letters are read.
	refuse(w, "まだ", "s@example.jp")
	w.Set = nil // they are of sync.yaml
	t.Setenv("SEAL_IDENTITY", "")
	out, err = w.Start(t, sealing(t, "replay.yaml")).End(t, endsWithin)
	require.Error(t, err)
	require.Contains(t, out, "name the file of its secret key in identity_file")
	t.Setenv("SEAL_IDENTITY", key)
	out, err = w.Start(t, sealing(t, "replay.yaml")).End(t, endsWithin)
	require.NoError(t, err, out)
	require.Contains(t, out, "Customers: failed 1, register 1", "what fails again is not tried at once")
	require.Equal(t, 4, w.Satori.Len())
	left := command(t, w, "seal", "open", "--identity", key, letters)
	require.Equal(t, 1, strings.Count(left, "\n"))
	require.Contains(t, left, "まだ")
	content, err := os.ReadFile(letters)
	require.NoError(t, err)
	require.NotContains(t, string(content), "@")
}
