package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sansansatori/tests/link"
	"sansansatori/tests/sansansim"
	"sansansatori/tests/satorisim"
)

// Before a run, after it, and with a newer card: `card` says what the link does.
func TestCardAgreesWithTheLink(t *testing.T) {
	w := link.New(t, func(s *sansansim.Settings, _ *satorisim.Settings) { s.CardEnvelope = "item" })
	env := w.Env()
	body, err := os.ReadFile(filepath.Join(link.Root(), "tests", "mappings", "card.json"))
	require.NoError(t, err)
	var content map[string]any
	require.NoError(t, json.Unmarshal(body, &content))
	content["entryStatus"] = "completed"
	id := w.Sansan.Put(content)

	ask := func(args ...string) string {
		got := call(t, env, append([]string{"card", "config/sync.yaml", "--lang", "en"}, args...)...)
		require.Zero(t, got.code, got.out+got.err)
		return got.out
	}
	require.Contains(t, ask("--id", id), "(register), because: new customer (new)")
	require.NoDirExists(t, w.Dir, "nothing is written")

	ran := call(t, env, append(quick("run", "--set", "http.enabled=false", "--log.level", "WARN"), "config/sync.yaml")...)
	require.Zero(t, ran.code, ran.err)
	requests := len(w.Satori.Requests())
	require.Contains(t, ask("--id", id), "(skip), because: unchanged (unchanged)")

	older := filepath.Join(t.TempDir(), "older.json")
	require.NoError(t, os.WriteFile(older, []byte(strings.Replace(string(body), `"exchangeDate": "2026-04-01"`, `"exchangeDate": "2026-03-01"`, 1)), 0o600))
	require.Contains(t, ask("--file", older), "custom:exchange_date: card 2026-03-01, ledger 2026-04-01")
	require.Contains(t, ask("--file", older, "--json"), `"reason": "older"`)
	require.Len(t, w.Satori.Requests(), requests, "SATORI is not asked")

	for _, wrong := range [][]string{{}, {"--id", id, "--file", older}, {"--id", strings.Repeat("F", 32)}, {"--file", "no-such-file.json"}} {
		got := call(t, env, append([]string{"card", "config/sync.yaml"}, wrong...)...)
		require.NotZero(t, got.code, got.out)
		require.NotContains(t, got.err, sansansim.Key)
	}
}

func TestSheetNeedsNoKeys(t *testing.T) {
	out := filepath.Join(t.TempDir(), "sheet.html")
	got := call(t, nil, "sheet", "config/department.yaml", "--lang", "en", "--out", out)
	require.Zero(t, got.code, got.err)
	page, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Contains(t, string(page), "1-2 cards of these owners")
	printed := call(t, nil, "sheet", "config/sync.yaml")
	require.Zero(t, printed.code, printed.err)
	require.Contains(t, printed.out, "連携要件連絡書")
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	require.NoError(t, os.WriteFile(broken, []byte("input: {sansan_input: {fullread: never}}\n"), 0o600))
	got = call(t, nil, "sheet", broken)
	require.NotZero(t, got.code)
	require.Contains(t, got.err, "fullread")
}
