// Package chaos tries to break what docs/reliability.md promises: it kills,
// starves and lies to the real binary, and holds the end against an
// undisturbed run of the same cards.
package chaos

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/tests/link"
	"sansansatori/tests/samplecards"
	"sansansatori/tests/sansansim"
	"sansansatori/tests/satorisim"
)

const (
	dateItem  = "custom:exchange_date"
	cardCount = 200
	sample    = 11
	patience  = 2 * time.Minute // of one run, on a busy machine

	cursorFile = "sansan_cursor"
	ledgerFile = "ledger.db"
)

// seeds to try: few by default, CHAOS_SEEDS in a long run.
func seeds(tb testing.TB, few int) int {
	text := os.Getenv("CHAOS_SEEDS")
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	require.NoError(tb, err, "CHAOS_SEEDS")
	return n
}

// with gives a world more overrides, without touching those of others.
func with(w *link.World, sets ...string) *link.World {
	w.Set = append(slices.Clone(w.Set), sets...)
	return w
}

// newWorld holds the sample cards.
func newWorld(tb testing.TB, change func(*sansansim.Settings, *satorisim.Settings)) *link.World {
	w := link.New(tb, change)
	w.Sansan.LoadSample(cardCount, sample)
	return with(w, "input.sansan_input.page_size=50")
}

var calm struct {
	sync.Mutex
	customers map[string]map[string]any
}

// undisturbed is what SATORI holds after one run of the sample without trouble.
func undisturbed(t *testing.T) map[string]map[string]any {
	calm.Lock()
	defer calm.Unlock()
	if calm.customers == nil {
		w := newWorld(t, nil)
		w.Once(t)
		calm.customers = w.Satori.Customers()
		require.NotEmpty(t, calm.customers)
		whole(t, w)
	}
	return calm.customers
}

// pastOnes are the ids of the sample's cards that a newer one replaced.
var pastOnes = sync.OnceValue(func() map[string]bool { return samplecards.Generate(cardCount, sample).Past })

// twin is what SATORI holds after one run of another world's cards without trouble.
func twin(t *testing.T, of *link.World) map[string]map[string]any {
	w := link.New(t, nil)
	past := pastOnes()
	for _, card := range of.Sansan.Cards() {
		id := w.Sansan.Put(card)
		if past[id] {
			require.NoError(t, w.Sansan.SetPast(id, true))
		}
	}
	w.Once(t)
	return w.Satori.Customers()
}

// promised holds the end of a world against what it should be.
func promised(t *testing.T, w *link.World, want map[string]map[string]any) {
	t.Helper()
	require.Empty(t, w.Satori.Backwards(dateItem), "an older exchange date replaced a newer one")
	got := w.Satori.Customers()
	require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)))
	for email, customer := range want {
		require.Equal(t, customer, got[email], "%v", w.Satori.Writes(email))
	}
	whole(t, w)
}

// whole: every card that Sansan offers is in the journal or the dead letters.
func whole(t *testing.T, w *link.World) {
	t.Helper()
	seen := told(t, w)
	past := pastOnes()
	for _, card := range w.Sansan.Cards() {
		id := card["id"].(string)
		if status, _ := card["entryStatus"].(string); past[id] || status != "" && status != "completed" {
			continue
		}
		require.True(t, seen[id], "card %s is neither in the journal nor in the dead letters", id)
	}
}

// told are the ids of the cards in journal and dead letters.
func told(t *testing.T, w *link.World) map[string]bool {
	t.Helper()
	seen := map[string]bool{}
	for _, name := range []string{"journal.jsonl", "dead_letters.jsonl"} {
		for _, line := range linesOf(t, filepath.Join(w.Dir, name)) {
			id, _ := line["card_id"].(string)
			seen[id] = true
		}
	}
	return seen
}

// linesOf reads JSON lines; none when there is no file.
func linesOf(t *testing.T, path string) (all []map[string]any) {
	t.Helper()
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	require.NoError(t, err)
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line, ok := lineOf(lines.Bytes())
		require.True(t, ok, "%s: %q", path, lines.Text())
		all = append(all, line)
	}
	require.NoError(t, lines.Err())
	return all
}

// lineOf reads a line. Before it on the same line may stand what a full disk cut
// off.
func lineOf(text []byte) (line map[string]any, ok bool) {
	for json.Unmarshal(text, &line) != nil {
		at := bytes.Index(text[1:], []byte(`{"`))
		if at < 0 {
			return nil, false
		}
		text = text[1+at:]
	}
	return line, true
}

// writesOf counts the writes SATORI applied, and those that said the same as
// the write before them.
func writesOf(w *link.World) (all, repeated int) {
	before := map[string]satorisim.Write{}
	for email, write := range w.Satori.EachWrite() {
		all++
		if b, ok := before[email]; ok && b.Verb == write.Verb && maps.Equal(b.Sent, write.Sent) {
			repeated++
		}
		before[email] = write
	}
	return all, repeated
}
