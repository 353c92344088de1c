package mappings

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/tests/link"
	"sansansatori/tests/samplecards"
	"sansansatori/tests/sansansim"
	"sansansatori/tests/satorisim"
)

// satoriQuick and sansanQuick take the waiting out of a run.
func satoriQuick() []string {
	return []string{
		link.SatoriPath("requests_per_second=1000"),
		link.SatoriPath("linger=50ms"), link.SatoriPath("poll_interval=50ms"),
	}
}

func sansanQuick(path string) string { return path + ".sansan_input.requests_per_second=1000" }

const endsWithin = time.Minute

// card is a business card with no more than a test says.
func card(email, owner string, more map[string]any) map[string]any {
	c := map[string]any{
		"email": email, "lastName": "山田", "companyName": "株式会社サンプル", "entryStatus": "completed",
		"owner":       map[string]any{"id": owner, "name": owner, "email": owner + "@example.com"},
		"updatedTime": "2026-04-02T09:00:00+09:00", "exchangeDate": "2026-04-01",
	}
	for field, value := range more {
		c[field] = value
	}
	return c
}

func bears(names ...string) map[string]any {
	var all []any
	for _, name := range names {
		all = append(all, map[string]any{"id": idOf(name), "name": name, "type": "shared"})
	}
	return map[string]any{"tags": all}
}

func idOf(name string) string {
	const hex = "0123456789ABCDEF"
	id := []byte(strings.Repeat("0", 32))
	for i := range len(name) {
		id[i%32] = hex[(int(id[i%32])*7+int(name[i]))%16]
	}
	return string(id)
}

func run(t *testing.T, w *link.World, config string, env ...string) {
	t.Helper()
	out, err := w.Start(t, "config/"+config+".yaml", env...).End(t, endsWithin)
	require.NoError(t, err, out)
}

func customer(t *testing.T, w *link.World, email string) map[string]any {
	t.Helper()
	c, ok := w.Satori.Customer(email)
	require.True(t, ok, email)
	return c
}

func newWorld(t *testing.T) *link.World {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and runs the binary")
	}
	w := link.New(t, nil)
	w.Set = append(satoriQuick(), sansanQuick("input"))
	return w
}

func TestExhibition(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.Satori.Seed(map[string]any{"email": "known@example.jp", "last_name": "旧姓"}))
	w.Sansan.AddTag(samplecards.Tag{ID: idOf("展示会2026"), Name: "展示会2026", Type: "shared"})
	w.Sansan.Put(card("known@example.jp", "suzuki", bears("展示会2026", "重要")))
	w.Sansan.Put(card("new@example.jp", "suzuki", bears("展示会2026")))
	w.Sansan.Put(card("other@example.jp", "suzuki", bears("重要")))
	run(t, w, "exhibition", "EXHIBITION_TAG=展示会2026")

	known := customer(t, w, "known@example.jp")
	require.Equal(t, "旧姓", known["last_name"], "a value that SATORI holds stays")
	require.Equal(t, "株式会社サンプル", known["lead_company_name"], "a blank is filled")
	require.Equal(t, []string{"展示会2026"}, known["tags"], "no other tag is written")
	require.Equal(t, "展示会", customer(t, w, "new@example.jp")["collection_route"])
	require.Equal(t, 2, w.Satori.Len(), "no card without the tag")
}

func TestDepartment(t *testing.T) {
	w := newWorld(t)
	w.Sansan.Put(card("a@example.jp", "suzuki", bears("重要", "展示会2026")))
	w.Sansan.Put(card("b@example.jp", "tanaka", nil))
	w.Sansan.Put(card("c@example.jp", "sato", nil))
	run(t, w, "department")

	a := customer(t, w, "a@example.jp")
	require.Equal(t, "展示会2026、重要", a["custom:sansan_tags"])
	require.Equal(t, "suzuki", a["custom:card_owner"])
	require.NotContains(t, a, "tags")
	require.Equal(t, 2, w.Satori.Len(), "no card of another owner")
}

func TestDailyOverwrites(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.Satori.Seed(map[string]any{"email": "a@example.jp", "last_name": "旧姓", "custom:exchange_date": "2027-01-01"}))
	w.Sansan.Put(card("a@example.jp", "suzuki", bears("重要")))
	run(t, w, "daily")

	a := customer(t, w, "a@example.jp")
	require.Equal(t, "山田", a["last_name"])
	require.Equal(t, "2026-04-01", a["custom:exchange_date"])
	require.Equal(t, []string{"suzuki", "重要"}, a["tags"])
}

func TestDepartmentsShareOneSATORI(t *testing.T) {
	w := newWorld(t)
	w.Set = append(satoriQuick(), sansanQuick("input.broker.inputs.0"), sansanQuick("input.broker.inputs.1"))
	const sales, support = "SimulatedSansanKeyForSalesOnly01", "SimulatedSansanKeyForSupportOnly"
	w.Sansan.Configure(func(s *sansansim.Settings) {
		s.Keys = map[string]sansansim.User{
			sales:   {ID: "suzuki", Name: "suzuki", Sees: []string{}},
			support: {ID: "tanaka", Name: "tanaka", Sees: []string{}},
		}
	})
	w.Sansan.Put(card("a@example.jp", "suzuki", nil))
	w.Sansan.Put(card("b@example.jp", "tanaka", nil))
	w.Sansan.Put(card("both@example.jp", "suzuki", map[string]any{"exchangeDate": "2026-04-01", "companyName": "古い会社"}))
	w.Sansan.Put(card("both@example.jp", "tanaka", map[string]any{"exchangeDate": "2026-05-01", "companyName": "新しい会社"}))
	run(t, w, "departments", "SANSAN_API_KEY_SALES="+sales, "SANSAN_API_KEY_SUPPORT="+support)

	require.Equal(t, []string{"suzuki", "営業部"}, customer(t, w, "a@example.jp")["tags"])
	require.Equal(t, []string{"tanaka", "サポート部"}, customer(t, w, "b@example.jp")["tags"])
	require.Equal(t, "新しい会社", customer(t, w, "both@example.jp")["lead_company_name"], "the newest card wins, whoever met the person")
	for _, cursor := range []string{"sansan_cursor_sales", "sansan_cursor_support"} {
		require.FileExists(t, filepath.Join(w.Dir, cursor))
	}
}

type deadLetter struct {
	Email, Error string
	CardID       string `json:"card_id"`
	Replays      int
}

func deadLettersOf(t *testing.T, w *link.World) (all []deadLetter) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(w.Dir, "dead_letters.jsonl"))
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	for line := range strings.Lines(string(content)) {
		var d deadLetter
		require.NoError(t, json.Unmarshal([]byte(line), &d))
		all = append(all, d)
	}
	return all
}

// What succeeds leaves the file; what fails stays with its new error and count.
func TestReplay(t *testing.T) {
	w := newWorld(t)
	refuse := func(answers map[string]string) {
		w.Satori.Change(func(s *satorisim.Settings) {
			s.RejectRow = func(email string) string { return answers[email] }
		})
	}
	refuse(map[string]string{"a@example.jp": "だめ", "b@example.jp": "だめ"})
	a := w.Sansan.Put(card("a@example.jp", "suzuki", nil))
	b := w.Sansan.Put(card("b@example.jp", "suzuki", nil))
	w.Sansan.Put(card("c@example.jp", "suzuki", nil))
	run(t, w, "sync")
	require.Equal(t, 1, w.Satori.Len())
	require.Len(t, deadLettersOf(t, w), 2)

	w.Set = satoriQuick()
	for replays := 1; replays <= 2; replays++ {
		refuse(map[string]string{"b@example.jp": "まだだめ"})
		run(t, w, "replay")
		left := deadLettersOf(t, w)
		require.Len(t, left, 1)
		require.Equal(t, b, left[0].CardID)
		require.Equal(t, replays, left[0].Replays)
		require.Contains(t, left[0].Error, "まだだめ")
		require.Equal(t, "山田", customer(t, w, "a@example.jp")["last_name"])
	}
	refuse(nil)
	run(t, w, "replay")
	require.Empty(t, deadLettersOf(t, w))
	require.Equal(t, 3, w.Satori.Len())
	run(t, w, "replay") // nothing to do is no error
	require.NotEmpty(t, a)
}
