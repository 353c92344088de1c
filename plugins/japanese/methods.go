package japanese

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/redpanda-data/benthos/v4/public/bloblang"
)

// Category under which the documentation lists the methods.
const category = "Japanese text"

func init() {
	register("nfkc", NFKC, "Normalises a text to NFKC: full-width letters, digits and signs become half-width, half-width katakana become full-width.",
		"ＡＢＣ　１２３ ｶﾌﾞｼｷ", "ABC 123 カブシキ")
	register("katakana_to_hiragana", Hiragana, "Normalises a reading to NFKC and gives its katakana in hiragana; the long-vowel mark stays.",
		"ﾜﾀﾅﾍﾞ", "わたなべ")
	register("normalize_email", NormalizeEmail, "Gives the one spelling of an e-mail address: half-width, lower case, without invisible characters and surrounding space. What is no address stays as text; `satori_output` judges it.",
		"　Yamada＠Example.CO.JP", "yamada@example.co.jp")
	register("normalize_phone", NormalizePhone, "Gives a phone number in half-width digits parted by hyphens. A text that holds anything else, such as an unreadable ●, is only normalised to NFKC and trimmed.",
		"（０３）１２３４−５６７８", "03-1234-5678")
	register("one_line", OneLine, "Puts a text on one line: a run of line breaks, tabs and other control characters becomes one space. Space at both ends goes.",
		"東京都\r\n千代田区", "東京都 千代田区")
	bloblang.MustRegisterMethodV2("truncate_chars", bloblang.NewPluginSpec().
		Category(category).
		Description("Cuts a text to at most `length` characters, never within what a reader sees as one character. Null becomes an empty text.").
		Param(bloblang.NewInt64Param("length").Description("The largest number of characters (code points) to keep.")).
		Example("", `root.memo = this.memo.truncate_chars(3)`, [2]string{`{"memo":"展示会2026"}`, `{"memo":"展示会"}`}),
		newTruncate)
}

// register adds a method that turns a text into a text. Null becomes "", so
// that a card's absent item needs no care; a number is taken as it is written.
func register(name string, f func(string) string, description, in, out string) {
	spec := bloblang.NewPluginSpec().
		Category(category).
		Description(description+" Null becomes an empty text.").
		Example("", "root.text = this.text."+name+"()", example("text", in, out))
	bloblang.MustRegisterMethodV2(name, spec, func(*bloblang.ParsedParams) (bloblang.Method, error) {
		return func(v any) (any, error) {
			s, err := textOf(v)
			if err != nil {
				return nil, err
			}
			return f(s), nil
		}, nil
	})
}

func example(item, in, out string) [2]string {
	quote := func(s string) string {
		b, _ := json.Marshal(map[string]string{item: s}) // a map of strings always encodes
		return string(b)
	}
	return [2]string{quote(in), quote(out)}
}

func newTruncate(args *bloblang.ParsedParams) (bloblang.Method, error) {
	length, err := args.GetInt64("length")
	if err != nil {
		return nil, err
	}
	if length < 0 {
		return nil, fmt.Errorf("length must not be negative, it is %d", length)
	}
	return func(v any) (any, error) {
		s, err := textOf(v)
		if err != nil {
			return nil, err
		}
		return Truncate(s, int(length)), nil
	}, nil
}

// textOf reads a scalar as text. Sansan promises strings and null; a number or
// boolean is kept rather than failing the card.
func textOf(v any) (string, error) {
	switch t := v.(type) {
	case nil:
		return "", nil
	case string:
		return t, nil
	case []byte:
		return string(t), nil
	case json.Number:
		return t.String(), nil
	case int64:
		return strconv.FormatInt(t, 10), nil
	case int:
		return strconv.Itoa(t), nil
	case uint64:
		return strconv.FormatUint(t, 10), nil
	case float64:
		return strconv.FormatFloat(t, 'f', -1, 64), nil
	case bool:
		return strconv.FormatBool(t), nil
	}
	return "", fmt.Errorf("expected a text, got %s", kindOf(v))
}

// kindOf names the type of a value and never shows the value: it may be personal.
func kindOf(v any) string {
	switch v.(type) {
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return fmt.Sprintf("%T", v)
}
