package japanese

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
)

func TestHiragana(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"katakana", "ヤマダ タロウ", "やまだ たろう"},
		{"half width", "ﾔﾏﾀﾞ ﾀﾛｳ", "やまだ たろう"},
		{"half width, voiced and semi-voiced", "ﾜﾀﾅﾍﾞ ﾊﾟﾋﾟﾌﾟ", "わたなべ ぱぴぷ"},
		{"voiced as two characters", "カ\u3099キ\u3099ハ\u309a", "がぎぱ"},
		{"marks that stand alone", "カ゛ハ゜", "がぱ"},
		{"long vowel stays", "ジョージ・ルーカス", "じょーじ・るーかす"},
		{"half-width long vowel", "ｼﾞｮｰｼﾞ", "じょーじ"},
		{"vu", "ヴァン ｳﾞｨﾄﾝ", "ゔぁん ゔぃとん"},
		{"wa, wi, we, wo voiced", "ヷヸヹヺ", "わ\u3099ゐ\u3099ゑ\u3099を\u3099"},
		{"first, last and small", "ァアヲンヴヵヶ", "ぁあをんゔゕゖ"},
		{"iteration marks", "サヽキ スヾキ", "さゝき すゞき"},
		{"hiragana stays", "やまだ", "やまだ"},
		{"kanji, Latin in full width", "山田ＡＢ", "山田AB"},
		{"ideographic space", "ヤマダ　タロウ", "やまだ たろう"},
		{"unreadable", "ヤ●ダ", "や●だ"},
		{"middle dot is no katakana to turn", "ア・イ", "あ・い"},
		{"Ainu kana stay", "ㇰㇱ", "ㇰㇱ"},
		{"empty", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, Hiragana(test.in))
		})
	}
}

func TestNFKC(t *testing.T) {
	for in, want := range map[string]string{
		"ＡＢＣ１２３":     "ABC123",
		"ｶﾌﾞｼｷｶﾞｲｼｬ": "カブシキガイシャ",
		"㈱サンプル":      "(株)サンプル",
		"𠮷野家":        "𠮷野家",
		"髙橋﨑":        "髙橋﨑",
		"　":          " ",
		"●":          "●",
	} {
		require.Equal(t, want, NFKC(in))
	}
}

// The short way gives what the tables of Unicode give, for each of its characters
// alone, among others and before a mark it could be composed with.
func TestNFKCTheShortWay(t *testing.T) {
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if !isNormal(r) {
			continue
		}
		for _, s := range []string{string(r), string(r) + "\u3099", string(r) + "\u0301", "か" + string(r)} {
			if NFKC(s) != norm.NFKC.String(s) {
				t.Fatalf("%q: %q, want %q", s, NFKC(s), norm.NFKC.String(s))
			}
		}
	}
}

func TestNormalizePhone(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "03-1234-5678", "03-1234-5678"},
		{"not parted", "0312345678", "0312345678"},
		{"full width", "０３－１２３４－５６７８", "03-1234-5678"},
		{"minus sign", "０３−１２３４−５６７８", "03-1234-5678"},
		{"long-vowel marks as hyphens", "03ー1234ｰ5678", "03-1234-5678"},
		{"dashes", "03‐1234–5678", "03-1234-5678"},
		{"non-breaking hyphen, em dash, horizontal bar", "090‑1234—5678―9", "090-1234-5678-9"},
		{"brackets inside", "03(1234)5678", "03-1234-5678"},
		{"brackets in front", "(03)1234-5678", "03-1234-5678"},
		{"full-width brackets", "（０３）１２３４−５６７８", "03-1234-5678"},
		{"brackets and spaces", "(03) 1234 - 5678", "03-1234-5678"},
		{"spaces", "090 1234 5678", "090-1234-5678"},
		{"ideographic space around", "　03-1234-5678　", "03-1234-5678"},
		{"dots", "090.1234.5678", "090-1234-5678"},
		{"country code", "+81-3-1234-5678", "+81-3-1234-5678"},
		{"country code, spaces", "+81 3 1234 5678", "+81-3-1234-5678"},
		{"country code, domestic zero", "＋81 (0)3-1234-5678", "+81-3-1234-5678"},
		{"plus, then a space", "+ 81 3", "+81-3"},
		{"brackets around country code", "(+81)3-1234-5678", "+81-3-1234-5678"},
		{"zero width", "03-1234-\u200b5678\ufeff", "03-1234-5678"},
		{"line break", "03-1234\r\n-5678", "03-1234-5678"},
		{"hyphens at the ends", "-03-1234-5678-", "03-1234-5678"},
		{"unreadable", " 03-12●4-5678 ", "03-12●4-5678"},
		{"extension", "０３-1234-5678（内線１２）", "03-1234-5678(内線12)"},
		{"label", "TEL 03-1234-5678", "TEL 03-1234-5678"},
		{"two numbers", "03-1234-5678/5679", "03-1234-5678/5679"},
		{"plus inside", "03+1234", "03+1234"},
		{"words keep their long vowel", "フリーダイヤル", "フリーダイヤル"},
		{"only a hyphen", "－", "-"},
		{"words over two lines", "03-1234-5678\r\n内線 12", "03-1234-5678 内線 12"},
		{"empty", "", ""},
		{"space", "　", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, NormalizePhone(test.in))
		})
	}
}

func TestOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"":                 "",
		"東京都":              "東京都",
		"東京都\r\n千代田区\n1-1": "東京都 千代田区 1-1",
		"a\rb\tc\u2028d":   "a b c d",
		"\r\n a \n":        "a",
		"a  b":             "a  b",
		"a\x00\x1fb":       "a b",
		"　a　":              "a",
	} {
		require.Equal(t, want, OneLine(in), "%q", in)
	}
}

func TestTruncate(t *testing.T) {
	tests := []struct {
		in   string
		n    int
		want string
	}{
		{"展示会2026", 3, "展示会"},
		{"展示会", 3, "展示会"},
		{"展示会", 4, "展示会"},
		{"展示会", 0, ""},
		{"展示会", -1, ""},
		{"", 5, ""},
		{"𠮷野家", 1, "𠮷"},
		{"か\u3099き", 1, ""},
		{"か\u3099き", 2, "か\u3099"},
		{"aｶﾞb", 2, "a"},
		{"a👨‍👩‍👧b", 3, "a"},
		{"a👨‍👩‍👧b", 6, "a👨‍👩‍👧"},
		{"👍🏽b", 1, ""},
		{"👍🏽b", 2, "👍🏽"},
		{"🇯🇵🇫🇷", 1, ""},
		{"🇯🇵🇫🇷", 2, "🇯🇵"},
		{"🇯🇵🇫🇷", 3, "🇯🇵"},
		{"葛\U000e0100城", 1, ""},
		{"葛\U000e0100城", 2, "葛\U000e0100"},
	}
	for _, test := range tests {
		require.Equal(t, test.want, Truncate(test.in, test.n), "%q to %d", test.in, test.n)
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"", "ﾜﾀﾅﾍﾞ", "カ゛", "ヷﾞ", "\xff\xfe", "a\r\nb", "🇯🇵🇫🇷👨‍👩‍👧", "⁻１", "(03)1", "+81 (0)3"} {
		f.Add(s, 2)
	}
	f.Fuzz(func(t *testing.T, s string, n int) {
		hiragana := Hiragana(s)
		require.Equal(t, hiragana, Hiragana(hiragana))
		require.Equal(t, norm.NFKC.String(s), NFKC(s))
		for _, r := range hiragana {
			require.False(t, r >= 'ァ' && r <= 'ヺ', "%q", r)
		}

		phone := NormalizePhone(s)
		require.Equal(t, phone, NormalizePhone(phone))
		digits := func(s string) string {
			return strings.Map(func(r rune) rune {
				if r >= '0' && r <= '9' {
					return r
				}
				return -1
			}, s)
		}
		require.True(t, digits(phone) == digits(norm.NFKC.String(s)) || strings.Contains(norm.NFKC.String(s), "(0)"), "no digit is lost")

		line := OneLine(s)
		require.Equal(t, line, OneLine(line))
		require.False(t, strings.ContainsAny(line, "\r\n\t\x00"))

		cut := Truncate(s, n)
		require.True(t, strings.HasPrefix(s, cut))
		require.LessOrEqual(t, utf8.RuneCountInString(cut), max(n, 0))
	})
}
