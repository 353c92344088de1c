package ledger

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzDecodeValues: the short way reads what encoding/json reads, and refuses
// what it refuses.
func FuzzDecodeValues(f *testing.F) {
	for _, text := range []string{
		`{}`, `{ }`, `{"a":"b"}`, `{"a": "b", "c": 1.5, "d": "e"}`, `{"a":[1,2]}`, `null`, `{"a":null}`, `{"a":"b\"c"}`, `{"a":"b`, `{"a"}`, `{`, `}`, ``,
		`{"a":01}`, `{"a":-}`, `{"a":1e999}`, `{"a":1,}`, `{,}`, `{"a":"b"}}`, "{\"a\":\"\xff\"}", "{\"a\":\"\n\"}", `{"a":"b" "c":1}`, `{"a":1e5,"a":2}`, `{"a":NaN}`, `{"a":0x1}`, `{"a":1_0}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var want, got Values
		wantErr, gotErr := json.Unmarshal(text, &want), decodeValues(text, &got)
		if (wantErr == nil) != (gotErr == nil) {
			t.Fatalf("%q: %v instead of %v", text, gotErr, wantErr)
		}
		if wantErr == nil {
			require.Equal(t, want, got)
		}
		var wantCards, gotCards Cards
		wantErr, gotErr = json.Unmarshal(text, &wantCards), decodeCards(text, &gotCards)
		require.Equal(t, wantErr == nil, gotErr == nil, "%q", text)
		if wantErr == nil {
			require.Equal(t, wantCards, gotCards)
		}
	})
}

// FuzzEncodeValues: what is written is read again.
func FuzzEncodeValues(f *testing.F) {
	f.Add("name", "value", 1.5)
	f.Add(`"quoted"`, "\x00\\u0000\\\x00", math.MaxFloat64)
	f.Add("\xff", "日本語\u2028<>&", -0.0)
	f.Fuzz(func(t *testing.T, name, value string, number float64) {
		if math.IsNaN(number) || math.IsInf(number, 0) {
			t.Skip()
		}
		text, err := encodeValues(Values{name: value, name + "n": number, name + "l": []any{value}})
		require.NoError(t, err)
		require.True(t, json.Valid([]byte(text)), text)
		clean := func(s string) string { return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "") }
		var got Values
		require.NoError(t, decodeValues([]byte(text), &got))
		if !strings.ContainsRune(clean(name), '\ufffd') && !strings.ContainsRune(clean(value), '\ufffd') {
			require.Equal(t, Values{clean(name): clean(value), clean(name) + "n": number, clean(name) + "l": []any{clean(value)}}, got)
		}
		cards := encodeCards(Cards{name: value})
		require.True(t, json.Valid([]byte(cards)), cards)
	})
}

func TestUnencodableIsAnError(t *testing.T) {
	_, err := encodeValues(Values{"bad": math.NaN()})
	require.ErrorContains(t, err, "bad")
}

func TestArrayListQuotes(t *testing.T) {
	require.Equal(t, `{"a","b\"c","d\\e","{,}"}`, arrayList([]Key{"a", `b"c`, `d\e`, "{,}"}))
	require.Equal(t, `{}`, arrayList(nil))
	require.Equal(t, `["a","b\"c"]`, jsonList([]Key{"a", `b"c`}))
}
