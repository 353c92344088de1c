package report

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var made = time.Date(2026, 11, 1, 10, 0, 0, 0, Japan)

// decisions gives n cards with every kind of outcome.
func decisions(n int) *Report {
	r := New(true)
	kinds := []Entry{
		{Action: "register", Reason: "new", Items: []string{"email", "last_name", "lead_company_name", "append_tags", "custom:exchange_date"}},
		{Action: "upsert", Reason: "changed", Items: []string{"email", "position"}},
		{Action: "skip", Reason: "unchanged"},
		{Action: "skip", Reason: "older"},
		{Action: "invalid", Reason: "no_email"},
		{Action: "invalid", Reason: "malformed_email"},
		{Action: "failed", Reason: "メールアドレスが不正です"},
	}
	for i := range n {
		e := kinds[i%len(kinds)]
		e.Time = made.Add(time.Duration(i) * time.Second)
		e.CardID = fmt.Sprintf("%032X", i)
		if e.Reason != "no_email" {
			e.Email = fmt.Sprintf("person%06d@example.co.jp", i)
		}
		r.Add(e)
	}
	return r
}

func htmlOf(t *testing.T, r *Report, lang Lang) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, r.WriteHTML(&b, lang, "config/sync.yaml", made))
	return b.String()
}

func TestCountsAreByActionAndReason(t *testing.T) {
	r := decisions(15)
	require.Equal(t, []Count{
		{"register", "new", 3}, {"upsert", "changed", 2}, {"skip", "older", 2}, {"skip", "unchanged", 2},
		{"invalid", "malformed_email", 2}, {"invalid", "no_email", 2}, {"failed", "メールアドレスが不正です", 2},
	}, r.Counts())
	text, err := json.Marshal(r)
	require.NoError(t, err)
	var figures struct {
		Cards     int `json:"cards"`
		Customers int `json:"customers_written"`
	}
	require.NoError(t, json.Unmarshal(text, &figures))
	require.Equal(t, 15, figures.Cards)
	require.Equal(t, 5, figures.Customers)
	require.NotContains(t, string(text), "@")
}

func TestOneCustomerOfSeveralCardsIsCountedOnce(t *testing.T) {
	r := New(false)
	for range 3 {
		r.Add(Entry{Action: "upsert", Reason: "changed", Email: "a@example.com"})
	}
	r.Add(Entry{Action: "skip", Reason: "older", Email: "b@example.com"})
	text, err := json.Marshal(r)
	require.NoError(t, err)
	require.Contains(t, string(text), `"customers_written":1`)
}

func TestPageHoldsEveryRowAsData(t *testing.T) {
	page := htmlOf(t, decisions(700), Japanese)
	data := regexp.MustCompile(`(?s)id="rows">(.*?)</script>`).FindStringSubmatch(page)
	require.Len(t, data, 2)
	var rows [][]any
	require.NoError(t, json.Unmarshal([]byte(data[1]), &rows))
	require.Len(t, rows, 700)
	require.Equal(t, "person000001@example.co.jp", rows[1][2])
	for _, wanted := range []string{`<html lang="ja">`, "連携結果報告", "苗字", "メールアドレスの形式が不正"} {
		require.Contains(t, page, wanted)
	}
}

func TestPageSpeaksEnglish(t *testing.T) {
	r := decisions(7)
	r.SetPreview()
	page := htmlOf(t, r, English)
	for _, wanted := range []string{`<html lang="en">`, "Nothing was written", "no e-mail address", "Accepted by"} {
		require.Contains(t, page, wanted)
	}
}

func TestPageReachesForNothing(t *testing.T) {
	page := htmlOf(t, decisions(7), English)
	require.Contains(t, page, "default-src &#39;none&#39;")
	require.NotRegexp(t, `(?i)(src|href)\s*=|url\(|@import|https?://|fetch\(|XMLHttpRequest|<form`, page)
}

func TestNoValueBreaksOutOfThePage(t *testing.T) {
	const evil = `</script><script>alert(1)</script><!--<img src=x onerror=alert(1)>"'&` + "\u2028\x00\xff"
	r := New(true)
	r.Add(Entry{Action: "failed", Reason: evil, Email: evil, CardID: evil, Items: []string{evil}})
	r.Add(Entry{Action: evil, Reason: evil})
	var b strings.Builder
	require.NoError(t, r.WriteHTML(&b, English, evil, made))
	require.Equal(t, 3, strings.Count(b.String(), "<script"))
	require.Equal(t, 3, strings.Count(b.String(), "</script"))
	require.NotContains(t, b.String(), "<img")
	require.NotContains(t, b.String(), "<!--")
}

func TestTotalsStayShortWhateverSatoriSays(t *testing.T) {
	r := New(false)
	for i := range 1000 {
		r.Add(Entry{Action: "failed", Reason: fmt.Sprintf("row %d is wrong", i)})
	}
	lines := r.lines(English)
	require.Len(t, lines, reasonsShown+1)
	require.Equal(t, "988", lines[reasonsShown].Cards)
	require.Equal(t, "other reasons", lines[reasonsShown].Reason)
}

func TestAnEmptyReportIsWhole(t *testing.T) {
	r := New(true)
	r.SetPreview()
	page := htmlOf(t, r, Japanese)
	require.Contains(t, page, "</html>")
	require.NotContains(t, page, "NaN")
	require.NotEmpty(t, r.Text(Japanese))
}

func TestTextNamesNoAddress(t *testing.T) {
	r := New(false)
	r.Add(Entry{Time: made, Action: "failed", Reason: "a@example.com is\x1b[31m\nno address", Email: "a@example.com", CardID: "C1"})
	r.SetBad(2)
	text := r.Text(English)
	require.NotContains(t, text, "a@example.com")
	require.NotContains(t, text, "\x1b")
	require.Contains(t, text, "Card id C1: ***@*** is [31m no address")
	require.Contains(t, text, "Lines that could not be read: 2")
	require.Contains(t, text, "2026-11-01 10:00:00 JST")
}

func TestCost(t *testing.T) {
	bulk := Writing{API: "auto", Threshold: 10, MaxRows: 10000, Rate: 2}
	tests := []struct {
		name                   string
		rows                   int
		w                      Writing
		single, uploads, polls int
		time                   time.Duration
	}{
		{"nothing", 0, bulk, 0, 0, 0, 0},
		{"below the threshold", 9, bulk, 9, 0, 0, 5 * time.Second},
		{"one job", 10000, bulk, 0, 1, 2, 2 * time.Second},
		{"two jobs", 10001, bulk, 0, 2, 4, 3 * time.Second},
		{"single only", 50, Writing{API: "single", MaxRows: 10000, Rate: 1}, 50, 0, 0, 50 * time.Second},
		{"bulk only", 1, Writing{API: "bulk", Threshold: 10, MaxRows: 10000, Rate: 1}, 0, 1, 2, 3 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var c Cost
			c.AddRows(test.rows, test.w)
			require.Equal(t, []int{test.single, test.uploads, test.polls}, []int{c.Single, c.Uploads, c.Polls})
			require.Equal(t, test.time, c.SatoriTime())
		})
	}
	r := New(false)
	r.SetCost(Cost{Sansan: 14400 * 4, SansanRate: 4})
	require.Contains(t, r.Text(English), "4 h 0 min")
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		require.Equal(t, want, thousands(n))
	}
}
