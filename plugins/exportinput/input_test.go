package exportinput

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	_ "github.com/redpanda-data/benthos/v4/public/components/pure"
	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/text/encoding/japanese"

	"sansansatori/plugins/csvfile"
	"sansansatori/plugins/oneshot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func write(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "export.csv")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func confOf(path string) config {
	return config{path: path, encoding: csvfile.Auto, batchSize: 3, maxRecord: 1 << 20}
}

// readAll gives each row as "line: value of memo" or "line: error".
func readAll(t testing.TB, in *input) (rows []string, batches []int) {
	t.Helper()
	for {
		batch, ack, err := in.ReadBatch(t.Context())
		if errors.Is(err, service.ErrEndOfInput) {
			return rows, batches
		}
		require.NoError(t, err)
		require.NoError(t, ack(t.Context(), nil))
		batches = append(batches, len(batch))
		for _, m := range batch {
			line, _ := m.MetaGet(metaLine)
			if err := m.GetError(); err != nil {
				rows = append(rows, line+": "+err.Error())
				continue
			}
			customer, err := m.AsStructured()
			require.NoError(t, err)
			rows = append(rows, fmt.Sprintf("%s: %v", line, customer.(map[string]any)["memo"]))
		}
	}
}

func TestInput(t *testing.T) {
	const text = "id,email,memo,\r\n1,a@example.jp,\"表,\r\nソース\",\r\n2,b@example.jp\r\n\r\n3,c@example.jp,髙橋①,\r\n4,d@example.jp,,x\r\n5,\"e\"@example.jp,z,\r\n6,f@example.jp,\"never"
	want := []string{"2: 表,\r\nソース", "4: 2 cells, but the header has 4", "6: 髙橋①", "7: ",
		"8: text follows a closing quote: is a quote not doubled?", "9: a quote that opens in this record never closes"}
	sjis, err := japanese.ShiftJIS.NewEncoder().String(text)
	require.NoError(t, err)
	for name, content := range map[string]string{"utf-8": text, "mark": "\ufeff" + text, "cp932": sjis} {
		t.Run(name, func(t *testing.T) {
			in, err := open(confOf(write(t, content)))
			require.NoError(t, err)
			require.NoError(t, in.Connect(t.Context()))
			rows, batches := readAll(t, in)
			require.Equal(t, want, rows)
			require.Equal(t, []int{3, 3}, batches)
			require.NoError(t, in.Close(t.Context()))
			require.NoError(t, in.Close(t.Context()))
			_, _, err = in.ReadBatch(t.Context())
			require.ErrorIs(t, err, service.ErrEndOfInput)
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"empty":        {"", "it is empty"},
		"no header":    {"1,yamada@example.jp\n", "its first line has no column `email`: export the customers from SATORI with item names as header"},
		"column twice": {"email,memo,memo\n", "the column `memo` is there twice"},
		"UTF-16":       {"\xff\xfee\x00", "it is UTF-16: save it as UTF-8 or Shift-JIS (cp932)"},
		"quote":        {"\"email", "line 1: a quote that opens in this record never closes"},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, c.content)
			_, err := open(confOf(path))
			require.ErrorContains(t, err, "reading "+path+": "+c.want)
			require.NotContains(t, err.Error(), "yamada")
		})
	}
	_, err := open(confOf(filepath.Join(t.TempDir(), "gone.csv")))
	require.ErrorContains(t, err, "opening the export: ")
	_, err = open(confOf(t.TempDir()))
	require.ErrorContains(t, err, "it is no file")
}

// TestBoundedMemory: neither a quote that never closes nor ten thousand columns
// make a batch large.
func TestBoundedMemory(t *testing.T) {
	t.Run("quote", func(t *testing.T) {
		conf := confOf(write(t, "email,memo\n\"a@example.jp,\n"+strings.Repeat("b@example.jp,x\n", 60_000)))
		conf.batchSize, conf.maxRecord = 1000, 64<<10
		in, err := open(conf)
		require.NoError(t, err)
		defer in.Close(t.Context())
		rows, batches := readAll(t, in)
		require.Equal(t, "2: the record is longer than 65536 bytes: does a quote never close?", rows[0])
		require.Len(t, rows, 60_001)
		require.Equal(t, "60002: x", rows[60_000])
		require.Len(t, batches, 61)
	})
	t.Run("columns", func(t *testing.T) {
		var head strings.Builder
		head.WriteString("email")
		for i := range 9_999 {
			fmt.Fprintf(&head, ",custom:item_%d", i)
		}
		conf := confOf(write(t, head.String()+"\n"+strings.Repeat("a@example.jp"+strings.Repeat(",値", 9_999)+"\n", 300)))
		conf.batchSize = 5000
		in, err := open(conf)
		require.NoError(t, err)
		defer in.Close(t.Context())
		_, batches := readAll(t, in)
		require.Len(t, batches, 12, "25 rows of 10,000 cells each")
	})
}

func TestRegistered(t *testing.T) {
	defer oneshot.Reset()
	path := write(t, "email,memo\na@example.jp,x\nbroken\nb@example.jp,y\n")
	b := service.NewStreamBuilder()
	require.NoError(t, b.AddInputYAML("satori_export:\n  path: "+path))
	require.NoError(t, b.SetLoggerYAML("level: OFF"))
	var got []string
	require.NoError(t, b.AddBatchConsumerFunc(func(_ context.Context, batch service.MessageBatch) error {
		for _, m := range batch {
			text, _ := m.AsBytes()
			got = append(got, string(text))
		}
		return nil
	}))
	stream, err := b.Build()
	require.NoError(t, err)
	require.NoError(t, stream.Run(t.Context()))
	require.Equal(t, []string{`{"email":"a@example.jp","memo":"x"}`, `{}`, `{"email":"b@example.jp","memo":"y"}`}, got)
}

func TestLint(t *testing.T) {
	linter := service.NewEnvironment().NewComponentConfigLinter()
	lints, err := linter.LintInputYAML([]byte("satori_export:\n  path: x\n  batch_size: 0\n  max_record_bytes: 10\n  encoding: sjis"))
	require.NoError(t, err)
	text := fmt.Sprint(lints)
	require.Contains(t, text, "batch_size must be at least 1")
	require.Contains(t, text, "max_record_bytes must be at least 1024")
	require.Contains(t, text, "sjis")
}

func BenchmarkRead(b *testing.B) {
	row := "1,person@example.co.jp,山田,太郎,やまだ,たろう,株式会社サンプル,営業部,課長,03-0000-0000,東京都千代田区千代田 1-1,\"メモ, \"\"引用\"\"\",Sansan,2026-04-01,承認\n"
	path := write(b, "id,email,last_name,first_name,a,b,lead_company_name,department,position,phone_number,address,memo,collection_route,collection_date,delivery_permission\n"+strings.Repeat(row, 10_000))
	for b.Loop() {
		conf := confOf(path)
		conf.batchSize = 5000
		in, err := open(conf)
		require.NoError(b, err)
		for {
			batch, _, err := in.ReadBatch(b.Context())
			if errors.Is(err, service.ErrEndOfInput) {
				break
			}
			runtime.KeepAlive(batch)
		}
		require.NoError(b, in.Close(b.Context()))
	}
	b.ReportMetric(float64(b.N)*10_000/b.Elapsed().Seconds(), "rows/s")
}
