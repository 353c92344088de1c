package satorisim

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	header = []string{"email", "last_name", "collection_route", "custom:exchange_date"}
	good   = []string{"a@example.jp", "山田", "Sansan", "2026-04-01"}
	other  = []string{"b@example.jp", "鈴木", "Sansan", "2026-04-02"}
	bad    = []string{"c@example.jp", "佐藤", "Sansan", "soon"}
)

func TestRefusals(t *testing.T) {
	shapes := map[string]Refusal{"HTTP 401": {401, 401}, "HTTP 403": {403, 403}, "body 401": {200, 401}}
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			b := start(t, func(s *Settings) { s.BadKeys = shape })
			for _, wrong := range []url.Values{{}, {"user_key": {"x"}}} {
				r := b.bulkRaw("upsert", "email", table2csv(header, good), wrong)
				require.Equal(t, shape.HTTP, r.http)
				require.EqualValues(t, shape.Body, r.json["status"])
			}
			keys := b.keys()
			keys.Set("company_secret", "wrong")
			require.Equal(t, shape.HTTP, b.form("upsert", keys).http)
			require.Zero(t, b.Len())
		})
	}
	t.Run("permission, per call", func(t *testing.T) {
		b := start(t, func(s *Settings) {
			s.Forbidden, s.NoPermission = []Kind{BulkUpsert, Status, SingleDelete}, Refusal{200, 403}
		})
		require.EqualValues(t, 403, b.bulk("upsert", header, good).json["status"])
		require.EqualValues(t, 403, b.poll("x").json["status"])
		require.EqualValues(t, 403, b.one("delete", "email", "a@example.jp").json["status"])
		require.EqualValues(t, 202, b.bulk("registration", header, good).json["status"])
		require.EqualValues(t, 200, b.one("upsert", "email", "a@example.jp").json["status"])
	})
	t.Run("data and jobs", func(t *testing.T) {
		b := start(t, func(s *Settings) {
			s.Invalid, s.BadUpload, s.UnknownJob, s.UnknownKey = Refusal{200, 422}, Refusal{422, 400}, Refusal{410, 410}, Refusal{200, 404}
		})
		for want, r := range map[string]reply{
			"200/422": b.one("upsert", "email", "nobody"),
			"422/400": b.bulk("upsert", []string{"email", "email"}, []string{"a@example.jp", ""}),
			"410/410": b.poll("none"),
			"200/404": b.one("delete", "email", "nobody@example.jp"),
		} {
			require.Equal(t, want, fmt.Sprintf("%d/%v", r.http, r.json["status"]))
			require.IsType(t, "", r.json["message"])
		}
	})
	t.Run("paths and methods", func(t *testing.T) {
		b := start(t)
		for _, path := range []string{"/api/v4/public/customer/list.json", "/api/v4/public/customer/upsert.json"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+path, nil)
			require.NoError(t, err)
			require.Equal(t, 404, b.do(req).http)
		}
		require.Equal(t, 2, b.Counters().Requests[Unknown])
	})
}

func TestShapesOfAnswers(t *testing.T) {
	upload := func(b *bench) (reply, reply) {
		r := b.bulk("upsert", header, good, bad, other)
		return r, b.poll(r.code())
	}
	cases := map[string]struct {
		change func(*Settings)
		check  func(t *testing.T, b *bench, up, st reply)
	}{
		"as documented": {func(*Settings) {}, func(t *testing.T, _ *bench, up, st reply) {
			require.Equal(t, "Accepted", up.json["message"])
			require.NotEmpty(t, body(up)["process_code"])
			require.Equal(t, "finished", body(st)["process_status"])
			require.Equal(t, []any{2.0, 4.0}, body(st)["succeeded_rows"])
			failed := body(st)["failed_rows"].([]any)
			require.Len(t, failed, 1)
			require.Equal(t, 3.0, failed[0].(map[string]any)["row_number"])
			require.Contains(t, failed[0].(map[string]any)["message"], "custom:exchange_date")
			require.NotContains(t, st.body, "soon")
		}},
		"in message": {func(s *Settings) { s.ProcessCodeIn, s.StatusIn = InMessage, InMessage }, func(t *testing.T, _ *bench, up, st reply) {
			require.NotEmpty(t, up.json["message"].(map[string]any)["process_code"])
			require.Equal(t, "finished", st.json["message"].(map[string]any)["process_status"])
		}},
		"at top level": {func(s *Settings) { s.ProcessCodeIn, s.StatusIn = TopLevel, TopLevel }, func(t *testing.T, _ *bench, up, st reply) {
			require.NotEmpty(t, up.json["process_code"])
			require.Equal(t, "finished", st.json["process_status"])
			require.Equal(t, []any{2.0, 4.0}, st.json["succeeded_rows"])
		}},
		"HTTP 202": {func(s *Settings) { s.AcceptedHTTP, s.SingleHTTP = 202, 201 }, func(t *testing.T, b *bench, up, _ reply) {
			require.Equal(t, 202, up.http)
			require.Equal(t, 201, b.one("upsert", "email", "a@example.jp").http)
		}},
		"numbers as strings": {func(s *Settings) { s.NumbersQuoted = true }, func(t *testing.T, _ *bench, up, st reply) {
			require.Equal(t, "202", up.json["status"])
			require.Equal(t, []any{"2", "4"}, body(st)["succeeded_rows"])
			require.Equal(t, "3", body(st)["failed_rows"].([]any)[0].(map[string]any)["row_number"])
		}},
		"objects": {func(s *Settings) { s.SucceededRows = RowObjects }, func(t *testing.T, _ *bench, _, st reply) {
			row := body(st)["succeeded_rows"].([]any)[1].(map[string]any)
			require.Equal(t, 4.0, row["row_number"])
			require.Len(t, row["hashcode"], 32)
		}},
		"absent": {func(s *Settings) { s.SucceededRows = RowsAbsent }, func(t *testing.T, _ *bench, _, st reply) {
			require.NotContains(t, body(st), "succeeded_rows")
		}},
		"empty": {func(s *Settings) { s.SucceededRows = RowsEmpty }, func(t *testing.T, _ *bench, _, st reply) {
			require.Equal(t, []any{}, body(st)["succeeded_rows"])
		}},
		"base 1": {func(s *Settings) { s.RowBase = 1 }, func(t *testing.T, _ *bench, _, st reply) {
			require.Equal(t, []any{1.0, 3.0}, body(st)["succeeded_rows"])
		}},
		"base 0": {func(s *Settings) { s.RowBase = 0 }, func(t *testing.T, _ *bench, _, st reply) {
			require.Equal(t, []any{0.0, 2.0}, body(st)["succeeded_rows"])
		}},
		"out of range": {func(s *Settings) { s.StrayRows = 1 }, func(t *testing.T, _ *bench, _, st reply) {
			require.Equal(t, 1006.0, body(st)["failed_rows"].([]any)[0].(map[string]any)["row_number"])
		}},
		"contradictory": {func(s *Settings) { s.DoubledRows = true }, func(t *testing.T, _ *bench, _, st reply) {
			require.Equal(t, []any{2.0, 3.0, 4.0}, body(st)["succeeded_rows"])
			require.Len(t, body(st)["failed_rows"], 1)
		}},
		"words": {func(s *Settings) { s.FinishedWord = "done"; s.QuoteValues = true }, func(t *testing.T, _ *bench, _, st reply) {
			require.Equal(t, "done", body(st)["process_status"])
			require.Contains(t, st.body, "soon")
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := start(t, c.change)
			up, st := upload(b)
			c.check(t, b, up, st)
			require.NotContains(t, b.Customers(), "c@example.jp")
		})
	}
}

func TestWhatIsRefused(t *testing.T) {
	long := strings.Repeat("a", 60) + "@" + strings.Repeat(strings.Repeat("b", 60)+".", 3) + strings.Repeat("c", 8) + ".jp" // 255
	cases := []struct {
		name, item, value string
		change            func(*Settings)
		ok                bool
	}{
		{name: "e-mail without host", item: "email", value: "a@"},
		{name: "full-width e-mail", item: "email", value: "ａ@example.jp"},
		{name: "e-mail of 255", item: "email", value: long, ok: true},
		{name: "e-mail of 256", item: "email", value: long + "x"},
		{name: "e-mail with dots", item: "email", value: "a..b.@example.jp"},
		{name: "e-mail with dots, loosely", item: "email", value: "a..b.@example.jp", change: func(s *Settings) { s.LooseEmail = true }, ok: true},
		{name: "date", item: "collection_date", value: "2026-02-28", ok: true},
		{name: "no such day", item: "collection_date", value: "2026-02-29"},
		{name: "date with slashes", item: "collection_date", value: "2026/02/28"},
		{name: "date with time", item: "custom:exchange_date", value: "2026-02-28T00:00:00Z"},
		{name: "integer", item: "custom:employees", value: "-120", ok: true},
		{name: "integer with comma", item: "custom:employees", value: "1,200"},
		{name: "float", item: "custom:employees", value: "1e+06"},
		{name: "option", item: "custom:rank", value: "B", ok: true},
		{name: "no option", item: "custom:rank", value: "b"},
		{name: "repeated values forbidden", item: "custom:member_no", value: "1"},
		{name: "unknown custom item", item: "custom:Rank", value: "A"},
		{name: "unknown item", item: "company_name", value: "A"},
		{name: "unknown item, ignored", item: "company_name", value: "A", change: func(s *Settings) { s.UnknownItem = Ignore }, ok: true},
		{name: "score", item: "score", value: "1"},
		{name: "score, ignored", item: "score", value: "1", change: func(s *Settings) { s.ForeignItem = Ignore }, ok: true},
		{name: "id", item: "id", value: "1"},
		{name: "delivery status", item: "delivery_status", value: "1"},
		{name: "mail status", item: "mail_status", value: "1"},
		{name: "tags of the admin CSV", item: "tags", value: "1"},
		{name: "status", item: "status", value: "visit"},
		{name: "status, writable", item: "status", value: "visit", change: func(s *Settings) { s.StatusItem = true }, ok: true},
		{name: "status, unknown", item: "status", value: "訪問", change: func(s *Settings) { s.StatusItem = true }},
		{name: "permission", item: "delivery_permission", value: "reject", ok: true},
		{name: "permission in Japanese", item: "delivery_permission", value: "拒否"},
		{name: "memo of lines", item: "memo", value: "a\nb\"c\",d", ok: true},
		{name: "4-byte", item: "last_name", value: "𠮷田", ok: true},
		{name: "4-byte, refused", item: "last_name", value: "𠮷田", change: func(s *Settings) { s.FourBytes = false }},
		{name: "long", item: "position", value: strings.Repeat("長", 12), change: func(s *Settings) { s.MaxText = 12 }, ok: true},
		{name: "too long", item: "position", value: strings.Repeat("長", 13), change: func(s *Settings) { s.MaxText = 12 }},
		{name: "rejected for good", item: "last_name", value: "x", change: func(s *Settings) { s.RejectRow = func(string) string { return "だめ" } }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			change := func(*Settings) {}
			if c.change != nil {
				change = c.change
			}
			mail := "x@example.jp"
			pairs := []string{"email", mail, c.item, c.value}
			head, row := []string{"collection_route", "email", c.item}, []string{"R", mail, c.value}
			if c.item == "email" {
				pairs, head, row = pairs[2:], head[:2], []string{"R", c.value}
			}
			single, bulk := start(t, change), start(t, change)
			r := single.one("upsert", pairs...)
			u := bulk.bulk("upsert", head, row)
			if u.code() != "" {
				u = bulk.poll(u.code())
			}
			if c.ok {
				require.Equal(t, 200, r.http, r.body)
				require.Equal(t, []any{2.0}, body(u)["succeeded_rows"], u.body)
				require.Equal(t, single.Customers()[row[1]][c.item], bulk.Customers()[row[1]][c.item])
				return
			}
			require.Equal(t, 400, r.http, r.body)
			require.Zero(t, single.Len()+bulk.Len())
			if u.http == 200 {
				require.Len(t, body(u)["failed_rows"], 1)
			}
		})
	}
}

func TestUploadsAsAWhole(t *testing.T) {
	wide := append([]string{}, header...)
	cases := []struct {
		name   string
		text   string
		change func(*Settings)
		want   string // "refused", or "n failed"
	}{
		{"one bad row", table2csv(header, good, bad), nil, "1 failed"},
		{"one bad row refuses all", table2csv(header, good, bad), func(s *Settings) { s.BadRow = RefuseRequest }, "refused"},
		{"byte-order mark", "\uFEFF" + table2csv(header, good), nil, "refused"},
		{"byte-order mark, ignored", "\uFEFF" + table2csv(header, good), func(s *Settings) { s.BOM = Ignore }, "0 failed"},
		{"repeated header", table2csv(append(wide, "email"), append(good, "a@example.jp")), nil, "refused"},
		{"no header", "", nil, "refused"},
		{"no rows", table2csv(header), nil, "refused"},
		{"no e-mail column", table2csv(header[1:], good[1:]), nil, "refused"},
		{"blank e-mail", table2csv(header, []string{"", "山田", "Sansan", ""}), nil, "1 failed"},
		{"quote never closes", "email,collection_route\na@example.jp,\"x\n", nil, "refused"},
		{"not UTF-8", "email,collection_route\na@example.jp,\x8e\x52\n", nil, "refused"},
		{"short row", "email,collection_route\na@example.jp\nb@example.jp,R\n", nil, "refused"},
		{"short row fails alone", "email,collection_route\na@example.jp\nb@example.jp,R\n", func(s *Settings) { s.RaggedRow = FailRows }, "1 failed"},
		{"10,000 rows", "email,collection_route\n" + strings.Repeat("a@example.jp,R\n", 10_000), nil, "0 failed"},
		{"10,001 rows", "email,collection_route\n" + strings.Repeat("a@example.jp,R\n", 10_001), nil, "refused"},
		{"own limit of rows", table2csv(header, good, other), func(s *Settings) { s.MaxRows = 1 }, "refused"},
		{"own limit of bytes", table2csv(header, good, other), func(s *Settings) { s.MaxBytes = 20 }, "refused"},
		{"no route column", "email\na@example.jp\nb@example.jp\n", nil, "2 failed"},
		{"no route column refuses all", "email\na@example.jp\n", func(s *Settings) { s.MissingRoute = RefuseRequest }, "refused"},
		{"no route column is fine", "email\na@example.jp\n", func(s *Settings) { s.MissingRoute = Ignore }, "0 failed"},
		{"blank route", "email,collection_route\na@example.jp,\nb@example.jp,R\n", nil, "1 failed"},
		{"unknown item", "email,collection_route,what\na@example.jp,R,\n", nil, "refused"},
		{"unknown item fails rows", "email,collection_route,what\na@example.jp,R,\n", func(s *Settings) { s.UnknownItem = FailRows }, "1 failed"},
		{"unknown item ignored", "email,collection_route,what\na@example.jp,R,\n", func(s *Settings) { s.UnknownItem = Ignore }, "0 failed"},
		{"score", "email,collection_route,score\na@example.jp,R,1\n", nil, "refused"},
		{"score fails rows", "email,collection_route,score\na@example.jp,R,1\n", func(s *Settings) { s.ForeignItem = FailRows }, "1 failed"},
		{"all rows fail at random", table2csv(header, good, other), func(s *Settings) { s.FailRate = 1 }, "2 failed"},
		{"one e-mail rejected", table2csv(header, good, other), func(s *Settings) {
			s.RejectRow = func(mail string) string { return map[string]string{"b@example.jp": "だめ"}[mail] }
		}, "1 failed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := start(t)
			if c.change != nil {
				b.Change(c.change)
			}
			r := b.bulkRaw("upsert", "email", c.text, b.keys())
			if c.want == "refused" {
				require.Equal(t, 400, r.http, r.body)
				require.Zero(t, b.Len())
				require.Empty(t, b.Jobs())
				return
			}
			require.Equal(t, 200, r.http, r.body)
			require.Equal(t, c.want, fmt.Sprintf("%d failed", len(body(b.poll(r.code()))["failed_rows"].([]any))))
		})
	}
}

func TestRandomRowsMaySucceedNextTime(t *testing.T) {
	b := start(t, func(s *Settings) { s.FailRate = 0.5 })
	rows := [][]string{{"email", "collection_route"}}
	for i := range 100 {
		rows = append(rows, []string{fmt.Sprintf("p%d@example.jp", i), "R"})
	}
	for range 20 {
		b.bulk("upsert", rows...)
	}
	require.Equal(t, 100, b.Len())
	c := b.Counters()
	require.InDelta(t, 1000, c.FailedRows, 150)
	require.Equal(t, 2000, c.Rows)
	require.Equal(t, 100, c.Created)
	require.Equal(t, c.Rows-c.FailedRows-c.Created, c.Repeated)
}

func TestEmailCase(t *testing.T) {
	b := start(t)
	b.one("upsert", "email", "A@Example.jp")
	b.one("upsert", "email", "a@example.jp")
	require.Equal(t, 1, b.Len())
	b = start(t, func(s *Settings) { s.CaseMatters = true })
	b.one("upsert", "email", "A@Example.jp")
	b.one("upsert", "email", "a@example.jp")
	require.Equal(t, 2, b.Len())
}

func TestQuota(t *testing.T) {
	b := start(t, func(s *Settings) {
		s.RequestsPerSecond, s.EnforceQuota, s.QuotaHint = 2, true, Hint{HintHeader, 1500 * time.Millisecond}
	})
	require.Equal(t, 200, b.one("upsert", "email", "a@example.jp").http)
	r := b.one("upsert", "email", "b@example.jp")
	require.Equal(t, 429, r.http)
	require.Equal(t, "2", r.header.Get("Retry-After"))
	for range 10 {
		b.clock.pass(490 * time.Millisecond) // a little early is forgiven, on the whole the rate holds
	}
	require.Equal(t, 200, b.one("upsert", "email", "b@example.jp").http)
	require.Len(t, b.Violations(OverQuota), 1)

	b.Change(func(s *Settings) { s.EnforceQuota, s.QuotaHint = false, Hint{} })
	require.Equal(t, 200, b.one("upsert", "email", "c@example.jp").http)
	require.Len(t, b.Violations(), 2, "recorded though not enforced")

	b = start(t, func(s *Settings) { s.RequestsPerSecond, s.Burst = 1, 3 })
	for range 4 {
		b.poll("x")
	}
	require.Len(t, b.Violations(OverQuota), 1)
}

func TestKeysInQueryAreNoted(t *testing.T) {
	b := start(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+"/api/v4/public/customer/upsert.json?"+b.keys().Encode(),
		strings.NewReader("customer[email]=a@example.jp&customer[identity_type]=email"))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	require.Equal(t, 200, b.do(req).http)
	require.Len(t, b.Violations(KeysInQuery), 1)
	b.poll("x")
	require.Len(t, b.Violations(), 1, "status carries them there by design")
}

func TestLatency(t *testing.T) {
	b := start(t, func(s *Settings) { s.Latency, s.LatencyJitter = 30*time.Millisecond, time.Millisecond })
	began := time.Now()
	require.Equal(t, 200, b.one("upsert", "email", "a@example.jp").http)
	require.GreaterOrEqual(t, time.Since(began), 30*time.Millisecond)
}

func TestOptOutLoosened(t *testing.T) {
	b := start(t)
	b.one("upsert", "email", "a@example.jp", "delivery_permission", "reject")
	b.one("upsert", "email", "a@example.jp", "delivery_permission", "reject")
	require.Empty(t, b.Violations())
	b.one("registration", "email", "a@example.jp", "delivery_permission", "approval")
	require.Len(t, b.Violations(LoosenedOptOut), 1)
}

func TestBrokenRequests(t *testing.T) {
	b := start(t)
	post := func(path, kind, text string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+"/api/v4/public/"+path+".json?"+b.keys().Encode(), strings.NewReader(text))
		require.NoError(t, err)
		req.Header.Set("Content-Type", kind)
		return b.do(req).http
	}
	require.Equal(t, 400, post("customer/upsert", "application/json", "{}"))
	require.Equal(t, 400, post("customer/upsert", "application/x-www-form-urlencoded", "customer[email]=a@example.jp"), "no identity_type")
	require.Equal(t, 400, post("customer/upsert", "application/x-www-form-urlencoded", "customer[identity_type]=email"))
	require.Equal(t, 400, post("bulk_customers/upsert", "text/csv", "email\n"))
	require.Equal(t, 400, post("bulk_customers/upsert", "multipart/form-data; boundary=x", "--x\r\n\r\n"))
	require.Equal(t, 400, post("bulk_customers/upsert", "multipart/form-data; boundary=x", "--x--\r\n"), "no file")
	b.Change(func(s *Settings) { s.MaxBytes = 1 })
	require.Equal(t, 413, post("customer/upsert", "application/x-www-form-urlencoded", strings.Repeat("x", 1<<20+2)))
	require.Zero(t, b.Len())
}
