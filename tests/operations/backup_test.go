package operations

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/tests/link"
)

// reasons counts a journal's lines by action and reason.
func reasons(t *testing.T, w *link.World) map[string]int {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(w.Dir, "journal.jsonl"))
	require.NoError(t, err)
	counts := map[string]int{}
	for line := range strings.Lines(string(content)) {
		var e struct{ Action, Reason string }
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		counts[e.Action+" "+e.Reason]++
	}
	return counts
}

// The data folder is lost and restored as docs/operations.md says: nothing is
// written to SATORI a second time, and what changed since the backup arrives.
func TestBackupAndRestore(t *testing.T) {
	w := newWorld(t)
	refuse(w, "だめ", "r@example.jp")
	for _, name := range []string{"a", "b", "c", "r"} {
		w.Sansan.Put(sampleCard(name + "@example.jp"))
	}
	address := freeAddress(t)
	l := listening(t, w, "config/sync.yaml", "SCHEDULE=@every 1h", "HTTP_ADDRESS="+address)
	require.Eventually(t, func() bool { return w.Satori.Len() == 3 && exists(filepath.Join(w.Dir, "sansan_cursor")) }, arrivesWithin, 20*time.Millisecond)
	backups := filepath.Join(t.TempDir(), "backups")
	beside := *w
	beside.Set = nil
	p := beside.Start(t, "config/backup.yaml", "BACKUP_SCHEDULE=@every 1s", "BACKUP_DIR="+backups, "BACKUP_KEEP=2", "SANSAN_SATORI="+link.Binary(t))
	var found []string
	names := map[string]bool{}
	require.Eventually(t, func() bool {
		found, _ = filepath.Glob(filepath.Join(backups, "*T??????"))
		for _, f := range found {
			names[f] = true
		}
		return len(names) >= 4 && len(found) == 2
	}, arrivesWithin, 20*time.Millisecond, "the last two are kept")
	p.Term()
	out, err := p.End(t, endsWithin)
	require.NoError(t, err)
	require.Contains(t, out, `"removed"`)
	require.NotContains(t, out, "No backup")
	found, err = filepath.Glob(filepath.Join(backups, "*T??????"))
	require.NoError(t, err)
	newest := found[len(found)-1]
	info, err := os.Stat(newest)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	sums := exec.CommandContext(t.Context(), "sha256sum", "-c", "SHA256SUMS")
	sums.Dir = newest
	said, err := sums.CombinedOutput()
	require.NoError(t, err, "%s", said)

	// The disk dies; a card was written after the backup.
	l.Kill()
	before := len(w.Satori.Requests())
	require.NoError(t, os.Rename(w.Dir, w.Dir+".lost"))
	restore(t, newest, w.Dir)
	require.Equal(t, map[string]int{"register new": 3, "failed だめ": 1}, reasons(t, w))
	refuse(w, "")
	w.Sansan.Put(sampleCard("d@example.jp"))
	w.Once(t)
	require.Equal(t, 5, w.Satori.Len(), "the new card, and the refused one of the same minutes")
	counts := reasons(t, w)
	require.Equal(t, 5, counts["register new"], counts)
	require.LessOrEqual(t, len(w.Satori.Requests())-before, 4, "nothing is written again")
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// restore does what the documentation says: copy, and unpack what is packed.
func restore(t *testing.T, from, to string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(to, 0o700))
	entries, err := os.ReadDir(from)
	require.NoError(t, err)
	for _, entry := range entries {
		in, err := os.Open(filepath.Join(from, entry.Name()))
		require.NoError(t, err)
		var content io.Reader = in
		name := entry.Name()
		if packed, ok := strings.CutSuffix(name, ".gz"); ok {
			name = packed
			content, err = gzip.NewReader(in)
			require.NoError(t, err)
		}
		all, err := io.ReadAll(content)
		require.NoError(t, err)
		require.NoError(t, in.Close())
		require.NoError(t, os.WriteFile(filepath.Join(to, name), all, 0o600))
	}
}

func TestBackupThatCannotBeMade(t *testing.T) {
	w := newWorld(t)
	cmd := w.Command(t, "ledger", "backup", "--to", filepath.Join(t.TempDir(), "backups"))
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "there is no data folder")
	require.Contains(t, string(out), "backing up")
}
