package satorisim

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/japanese"
)

func TestSeedAndDigest(t *testing.T) {
	one, two := New(Defaults()), New(Defaults())
	require.Equal(t, one.Digest(), two.Digest())
	a := map[string]any{"email": "a@example.jp", "last_name": "山田", "tags": []string{"b", "a", "b"}}
	b := map[string]any{"email": "b@example.jp"}
	require.NoError(t, one.Seed(a, b))
	require.NotEqual(t, one.Digest(), two.Digest())
	require.NoError(t, two.Seed(b))
	require.NoError(t, two.Seed(a))
	require.Equal(t, one.Digest(), two.Digest(), "the order of creation does not matter")
	got, _ := one.Customer("a@example.jp")
	require.Equal(t, []string{"a", "b"}, got["tags"])
	require.NoError(t, one.Seed(map[string]any{"email": "a@example.jp"}))
	got, _ = one.Customer("a@example.jp")
	require.Equal(t, map[string]any{"email": "a@example.jp"}, got, "seeding again replaces")
	for _, wrong := range []map[string]any{{}, {"email": "a@example.jp", "x": "y"}, {"email": "a@example.jp", "memo": 1}, {"email": "a@example.jp", "memo": []string{}}} {
		require.Error(t, one.Seed(wrong))
	}
	_, there := one.Customer("c@example.jp")
	require.False(t, there)

	// What was handed out is the caller's.
	got["memo"] = "x"
	got2, _ := one.Customer("a@example.jp")
	require.NotContains(t, got2, "memo")
}

func TestNewCustomItemWhileRunning(t *testing.T) {
	b := start(t)
	b.one("upsert", "email", "a@example.jp")
	require.Equal(t, 400, b.one("upsert", "email", "a@example.jp", "custom:new", "x").http)
	b.Change(func(s *Settings) { s.CustomItems = append(s.CustomItems, CustomItem{FieldName: "new", Kind: "text"}) })
	require.Equal(t, 200, b.one("upsert", "email", "a@example.jp", "custom:new", "x").http)
	got, _ := b.Customer("a@example.jp")
	require.Equal(t, "x", got["custom:new"])
}

func TestExport(t *testing.T) {
	sim := New(Defaults())
	require.NoError(t, sim.Seed(
		map[string]any{"email": "a@example.jp", "last_name": "髙橋", "memo": "a\n\"b\",c", "delivery_permission": "reject", "tags": []string{"展示会", "x"}, "custom:exchange_date": "2026-04-01"},
		map[string]any{"email": "b@example.jp", "last_name": "𠮷田", "delivery_permission": "approval"},
	))
	read := func(o ExportOptions) (string, []map[string]string) {
		var b bytes.Buffer
		require.NoError(t, sim.ExportCSV(&b, o))
		text := b.String()
		if o.CP932 {
			plain, err := japanese.ShiftJIS.NewDecoder().String(text)
			require.NoError(t, err)
			text = plain
		}
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\uFEFF"))).ReadAll()
		require.NoError(t, err)
		var out []map[string]string
		for _, row := range rows[1:] {
			m := map[string]string{}
			for i, h := range rows[0] {
				m[h] = row[i]
			}
			out = append(out, m)
		}
		return b.String(), out
	}
	text, rows := read(ExportOptions{})
	require.False(t, strings.HasPrefix(text, "\uFEFF"))
	require.Len(t, rows, 2)
	require.Equal(t, "髙橋", rows[0]["last_name"])
	require.Equal(t, "a\n\"b\",c", rows[0]["memo"])
	require.Equal(t, "拒否", rows[0]["delivery_permission"])
	require.Equal(t, "承認", rows[1]["delivery_permission"])
	require.Equal(t, "x,展示会", rows[0]["tags"])
	require.Equal(t, "2", rows[1]["id"])
	for _, h := range []string{"score", "delivery_status", "hashcode", "custom:exchange_date"} {
		require.Contains(t, rows[0], h)
	}

	text, rows = read(ExportOptions{BOM: true, CRLF: true, Omit: []string{"custom:*", "memo"}})
	require.True(t, strings.HasPrefix(text, "\uFEFF"))
	require.Contains(t, text, "\r\n")
	require.NotContains(t, rows[0], "custom:exchange_date")
	require.NotContains(t, rows[0], "memo")

	_, rows = read(ExportOptions{CP932: true})
	require.Equal(t, "髙橋", rows[0]["last_name"], "an extension of Windows")
	require.NotContains(t, rows[1]["last_name"], "𠮷", "cp932 has no such character")
	require.Equal(t, "拒否", rows[0]["delivery_permission"])
}

func TestCustomItemMaster(t *testing.T) {
	sim := New(Defaults())
	for _, o := range []ExportOptions{{}, {BOM: true, CRLF: true}} {
		var b bytes.Buffer
		require.NoError(t, sim.CustomItemsCSV(&b, o))
		items, err := CustomItemsFrom(&b)
		require.NoError(t, err)
		require.Equal(t, Defaults().CustomItems, items)
	}
	var b bytes.Buffer
	require.NoError(t, sim.CustomItemsCSV(&b, ExportOptions{CP932: true}))
	plain, err := japanese.ShiftJIS.NewDecoder().String(b.String())
	require.NoError(t, err)
	require.Contains(t, plain, "名刺交換日")
	_, err = CustomItemsFrom(strings.NewReader("a,b\n"))
	require.ErrorContains(t, err, "no column")
}

func TestPages(t *testing.T) {
	b := start(t, func(s *Settings) {
		s.CardOf = func(string, Write) (string, string) { return "CARD-1", "http://127.0.0.1/cards/1" }
	})
	get := func(path string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+path, nil)
		require.NoError(t, err)
		r := b.do(req)
		return r.http, r.body
	}
	code, page := get("/")
	require.Equal(t, 200, code)
	require.Contains(t, page, "No customers yet")

	rows := [][]string{{"email", "last_name", "lead_company_name", "collection_route", "custom:exchange_date", "append_tags"}}
	for i := range 120 {
		rows = append(rows, []string{fmt.Sprintf("p%03d@example.jp", i), "<b>山田</b>", fmt.Sprintf("会社%03d", i), "Sansan", "2026-04-01", "展示会"})
	}
	b.bulk("upsert", rows...)
	b.one("upsert", "email", "p007@example.jp", "last_name", "鈴木")
	_, page = get("/")
	require.Contains(t, page, "p000@example.jp")
	require.NotContains(t, page, "p099@example.jp")
	require.NotContains(t, page, "<b>山田")
	require.Contains(t, page, "?page=2&amp;q=")
	_, page = get("/?page=3")
	require.Contains(t, page, "p119@example.jp")
	_, page = get("/?page=99")
	require.Contains(t, page, "p119@example.jp", "beyond the last page")
	_, page = get("/?q=%E4%BC%9A%E7%A4%BE042+%E5%B1%95%E7%A4%BA")
	require.Contains(t, page, "p042@example.jp")
	require.NotContains(t, page, "p043@example.jp")
	_, page = get("/?q=nobody")
	require.Contains(t, page, "Nobody found")

	code, page = get("/customers/8")
	require.Equal(t, 200, code)
	for _, want := range []string{"p007@example.jp", "&lt;b&gt;山田&lt;/b&gt;", "鈴木", "2026-04-01", "展示会", "CARD-1", "http://127.0.0.1/cards/1", "Company", "企業名"} {
		require.Contains(t, page, want)
	}
	for _, path := range []string{"/customers/0", "/customers/x", "/customers/999", "/nothing"} {
		code, _ = get(path)
		require.Equal(t, 404, code, path)
	}
	for _, k := range []string{b.Keys().UserKey, b.Keys().CompanySecret} {
		require.NotContains(t, page, k)
	}
}

// What is read must be what was written, and nothing may panic.
func FuzzParseSheet(f *testing.F) {
	f.Add("email,memo\na@example.jp,\"x\ny\"\n")
	f.Add("\uFEFFemail\n\"a\"\"b\"\n")
	f.Add("a,a\n")
	f.Add("a\n\"")
	f.Add("\xff")
	f.Fuzz(func(t *testing.T, text string) {
		sh, words := parseSheet([]byte(text))
		if words != "" {
			return
		}
		again, words := parseSheet([]byte(table2csv(append([][]string{sh.header}, sh.rows...)...)))
		// A lone blank cell is an empty line to a CSV reader, and a header may start with a BOM of its own.
		if words == "" && len(again.rows) == len(sh.rows) && !again.bom {
			require.Equal(t, sh.rows, again.rows)
		}
	})
}

func FuzzCheckEmail(f *testing.F) {
	for _, s := range []string{"a@example.jp", "@", "a@", "a@b..c", "ａ@example.jp", "a@-b.jp", "a@b-.jp", "a@b.j"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if checkEmail(s, false) != "" {
			return
		}
		require.Empty(t, checkEmail(s, true), "loose accepts what strict does")
		require.Equal(t, 1, strings.Count(s, "@"))
		require.LessOrEqual(t, len(s), 255)
		for _, r := range s {
			require.True(t, r > ' ' && r < 0x7F)
		}
	})
}
