package operations

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/tests/link"
)

// TestGuardBeforeTheFirstRun: a run that would register more than allowed writes
// nothing at all, and says how to allow it.
func TestGuardBeforeTheFirstRun(t *testing.T) {
	w := link.New(t, nil)
	w.Sansan.LoadSample(2000, 1)
	out, err := w.Start(t, "config/sync.yaml", "MAX_REGISTRATIONS=1000").End(t, time.Minute)
	require.Error(t, err)
	require.Contains(t, out, "max_registrations is 1000 and this run would register more: nothing was written.")
	require.Contains(t, out, "Look at it with dry-run, then raise the limit or set it to 0")
	require.Zero(t, w.Satori.Len(), "nothing was written")

	w.Once(t, "MAX_REGISTRATIONS=0")
	require.Greater(t, w.Satori.Len(), 1000)
}

// TestABrokenMappingDoesNotDrainEverything: when every card fails the link stops,
// and most cards are still to come.
func TestABrokenMappingDoesNotDrainEverything(t *testing.T) {
	const cards = 6000
	w := link.New(t, nil)
	w.Sansan.LoadSample(cards, 1)
	shipped, err := os.ReadFile(filepath.Join(link.Root(), "config/sync.yaml"))
	require.NoError(t, err)
	const line = `root = this.apply("card_items")`
	require.Contains(t, string(shipped), line)
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	require.NoError(t, os.WriteFile(broken, []byte(strings.Replace(string(shipped), line, line+"\n        root.position = this.titel.uppercase()", 1)), 0o600))
	out, err := w.Start(t, broken).End(t, time.Minute)
	require.Error(t, err)
	require.Contains(t, out, "more than max_failed_share allows (0.8)")
	require.Zero(t, w.Satori.Len())
	letters, err := os.ReadFile(filepath.Join(w.Dir, "dead_letters.jsonl"))
	require.NoError(t, err)
	drained := bytes.Count(letters, []byte("\n"))
	require.Less(t, drained, cards/2)
	failed := 0
	for reason, n := range reasons(t, w) {
		if strings.HasPrefix(reason, "failed a processor failed: ") {
			failed += n
		}
	}
	require.GreaterOrEqual(t, failed, 100, "the journal says why")

	// Mended, the link reads them all again: the cursor has not moved past them.
	w.Once(t)
	require.Greater(t, w.Satori.Len(), cards/2)
}
