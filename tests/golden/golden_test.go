package golden

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/require"

	"sansansatori/plugins/ledger"
	"sansansatori/plugins/pipelinefile"
	"sansansatori/tests/link"
	"sansansatori/tests/samplecards"
	"sansansatori/tests/sansansim"
	"sansansatori/tests/satorisim"
)

// TestGoldenTable runs the shipped pipeline on the simulators, once for each
// configuration of the table with all its cards.
func TestGoldenTable(t *testing.T) {
	if testing.Short() {
		t.Skip("runs sixteen pipelines")
	}
	groups := map[string][]*row{}
	var names []string
	for _, r := range readTable(t) {
		name := r.Range + ", " + r.Rule + ", memo " + r.Kind
		if groups[name] == nil {
			names = append(names, name)
		}
		groups[name] = append(groups[name], r)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) { runGroup(t, groups[name]) })
	}
}

var ruleFiles = map[string]string{"2-1": "always", "2-2": "never", "2-3": "keep_newer", "fill blanks": "fill_blanks"}

func runGroup(t *testing.T, rows []*row) {
	sansan, satori := sansansim.New(), satorisim.New(satorisim.Defaults())
	sansan.Configure(func(s *sansansim.Settings) { s.PerSecond, s.PerMinute = 0, 0 })
	sansanURL, stop := sansan.Start()
	defer stop()
	satoriURL, stop := satori.Start()
	defer stop()
	data := t.TempDir()

	tags := []samplecards.Tag{
		{ID: strings.Repeat("A", 32), Name: listedTag, Type: "shared"}, {ID: strings.Repeat("B", 32), Name: listedTag, Type: "private"},
		{ID: strings.Repeat("C", 32), Name: otherTag, Type: "public"},
	}
	for _, tag := range tags {
		sansan.AddTag(tag)
	}
	var imported []ledger.Imported
	for i, r := range rows {
		if customer := heldBefore(i, r); customer != nil {
			require.NoError(t, satori.Seed(customer))
			held := ledger.Values{}
			if r.Rule == "2-3" && customer["custom:exchange_date"] != nil { // the only readable item
				held["custom:exchange_date"] = customer["custom:exchange_date"]
			}
			imported = append(imported, ledger.Imported{Key: ledger.KeyOf(emailOf(i)), Held: held})
		}
		sansan.Put(cardOf(i, r, tags))
	}
	dsn := filepath.Join(data, "ledger.db")
	store, err := ledger.Open(t.Context(), ledger.Config{Driver: ledger.DriverSQLite, DSN: dsn})
	require.NoError(t, err)
	require.NoError(t, store.Import(t.Context(), imported))
	require.NoError(t, store.Close())

	keys := satori.Keys()
	env := map[string]string{
		"SANSAN_API_KEY": sansansim.Key, "SANSAN_BASE_URL": sansanURL + "/v3.2", "SATORI_BASE_URL": satoriURL,
		"SATORI_USER_KEY": keys.UserKey, "SATORI_USER_SECRET": keys.UserSecret,
		"SATORI_COMPANY_KEY": keys.CompanyKey, "SATORI_COMPANY_SECRET": keys.CompanySecret,
		"DATA_DIR": data, "SCHEDULE": "once",
	}
	p, err := pipelinefile.Load(t.Context(), pipelinefile.Source{
		Path: configured(t, rows[0]), Set: link.Quick,
		Lookup: func(_ context.Context, name string) (string, bool) { value, ok := env[name]; return value, ok },
		Schema: service.GlobalEnvironment().FullConfigSchema("", ""),
	})
	require.NoError(t, err)
	run(t, p)

	journal := journalOf(t, data)
	for i, r := range rows {
		got := *r
		got.Action, got.Reason = journal[emailOf(i)].Action, journal[emailOf(i)].Reason
		if got.Action == "failed" && strings.Contains(got.Reason, `"memo" is not linked for writing`) {
			got.Reason = "item not linked"
		}
		got.holds(satori.Customer(emailOf(i)))
		require.Equal(t, *r, got, "row %d: %s", i, strings.Join([]string{r.Owner, r.Date, r.Tags, r.Memo}, ", "))
	}
	require.Empty(t, satori.Violations())
	require.Empty(t, sansan.Violations())
}

func emailOf(i int) string { return fmt.Sprintf("row%d@example.jp", i) }

func heldBefore(i int, r *row) map[string]any {
	if r.Date == "unknown customer" {
		return nil
	}
	customer := map[string]any{"email": emailOf(i), "last_name": heldName, "tags": []string{heldTag}}
	if r.Date != "none held" {
		customer["custom:exchange_date"] = heldDate
	}
	return customer
}

func cardOf(i int, r *row, tags []samplecards.Tag) map[string]any {
	card := map[string]any{
		"email": emailOf(i), "lastName": newName, "companyName": newCompany, "entryStatus": "completed",
		"updatedTime": "2026-05-01T09:00:00+09:00", "exchangeDate": nil, "owner": nil, "memo": nil,
	}
	if date := dateOf[r.Date]; date != "" {
		card["exchangeDate"] = date
	}
	switch r.Owner {
	case "wanted by e-mail":
		card["owner"] = map[string]any{"id": "suzuki", "name": ownerOf[r.Owner], "email": "suzuki@example.com"}
	case "wanted by name":
		card["owner"] = map[string]any{"id": "sato", "name": ownerOf[r.Owner], "email": nil}
	case "another":
		card["owner"] = map[string]any{"id": "tanaka", "name": ownerOf[r.Owner], "email": "tanaka@example.com"}
	}
	if r.Memo == "yes" {
		card["memo"] = newMemo
	}
	var bears []any
	for n, tag := range tags {
		if r.Tags == "listed" && n == 0 || r.Tags == "two of the listed name" && n < 2 || r.Tags == "another" && n == 2 {
			bears = append(bears, map[string]any{"id": tag.ID, "name": tag.Name, "type": tag.Type})
		}
	}
	card["tags"] = bears
	return card
}

// configured is the shipped pipeline with the lines changed that a user would
// change.
func configured(t *testing.T, r *row) string {
	t.Helper()
	content, err := os.ReadFile(shipped)
	require.NoError(t, err)
	text := string(content)
	change := func(from, to string) {
		require.Equal(t, 1, strings.Count(text, from), from)
		text = strings.Replace(text, from, to, 1)
	}
	wanted := ""
	if strings.Contains(r.Range, "1-2") {
		wanted += "\n    owners: [suzuki@example.com, 佐藤花子]"
	}
	if strings.Contains(r.Range, "1-3") {
		wanted += "\n    tags: [" + listedTag + "]"
	}
	change("    range: all", "    range: all"+wanted+"\n    #")
	change("bloblang/overwrite/keep_newer.blobl", "bloblang/overwrite/"+ruleFiles[r.Rule]+".blobl")
	change(`root.collection_route = "Sansan" # 9`, "root.collection_route = \"Sansan\" # 9\n        root.\"custom:card_owner\" = this.apply(\"owner_name\") # 4\n        root.memo = this.memo.or(deleted())")
	lines := "          custom:card_owner: writable\n"
	if r.Kind != "NG" {
		lines += "          memo: " + r.Kind + "\n"
	}
	date := "          custom:exchange_date: readable_writable\n"
	if r.Rule != "2-3" {
		lines += strings.Replace(date, "readable_writable", "writable", 1)
	} else {
		lines += date
	}
	change(date, lines)
	path := filepath.Join(t.TempDir(), "pipeline.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// holds fills in what SATORI holds of a customer.
func (r *row) holds(customer map[string]any, ok bool) {
	r.LastName, r.Company, r.Exchanged, r.Owned, r.Noted, r.Bears = "", "", "", "", "", ""
	if !ok {
		return
	}
	for item, to := range map[string]*string{
		"last_name": &r.LastName, "lead_company_name": &r.Company, "custom:exchange_date": &r.Exchanged, "custom:card_owner": &r.Owned, "memo": &r.Noted,
	} {
		*to, _ = customer[item].(string)
	}
	tags, _ := customer["tags"].([]string)
	tags = slices.Sorted(slices.Values(tags))
	r.Bears = strings.Join(tags, " ")
}

type decision struct{ Email, Action, Reason string }

func journalOf(t *testing.T, data string) map[string]decision {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(data, "journal.jsonl"))
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	all := map[string]decision{}
	for line := range strings.Lines(string(content)) {
		var d decision
		require.NoError(t, json.Unmarshal([]byte(line), &d))
		require.NotContains(t, all, d.Email, "a card comes once")
		all[d.Email] = d
	}
	return all
}
