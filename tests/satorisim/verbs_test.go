package satorisim

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Both APIs must mean the same by a verb.
func TestVerbs(t *testing.T) {
	held := map[string]any{"email": "a@example.jp", "last_name": "山田", "collection_route": "展示会",
		"delivery_permission": "approval", "tags": []string{"old"}}
	cases := []struct {
		name string
		verb string
		sent [][2]string
		want map[string]any // difference to held; nil value = absent
	}{
		{"registration fills blanks", "registration", [][2]string{{"first_name", "太郎"}}, map[string]any{"first_name": "太郎"}},
		{"registration touches no value", "registration", [][2]string{{"last_name", "鈴木"}, {"custom:exchange_date", "2026-04-01"}},
			map[string]any{"custom:exchange_date": "2026-04-01"}},
		{"registration changes the mail permission", "registration", [][2]string{{"delivery_permission", "reject"}}, map[string]any{"delivery_permission": "reject"}},
		{"registration adds tags", "registration", [][2]string{{"append_tags", "new, newer,,old"}}, map[string]any{"tags": []string{"new", "newer", "old"}}},
		{"upsert overwrites", "upsert", [][2]string{{"last_name", "鈴木"}}, map[string]any{"last_name": "鈴木"}},
		{"upsert never erases", "upsert", [][2]string{{"last_name", ""}, {"collection_route", " 　"}, {"append_tags", ""}}, nil},
		{"upsert takes tags away", "upsert", [][2]string{{"delete_tags", "old,none"}}, map[string]any{"tags": nil}},
	}
	for _, c := range cases {
		for _, way := range []string{"single", "bulk"} {
			t.Run(c.name+", "+way, func(t *testing.T) {
				// In bulk the route is always sent, so the case of a blank route is for single calls only.
				b := start(t)
				require.NoError(t, b.Seed(held))
				var r reply
				if way == "single" {
					pairs := []string{"email", "a@example.jp"}
					for _, p := range c.sent {
						pairs = append(pairs, p[0], p[1])
					}
					r = b.one(c.verb, pairs...)
				} else {
					header, row := []string{"email"}, []string{"A@example.jp"}
					route := false
					for _, p := range c.sent {
						if p[0] == "collection_route" {
							p[1], route = "展示会", true
						}
						header, row = append(header, p[0]), append(row, p[1])
					}
					if !route {
						header, row = append(header, "collection_route"), append(row, "展示会")
					}
					r = b.bulk(c.verb, header, row)
					done := b.poll(r.code())
					require.Equal(t, []any{2.0}, body(done)["succeeded_rows"], done.body)
				}
				require.Equal(t, 200, r.http, r.body)
				want := map[string]any{}
				for k, v := range held {
					want[k] = v
				}
				for k, v := range c.want {
					if want[k] = v; v == nil {
						delete(want, k)
					}
				}
				got, ok := b.Customer("a@example.jp")
				require.True(t, ok)
				require.Equal(t, want, got)
				require.Equal(t, 1, b.Len())
			})
		}
	}
}

func TestUnknownCustomerIsCreatedByBothVerbs(t *testing.T) {
	b := start(t)
	require.Equal(t, 200, b.one("registration", "email", "a@example.jp", "last_name", "山田").http)
	r := b.one("upsert", "email", "b@example.jp", "last_name", "鈴木")
	require.Equal(t, 200.0, r.json["status"])
	require.Len(t, r.json["message"].(map[string]any)["customer[hashcode]"], 32)
	require.Equal(t, map[string]map[string]any{
		"a@example.jp": {"email": "a@example.jp", "last_name": "山田"},
		"b@example.jp": {"email": "b@example.jp", "last_name": "鈴木"},
	}, b.Customers())
}

func TestDeleteAndHashcode(t *testing.T) {
	b := start(t)
	r := b.one("upsert", "email", "a@example.jp", "last_name", "山田")
	hash := r.json["message"].(map[string]any)["customer[hashcode]"].(string)
	form := b.keys()
	form.Set("customer[identity_type]", "hashcode")
	form.Set("customer[hashcode]", hash)
	form.Set("customer[email]", "new@example.jp")
	require.Equal(t, 200, b.form("upsert", form).http)
	got, ok := b.Customer("new@example.jp")
	require.True(t, ok)
	require.Equal(t, map[string]any{"email": "new@example.jp", "last_name": "山田"}, got)

	require.Equal(t, 200, b.one("delete", "email", "new@example.jp").http)
	require.Equal(t, 404, b.one("delete", "email", "new@example.jp").http)
	require.Equal(t, 404, b.form("upsert", form).http, "the hash code is gone")
	require.Zero(t, b.Len())
	require.Equal(t, 1, b.Counters().Deleted)
	require.Equal(t, 200, b.one("upsert", "email", "new@example.jp").http)
	verbs := []Verb{}
	for _, w := range b.Writes("new@example.jp") {
		verbs = append(verbs, w.Verb)
	}
	require.Equal(t, []Verb{Upsert, Upsert, Delete, Upsert}, verbs)
}
