package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const sample = `{"time":"2026-11-01T09:00:00.000+09:00","email":"a@example.com","card_id":"A1","action":"register","reason":"new","items":["email","last_name"],"dry_run":false}
{"time":"2026-11-01T09:00:01.000+09:00","email":"b@example.com","card_id":"B1","action":"skip","reason":"older","items":[],"dry_run":false}
`

func readAll(t *testing.T, text string, p Period) ([]Entry, int) {
	t.Helper()
	var entries []Entry
	bad, err := Read(strings.NewReader(text), p, func(e Entry) error { entries = append(entries, e); return nil })
	require.NoError(t, err)
	return entries, bad
}

func TestReadGivesEveryEntryAndCountsWhatIsNone(t *testing.T) {
	long := `{"action":"skip","reason":"` + strings.Repeat("x", 200<<10) + "\"}\n"
	tooLong := `{"action":"skip","reason":"` + strings.Repeat("x", longestLine) + "\"}\n"
	tests := []struct {
		name, text   string
		entries, bad int
	}{
		{"empty", "", 0, 0},
		{"two", sample, 2, 0},
		{"windows line ends", strings.ReplaceAll(sample, "\n", "\r\n"), 2, 0},
		{"blank lines, as an erasure leaves them", sample + "\n" + strings.Repeat(" ", 100) + "\n" + sample, 4, 0},
		{"a last line that is still being written", sample + `{"time":"2026-`, 2, 0},
		{"no JSON", "nonsense\n" + sample, 2, 1},
		{"JSON, but no decision", "{}\n[]\nnull\n" + sample, 2, 3},
		{"longer than the reader's buffer", long + sample, 3, 0},
		{"too long to be a line", tooLong + sample, 2, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			entries, bad := readAll(t, test.text, Period{})
			require.Len(t, entries, test.entries)
			require.Equal(t, test.bad, bad)
		})
	}
}

func TestReadKeepsToThePeriod(t *testing.T) {
	second := time.Date(2026, 11, 1, 9, 0, 1, 0, Japan)
	entries, _ := readAll(t, sample, Period{From: second})
	require.Len(t, entries, 1)
	require.Equal(t, "B1", entries[0].CardID)
	entries, _ = readAll(t, sample, Period{To: second})
	require.Len(t, entries, 1)
	require.Equal(t, "A1", entries[0].CardID)
	require.Equal(t, []string{"email", "last_name"}, entries[0].Items)
}

func TestReadStopsAtTheFirstErrorOfItsCaller(t *testing.T) {
	calls := 0
	_, err := Read(strings.NewReader(sample), Period{}, func(Entry) error { calls++; return fmt.Errorf("enough") })
	require.EqualError(t, err, "enough")
	require.Equal(t, 1, calls)
}

func TestParseSince(t *testing.T) {
	now := time.Date(2026, 11, 10, 12, 0, 0, 0, Japan)
	tests := []struct {
		text string
		want time.Time
	}{
		{"", time.Time{}},
		{"24h", now.Add(-24 * time.Hour)},
		{"90m", now.Add(-90 * time.Minute)},
		{"7d", now.AddDate(0, 0, -7)},
		{"2026-11-01", time.Date(2026, 11, 1, 0, 0, 0, 0, Japan)},
		{"2026-11-01T00:00:00Z", time.Date(2026, 11, 1, 9, 0, 0, 0, Japan)},
	}
	for _, test := range tests {
		got, err := ParseSince(test.text, now)
		require.NoError(t, err, test.text)
		require.True(t, got.Equal(test.want), "%s: %s", test.text, got)
	}
	for _, text := range []string{"yesterday", "-1h", "1.5d", "d", "2026-13-01", "24"} {
		_, err := ParseSince(text, now)
		require.ErrorContains(t, err, "since: ", text)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(sample)
	f.Add("nonsense\n{}\n")
	f.Add(`{"action":"failed","reason":"</script><script>","email":"\u2028<!--"}` + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := New(true)
		lines := strings.Count(text, "\n")
		bad, err := Read(strings.NewReader(text), Period{}, func(e Entry) error { r.Add(e); return nil })
		require.NoError(t, err)
		require.LessOrEqual(t, bad+r.Cards(), lines)
		var page strings.Builder
		require.NoError(t, r.WriteHTML(&page, English, "fuzz", time.Unix(0, 0)))
		require.Equal(t, 3, strings.Count(strings.ToLower(page.String()), "</script"), "the page's own three script elements and no more")
	})
}
