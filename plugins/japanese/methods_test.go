package japanese

import (
	"encoding/json"
	"testing"

	"github.com/redpanda-data/benthos/v4/public/bloblang"
	"github.com/stretchr/testify/require"
)

func TestMethods(t *testing.T) {
	tests := []struct {
		mapping string
		in      any
		want    any
	}{
		{`root = this.nfkc()`, "Ａ", "A"},
		{`root = this.katakana_to_hiragana()`, "ﾔﾏﾀﾞ", "やまだ"},
		{`root = this.normalize_email()`, "Ａ＠Ｂ．ＪＰ", "a@b.jp"},
		{`root = this.normalize_phone()`, "０３ー１", "03-1"},
		{`root = this.one_line()`, "a\r\nb", "a b"},
		{`root = this.truncate_chars(2)`, "展示会", "展示"},
		{`root = this.truncate_chars(length: 2)`, nil, ""},
		{`root = this.nfkc()`, nil, ""},
		{`root = this.normalize_email()`, nil, ""},
		{`root = this.normalize_phone()`, json.Number("0312345678"), "0312345678"},
		{`root = this.normalize_phone()`, int64(312345678), "312345678"},
		{`root = this.nfkc()`, 1e6, "1000000"},
		{`root = this.nfkc()`, true, "true"},
		{`root = this.nfkc()`, []byte("Ａ"), "A"},
		{`root = this.absent.nfkc()`, map[string]any{}, ""},
	}
	for _, test := range tests {
		mapping, err := bloblang.Parse(test.mapping)
		require.NoError(t, err)
		got, err := mapping.Query(test.in)
		require.NoError(t, err, test.mapping)
		require.Equal(t, test.want, got, "%s of %v", test.mapping, test.in)
	}
}

func TestMethodErrors(t *testing.T) {
	_, err := bloblang.Parse(`root = this.truncate_chars(-1)`)
	require.ErrorContains(t, err, "length must not be negative")

	for _, method := range []string{"nfkc", "katakana_to_hiragana", "normalize_email", "normalize_phone", "one_line"} {
		mapping, err := bloblang.Parse(`root = this.` + method + `()`)
		require.NoError(t, err)
		_, err = mapping.Query([]any{"秘密"})
		require.ErrorContains(t, err, "expected a text, got a list")
		require.NotContains(t, err.Error(), "秘密", "a value never stands in an error")
	}
}

func BenchmarkMethods(b *testing.B) {
	for name, in := range map[string]string{
		"normalize_email": "yamada@example.co.jp", "normalize_phone": "03-1234-5678",
		"nfkc": "東京都千代田区千代田 1-1 サンプルビル 2F", "katakana_to_hiragana": "ヤマダ",
	} {
		b.Run(name, func(b *testing.B) {
			mapping, err := bloblang.Parse(`root = this.` + name + `()`)
			require.NoError(b, err)
			for b.Loop() {
				_, _ = mapping.Query(in)
			}
		})
	}
}
