package csvfile

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/japanese"
)

// readAll gives every record as "line: cell|cell" and every refusal as its error.
func readAll(t testing.TB, r io.Reader, e Encoding, limit int) (got []string) {
	t.Helper()
	reader := NewReader(r, e, limit)
	for {
		rec, err := reader.Read()
		var broken *RecordError
		switch {
		case errors.Is(err, io.EOF):
			return got
		case errors.As(err, &broken):
			got = append(got, err.Error())
		default:
			require.NoError(t, err)
			got = append(got, strings.Join(rec.Cells, "|"))
		}
	}
}

func TestReader(t *testing.T) {
	const unclosed = "a quote that opens in this record never closes"
	for name, c := range map[string]struct {
		in   string
		want []string
	}{
		"empty file":             {"", nil},
		"only a mark":            {"\ufeff", nil},
		"mark and row":           {"\ufeffa,b\n", []string{"a|b"}},
		"less than a mark":       {"\xef\xbb", []string{"line 1: column 1 holds bytes that are not utf-8"}},
		"no line break at end":   {"a,b", []string{"a|b"}},
		"CRLF":                   {"a,b\r\n\"c\",\"d\"\r\n", []string{"a|b", "c|d"}},
		"CR at the end of file":  {"a,b\r", []string{"a|b"}},
		"CR inside a cell":       {"a\rb,c\n", []string{"a\rb|c"}},
		"empty lines":            {"\na\n\r\n\nb\n", []string{"a", "b"}},
		"empty cells":            {",\n\"\",\n", []string{"|", "|"}},
		"one quoted empty cell":  {"\"\"\n", []string{""}},
		"quotes":                 {"\"a,\"\"b\"\"\nc\",d\n", []string{"a,\"b\"\nc|d"}},
		"bare quote in a cell":   {"a\"b,c\n", []string{"a\"b|c"}},
		"text after a quote":     {"\"a\"b,c\nd,e\n", []string{"line 1: text follows a closing quote: is a quote not doubled?", "d|e"}},
		"quote never closes":     {"a\n\"b,c\nd\ne\n", []string{"a", "line 2: " + unclosed, "d", "e"}},
		"quote never closes, 1":  {"\"b", []string{"line 1: " + unclosed}},
		"lines after multi-line": {"\"a\n\nb\",c\n\"d\n", []string{"a\n\nb|c", "line 4: " + unclosed}},
		"broken byte":            {"a,\xff\nb,c\n", []string{"line 1: column 2 holds bytes that are not utf-8", "b|c"}},
		"too long":               {strings.Repeat("x", 99) + "\nb\n", []string{"line 1: the record is longer than 64 bytes: does a quote never close?", "b"}},
		"too long in a quote":    {"\"x\n" + strings.Repeat("y\n", 40), append([]string{"line 1: the record is longer than 64 bytes: does a quote never close?"}, strings.Split(strings.Repeat("y ", 39)+"y", " ")...)},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, readAll(t, strings.NewReader(c.in), UTF8, 64))
			require.Equal(t, c.want, readAll(t, oneByte{strings.NewReader(c.in)}, UTF8, 64))
		})
	}
}

// oneByte gives one byte a read.
type oneByte struct{ r io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.r.Read(p[:1]) }

func TestReaderCP932(t *testing.T) {
	// 表 ends in a backslash byte, ー in one below 0x80: both trap byte-wise readers.
	in, err := japanese.ShiftJIS.NewEncoder().String("email,memo\na@example.jp,\"表,ソー\n①髙橋ﾃｽﾄ～\"\n")
	require.NoError(t, err)
	e, err := Detect(strings.NewReader(in))
	require.NoError(t, err)
	require.Equal(t, CP932, e)
	require.Equal(t, []string{"email|memo", "a@example.jp|表,ソー\n①髙橋ﾃｽﾄ～"}, readAll(t, strings.NewReader(in), e, 1<<10))
	require.Equal(t, []string{"line 1: column 1 holds bytes that are not cp932", "b"},
		readAll(t, strings.NewReader("\x81,a\nb\n"), CP932, 1<<10))
}

func TestDetect(t *testing.T) {
	sjis, err := japanese.ShiftJIS.NewEncoder().String(strings.Repeat("山田", 10))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		in   string
		want Encoding
	}{
		"empty":             {"", UTF8},
		"ASCII":             {"email\n", UTF8},
		"UTF-8":             {"山田", UTF8},
		"broken UTF-8":      {"山田太郎\xff", UTF8},
		"cut UTF-8":         {"山田\xe5\xa4", UTF8},
		"marked, broken":    {"\ufeff\xff\xfe", UTF8},
		"cp932":             {sjis, CP932},
		"cp932 far down":    {strings.Repeat("a,b\n", 50_000) + sjis, CP932},
		"UTF-8 over chunks": {"a" + strings.Repeat("山", 100_000), UTF8},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Detect(strings.NewReader(c.in))
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			got, err = Detect(oneByte{strings.NewReader(c.in)})
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
	_, err = Detect(strings.NewReader("\xff\xfee\x00"))
	require.ErrorIs(t, err, ErrUTF16)
}

// FuzzReader: what encoding/csv takes is read alike; nothing is read beyond the
// limit, and reading ends.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{"a,b\n\"c\",d\r\n", "\"a\"\"b\n\"\n", "\"x\ny", "\ufeffa\n", "\x81\x5c,\x83\x5c\n", "\"a\"\rb\n", "a\r"} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, in []byte, sjis bool) {
		e := UTF8
		if sjis {
			e = CP932
		}
		r, last, whole := NewReader(strings.NewReader(string(in)), e, 256), 0, true
		var got [][]string
		for {
			rec, err := r.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			require.Greater(t, rec.Line, last)
			last = rec.Line
			var broken *RecordError
			if errors.As(err, &broken) {
				whole = false
				continue
			}
			require.NoError(t, err)
			require.LessOrEqual(t, rec.Size, 256)
			got = append(got, rec.Cells)
		}
		lone := strings.Contains(strings.ReplaceAll(string(in), "\r\n", ""), "\r") // read otherwise, on purpose
		if !whole || sjis || lone || strings.HasPrefix(string(in), "\ufeff") {
			return
		}
		std := csv.NewReader(strings.NewReader(string(in)))
		std.FieldsPerRecord = -1
		want, err := std.ReadAll()
		if err != nil {
			return
		}
		require.Len(t, got, len(want))
		for i := range want {
			for j := range got[i] { // encoding/csv drops the CR of CRLF inside quotes
				got[i][j] = strings.ReplaceAll(got[i][j], "\r\n", "\n")
			}
			require.Equal(t, want[i], got[i])
		}
	})
}
