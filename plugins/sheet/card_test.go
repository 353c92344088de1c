package sheet

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sansansatori/plugins/ledger"
	"sansansatori/plugins/report"
	"sansansatori/plugins/sansan"
)

// sampleWith gives the sample card with some fields changed, in an envelope.
func sampleWith(t *testing.T, change map[string]any) []byte {
	t.Helper()
	content := sampleCard(t).Content.(map[string]any)
	for field, value := range change {
		content[field] = value
	}
	body, err := json.Marshal(map[string]any{"item": content})
	require.NoError(t, err)
	return body
}

func explain(t *testing.T, w Way, body []byte) *Explanation {
	t.Helper()
	card, err := sansan.ParseCard(body)
	require.NoError(t, err)
	e, err := Explain(t.Context(), w, card)
	require.NoError(t, err)
	return e
}

func text(t *testing.T, e *Explanation, lang report.Lang) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, e.WriteText(&b, lang))
	return b.String()
}

func TestExplain(t *testing.T) {
	w, err := Pick(pipeline(t, "config/sync.yaml"), "")
	require.NoError(t, err)
	dsn := filepath.Join(t.TempDir(), "ledger.db")
	w.Output["ledger"] = map[string]any{"dsn": dsn}

	e := explain(t, w, sampleWith(t, nil))
	require.Equal(t, "register new", e.Customers[0].Action+" "+e.Customers[0].Reason)
	require.Equal(t, "yamada@example.co.jp", e.Customers[0].Email)
	require.Contains(t, text(t, e, report.Japanese), "台帳: この顧客を把握していない。")
	require.NoFileExists(t, dsn, "nothing is written")

	store, err := ledger.Open(t.Context(), ledger.Config{Driver: ledger.DriverSQLite, DSN: dsn})
	require.NoError(t, err)
	require.NoError(t, store.Import(t.Context(), []ledger.Imported{{
		Key: ledger.KeyOf("yamada@example.co.jp"), Held: ledger.Values{"custom:exchange_date": "2026-04-05"},
	}}))
	require.NoError(t, store.Close())

	for date, want := range map[string]string{"2026-04-01": "skip older", "2026-04-05": "upsert changed", "2026-05-01": "upsert changed"} {
		e = explain(t, w, sampleWith(t, map[string]any{"exchangeDate": date}))
		require.Equal(t, want, e.Customers[0].Action+" "+e.Customers[0].Reason, date)
		require.True(t, e.Customers[0].Known)
		require.Contains(t, text(t, e, report.English), "custom:exchange_date: card "+date+", ledger 2026-04-05")
	}
	require.Contains(t, text(t, e, report.English), "Rule: 2-3")

	e = explain(t, w, sampleWith(t, map[string]any{"email": "no address"}))
	require.Equal(t, "invalid malformed_email", e.Customers[0].Action+" "+e.Customers[0].Reason)

	delete(w.Output["fields"].(map[string]any), "address")
	e = explain(t, w, sampleWith(t, nil))
	require.Equal(t, "failed", e.Customers[0].Action)
	require.Contains(t, e.Customers[0].Reason, `add "address: writable" under fields`)

}

func TestExplainOutOfRange(t *testing.T) {
	w, err := Pick(pipeline(t, "config/department.yaml"), "sansan")
	require.NoError(t, err)
	require.Empty(t, explain(t, w, sampleWith(t, nil)).Outside)
	require.Equal(t, []string{"owners"}, explain(t, w, sampleWith(t, map[string]any{"owner": map[string]any{"name": "佐藤"}})).Outside)

	w, err = Pick(pipeline(t, "config/exhibition.yaml"), "")
	require.NoError(t, err)
	require.Empty(t, explain(t, w, sampleWith(t, nil)).Outside)
	e := explain(t, w, sampleWith(t, map[string]any{"tags": []any{map[string]any{"id": "1", "name": "別"}}}))
	require.Equal(t, []string{"tags"}, e.Outside)
	require.Contains(t, text(t, e, report.Japanese), "範囲外: `tags`")

	_, err = Pick(pipeline(t, "config/departments.yaml"), "sansan_hr")
	require.ErrorContains(t, err, "there are sansan_sales, sansan_support")
}

func TestExplainWhatFailsOrIsLeftOut(t *testing.T) {
	w, err := Pick(pipeline(t, changed(t, routeLine, `root.collection_route = this.memo.not_null()`)), "")
	require.NoError(t, err)
	e := explain(t, w, sampleWith(t, nil))
	require.Contains(t, e.Customers[0].Error, "value is null")
	require.Contains(t, text(t, e, report.English), "dead letter")

	w, err = Pick(pipeline(t, changed(t, routeLine, `root = deleted()`)), "")
	require.NoError(t, err)
	require.Contains(t, text(t, explain(t, w, sampleWith(t, nil)), report.English), "leaves this card out")
}
