package satori

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func csvOf(t require.TestingT, header []string, rows [][]string) string {
	var b strings.Builder
	require.NoError(t, writeCSV(&b, header, rows))
	return b.String()
}

func TestCSV(t *testing.T) {
	for name, test := range map[string]struct {
		rows [][]string
		want string
	}{
		"plain":         {[][]string{{"a", "山田"}}, "a,山田\n"},
		"comma":         {[][]string{{"a,b", ""}}, "\"a,b\",\n"},
		"quote":         {[][]string{{`say "hi"`, `"`}}, "\"say \"\"hi\"\"\",\"\"\"\"\n"},
		"line breaks":   {[][]string{{"a\nb", "c\rd"}}, "\"a\nb\",\"c\rd\"\n"},
		"CRLF":          {[][]string{{"a\r\nb", "\r\r\n"}}, "\"a\nb\",\"\n\"\n"},
		"outer blanks":  {[][]string{{" a", "b\t"}}, "\" a\",\"b\t\"\n"},
		"empty":         {[][]string{{"", ""}}, ",\n"},
		"alone":         {[][]string{{""}, {"x"}}, "\"\"\nx\n"},
		"bad bytes":     {[][]string{{"a\xffb", "c"}}, "a\ufffdb,c\n"},
		"formula":       {[][]string{{"=1+1", "@x"}}, "=1+1,@x\n"},
		"BOM in a cell": {[][]string{{"\ufeffa", "b"}}, "\"\ufeffa\",b\n"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, csvOf(t, test.rows[0], test.rows[1:]))
		})
	}
}

// readBack is what a reader that is not ours makes of it.
func readBack(t require.TestingT, text string) [][]string {
	got, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	require.NoError(t, err)
	return got
}

func normalRows(rows [][]string) [][]string {
	out := make([][]string, len(rows))
	for i, row := range rows {
		for _, cell := range row {
			out[i] = append(out[i], normalCell(cell))
		}
	}
	return out
}

func TestCSVIsReadAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(1, 5).Draw(t, "width")
		cell := rapid.OneOf(rapid.String(), rapid.StringMatching("[ab,\"\r\n\t 　=+@-]{0,6}"))
		rows := rapid.SliceOfN(rapid.SliceOfN(cell, width, width), 1, 8).Draw(t, "rows")
		text := csvOf(t, rows[0], rows[1:])
		require.Equal(t, normalRows(rows), readBack(t, text))
		require.LessOrEqual(t, len(text), sizeOf(rows[0], rows[1:])+strings.Count(text, `"`)+2*strings.Count(text, "\ufffd"))
	})
}

func FuzzCSV(f *testing.F) {
	f.Add("a", "b", "c")
	f.Add("\r\r\n", "\"", " ")
	f.Add("\xff", "\ufeff", "a,b")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		for _, rows := range [][][]string{{{a, b, c}, {c, a, b}}, {{a}, {b}, {c}}} {
			require.Equal(t, normalRows(rows), readBack(t, csvOf(t, rows[0], rows[1:])))
		}
	})
}
