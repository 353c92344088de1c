package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// keyList is a group of keys: sorted, so that processes lock in one order and
// neighbours in the index are visited together, and each once.
func keyList(keys []Key) []Key {
	sorted := slices.Clone(keys)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// jsonList is a list for SQLite.
func jsonList(keys []Key) string {
	buf := make([]byte, 0, 2+len(keys)*67)
	buf = append(buf, '[')
	for i, k := range keys {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = appendString(buf, string(k))
	}
	return string(append(buf, ']'))
}

// arrayList is a list for PostgreSQL.
func arrayList(keys []Key) string {
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	var out strings.Builder
	out.Grow(2 + len(keys)*67)
	out.WriteByte('{')
	for i, k := range keys {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('"')
		_, _ = quote.WriteString(&out, string(k)) // a Builder takes all
		out.WriteByte('"')
	}
	out.WriteByte('}')
	return out.String()
}

// sortedIntents gives the intents in order of key, with empty maps where there
// were none. A customer may be in a request once only.
func sortedIntents(intents []Intent) ([]Intent, error) {
	sorted := slices.Clone(intents)
	slices.SortFunc(sorted, func(a, b Intent) int { return strings.Compare(string(a.Key), string(b.Key)) })
	for i := range sorted {
		if i > 0 && sorted[i-1].Key == sorted[i].Key {
			return nil, fmt.Errorf("customer %s is twice in one request", sorted[i].Key)
		}
		sorted[i] = filled(sorted[i])
	}
	return sorted, nil
}

// filled has empty maps where there were none: SQL merges objects, not nulls.
func filled(i Intent) Intent {
	if i.Held == nil {
		i.Held = Values{}
	}
	if i.Cards == nil {
		i.Cards = Cards{}
	}
	if i.Prior != nil {
		prior := filled(*i.Prior)
		prior.Key = i.Key
		i.Prior = &prior
	}
	return i
}

// sortedImport gives the customers in order of key; of two lines for one
// customer the later holds.
func sortedImport(customers []Imported) []Imported {
	sorted := slices.Clone(customers)
	slices.Reverse(sorted)
	slices.SortStableFunc(sorted, func(a, b Imported) int { return strings.Compare(string(a.Key), string(b.Key)) })
	sorted = slices.CompactFunc(sorted, func(a, b Imported) bool { return a.Key == b.Key })
	for i := range sorted {
		if sorted[i].Held == nil {
			sorted[i].Held = Values{}
		}
	}
	return sorted
}

// encode is json.Marshal without U+0000, which PostgreSQL's jsonb cannot hold.
// A lost NUL makes a value look changed at worst, and SATORI's items hold none.
func encode(v any) (string, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", fmt.Errorf("encoding for the ledger: %w", err)
	}
	return withoutNUL(strings.TrimSuffix(buf.String(), "\n")), nil
}

// withoutNUL drops the escape of U+0000 from JSON text. A backslash that is
// itself escaped does not begin one.
func withoutNUL(text string) string {
	const nul = `\u0000`
	if !strings.Contains(text, nul) {
		return text
	}
	var out strings.Builder
	out.Grow(len(text))
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] != '\\':
			out.WriteByte(text[i])
		case strings.HasPrefix(text[i:], nul):
			i += len(nul) - 1
		default: // any other escape: this byte and the one it escapes
			out.WriteString(text[i : i+2])
			i++
		}
	}
	return out.String()
}

// The rest does for the flat objects of this package what encoding/json does
// for any, at a third of its time: a group has ten thousand of them.

// encodeValues gives a JSON object, its members in no order.
func encodeValues(v Values) (string, error) {
	buf := append(make([]byte, 0, 64*len(v)+2), '{')
	for name, value := range v {
		if len(buf) > 1 {
			buf = append(buf, ',')
		}
		buf = append(appendString(buf, name), ':')
		switch value := value.(type) {
		case string:
			buf = appendString(buf, value)
		case bool:
			buf = strconv.AppendBool(buf, value)
		case nil:
			buf = append(buf, "null"...)
		default:
			text, err := encode(value)
			if err != nil {
				return "", fmt.Errorf("item %s: %w", name, err)
			}
			buf = append(buf, text...)
		}
	}
	return string(append(buf, '}')), nil
}

// encodeCards gives a JSON object, its members in no order.
func encodeCards(c Cards) string {
	buf := append(make([]byte, 0, 96*len(c)+2), '{')
	for id, digest := range c {
		if len(buf) > 1 {
			buf = append(buf, ',')
		}
		buf = append(appendString(buf, id), ':')
		buf = appendString(buf, digest)
	}
	return string(append(buf, '}'))
}

// appendString appends a JSON string; what needs an escape goes the long way.
func appendString(buf []byte, s string) []byte {
	if !plain(s) || !utf8.ValidString(s) {
		text, _ := encode(s) // a string can always be encoded
		return append(buf, text...)
	}
	buf = append(buf, '"')
	buf = append(buf, s...)
	return append(buf, '"')
}

// plain reports whether s stands in JSON as it is.
func plain[T string | []byte](s T) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// decodeValues reads a JSON object; null leaves it nil.
func decodeValues(text []byte, to *Values) error {
	v := make(Values, 16)
	ok := flatObject(text, func(name string, value []byte) bool {
		if value[0] == '"' {
			v[name] = string(value[1 : len(value)-1])
			return true
		}
		f, err := strconv.ParseFloat(string(value), 64)
		v[name] = f
		return err == nil && json.Valid(value)
	})
	if !ok {
		return json.Unmarshal(text, to)
	}
	*to = v
	return nil
}

// decodeCards reads a JSON object of strings; null leaves it nil.
func decodeCards(text []byte, to *Cards) error {
	c := make(Cards, 1)
	ok := flatObject(text, func(id string, digest []byte) bool {
		if digest[0] != '"' {
			return false
		}
		c[id] = string(digest[1 : len(digest)-1])
		return true
	})
	if !ok {
		return json.Unmarshal(text, to)
	}
	*to = c
	return nil
}

// flatObject calls member with each name and value of an object that holds
// strings without escapes and numbers only; false for any other text, which
// encoding/json has to judge. A string value comes with its quotes.
func flatObject(text []byte, member func(name string, value []byte) bool) bool {
	if len(text) < 2 || text[0] != '{' || text[len(text)-1] != '}' || !utf8.Valid(text) {
		return false
	}
	rest := skipSpace(text[1:])
	if len(rest) == 1 {
		return true
	}
	for {
		name, after, ok := cutString(rest)
		if !ok {
			return false
		}
		after = skipSpace(after)
		if after[0] != ':' {
			return false
		}
		rest = skipSpace(after[1:])
		var value []byte
		if value, rest, ok = cutScalar(rest); !ok || !member(string(name[1:len(name)-1]), value) {
			return false
		}
		rest = skipSpace(rest)
		if len(rest) == 1 { // the last byte of text
			return true
		}
		if rest[0] != ',' {
			return false
		}
		rest = skipSpace(rest[1:])
	}
}

// cutString takes a string without escapes, quotes included. What is left is
// never empty.
func cutString(text []byte) (s, rest []byte, ok bool) {
	if text[0] != '"' {
		return nil, nil, false
	}
	end := bytes.IndexByte(text[1:], '"') + 2
	if end < 2 || end == len(text) || !plain(text[1:end-1]) {
		return nil, nil, false
	}
	return text[:end], text[end:], true
}

// cutScalar takes a string without escapes or what may be a number.
func cutScalar(text []byte) (s, rest []byte, ok bool) {
	if text[0] == '"' {
		return cutString(text)
	}
	end := bytes.IndexAny(text, ",} ")
	if end < 1 || (text[0] != '-' && (text[0] < '0' || text[0] > '9')) {
		return nil, nil, false
	}
	return text[:end], text[end:], true
}

// skipSpace leaves one byte at least: text ends with a brace.
func skipSpace(text []byte) []byte {
	for len(text) > 1 && text[0] == ' ' {
		text = text[1:]
	}
	return text
}
