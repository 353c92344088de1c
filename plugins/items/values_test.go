package items

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCell(t *testing.T) {
	m, err := parseMaster([]byte(master))
	require.NoError(t, err)
	m.path = "m.csv"
	links := Links{
		"memo": Writable, "append_tags": Writable, "delete_tags": Writable, "collection_date": ReadableWritable,
		"delivery_permission": Writable, "last_name": Readable, "score": Writable, "tags": Readable,
		"custom:exchange_date": ReadableWritable, "custom:Owner": Writable, "custom:visits": Writable,
		"custom:industry": Writable, "custom:kubun": Writable, "custom:gone": Writable,
	}
	const noDate = `: not a date that exists, written YYYY-MM-DD: bring it into that form, for instance .apply("day") of bloblang/date.blobl`
	for name, c := range map[string]struct {
		item  string
		value any
		want  string
		err   string
	}{
		"text as it is":        {"memo", " a\nb ", " a\nb ", ""},
		"blank":                {"memo", "", "", ""},
		"null":                 {"memo", nil, "", ""},
		"e-mail needs no line": {"email", "a@example.jp", "a@example.jp", ""},
		"no exponent":          {"memo", 1e6, "1000000", ""},
		"no exponent, JSON":    {"memo", json.Number("1E+6"), "1000000", ""},
		"JSON number":          {"memo", json.Number("12345678901234567890"), "12345678901234567890", ""},
		"JSON number too big":  {"memo", json.Number("1e999999999"), "", "memo: the number is too large"},
		"fraction":             {"memo", 0.1, "0.1", ""},
		"whole float":          {"memo", 3.0, "3", ""},
		"minus nought":         {"memo", math.Copysign(0, -1), "0", ""},
		"not a number":         {"memo", math.NaN(), "", "memo: it is not a finite number"},
		"int64":                {"memo", int64(-7), "-7", ""},
		"bool":                 {"memo", true, "true", ""},
		"list":                 {"memo", []any{"a"}, "", `memo: a list is no text: join it, for instance .join("、")`},
		"object":               {"memo", map[string]any{}, "", "memo: an object is no text: pick one of its fields"},
		"timestamp":            {"memo", time.Time{}, "", `memo: a timestamp is no text: give it a form, for instance .ts_format("2006-01-02")`},

		"tags":             {"append_tags", []any{"a", "", nil, "b c"}, "a,b c", ""},
		"tags of a test":   {"append_tags", []string{"a", "b"}, "a,b", ""},
		"one tag":          {"delete_tags", "a", "a", ""},
		"no tags":          {"append_tags", []any{}, "", ""},
		"null tags":        {"append_tags", nil, "", ""},
		"tag with a comma": {"append_tags", []any{"a,b"}, "", `append_tags: a tag holds a comma, which would make two of it: replace it, for instance .replace_all(",", "，")`},
		"one tag, comma":   {"append_tags", "a,b", "", `append_tags: a tag holds a comma, which would make two of it: replace it, for instance .replace_all(",", "，")`},
		"tag is a number":  {"append_tags", []any{1.0}, "", "append_tags: a tag is text, not a number"},
		"tag is an object": {"append_tags", []any{map[string]any{"name": "a"}}, "", "append_tags: a tag is text, not an object"},
		"tags are a flag":  {"append_tags", true, "", "append_tags: a boolean is no list of tags"},

		"date":            {"collection_date", "2026-04-01", "2026-04-01", ""},
		"date, slashes":   {"collection_date", "2026/04/01", "", "collection_date" + noDate},
		"date, no day":    {"collection_date", "2026-02-30", "", "collection_date" + noDate},
		"date with time":  {"collection_date", "2026-04-01T00:00:00Z", "", "collection_date" + noDate},
		"permission":      {"delivery_permission", "reject", "reject", ""},
		"permission, ja":  {"delivery_permission", "拒否", "", "delivery_permission: SATORI's API takes `reject` for 拒否"},
		"permission, odd": {"delivery_permission", "yes", "", "delivery_permission: neither `approval` nor `reject`"},

		"custom date":           {"custom:exchange_date", "2026-04-01", "2026-04-01", ""},
		"custom date, bad":      {"custom:exchange_date", "1.4.2026", "", "custom:exchange_date" + noDate},
		"custom date, blank":    {"custom:exchange_date", "", "", ""},
		"custom integer":        {"custom:visits", 12.0, "12", ""},
		"custom integer, minus": {"custom:visits", "-3", "-3", ""},
		"custom integer, part":  {"custom:visits", 1.5, "", "custom:visits: not an integer, in half-width digits"},
		"custom integer, wide":  {"custom:visits", "１２", "", "custom:visits: not an integer, in half-width digits"},
		"custom integer, dash":  {"custom:visits", "-", "", "custom:visits: not an integer, in half-width digits"},
		"custom text":           {"custom:Owner", "鈴木一郎🙂", "鈴木一郎🙂", ""},
		"custom text, long":     {"custom:Owner", "鈴木一郎次郎", "", "custom:Owner: longer than 5 characters"},
		"selection":             {"custom:industry", "IT・通信", "IT・通信", ""},
		"selection, other":      {"custom:industry", "農業", "", "custom:industry: not a label of the selection: the master has 製造, IT・通信, その他"},
		"kind unknown":          {"custom:kubun", "なんでも", "なんでも", ""},
		"not in the master":     {"custom:gone", "x", "", "custom:gone: not in the master of custom items (m.csv)"},

		"not linked":     {"address", "x", "", `item "address" is not linked for writing (連携種別 NG): add "address: writable" under fields, or take it out of the mapping`},
		"not linked, ''": {"address", "", "", `item "address" is not linked for writing (連携種別 NG): add "address: writable" under fields, or take it out of the mapping`},
		"readable only":  {"last_name", "x", "", `item "last_name" is not linked for writing (連携種別 Readable): change it to "last_name: readable_writable" under fields, or take it out of the mapping`},
		"never written":  {"score", 1.0, "", `item "score" (スコア) is never written by a link: take it out of the mapping`},
		"exported tags":  {"tags", "a", "", `item "tags" is never written (連携種別 Readable): give the tags in append_tags`},
		"no item":        {"company_name", "x", "", "item \"company_name\" is none of SATORI's; do you mean `lead_company_name`?: correct the mapping"},
		"runaway key":    {strings.Repeat("x", 500), "x", "", `item "` + strings.Repeat("x", 100) + "…\" is none of SATORI's: correct the mapping"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := NewChecker(links, m).Cell(c.item, c.value)
			if c.err != "" {
				require.EqualError(t, err, c.err)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, c.want, got)
		})
	}
	cell, err := NewChecker(links, nil).Cell("custom:visits", "many")
	require.NoError(t, err, "no master: SATORI judges")
	require.Equal(t, "many", cell)
}
