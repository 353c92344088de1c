package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// A group travels to the database as one JSON parameter: few statements,
// whatever the number of customers.

// keyList is a group of keys: sorted, so that processes lock in one order and
// neighbours in the table are visited together, and each once.
func keyList(keys []Key) []Key {
	sorted := slices.Clone(keys)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

func encodeKeys(sorted []Key) (string, error) {
	return encode(sorted)
}

// encodeIntents gives the intents in order of key; a customer may be in a
// request once only.
func encodeIntents(intents []Intent) (string, error) {
	sorted := slices.Clone(intents)
	slices.SortFunc(sorted, func(a, b Intent) int { return strings.Compare(string(a.Key), string(b.Key)) })
	for i := range sorted {
		if i > 0 && sorted[i-1].Key == sorted[i].Key {
			return "", fmt.Errorf("customer %s is twice in one request", sorted[i].Key)
		}
		sorted[i] = filled(sorted[i])
	}
	return encode(sorted)
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

type importRow struct {
	Key  Key    `json:"key"`
	Held Values `json:"held"`
}

// encodeImported gives the customers in order of key; of two lines for one
// customer the later holds.
func encodeImported(customers []Imported) (string, error) {
	last := make(map[Key]int, len(customers))
	for i, c := range customers {
		last[c.Key] = i
	}
	rows := make([]importRow, 0, len(last))
	for i, c := range customers {
		if last[c.Key] != i {
			continue
		}
		row := importRow{Key: c.Key, Held: c.Held}
		if row.Held == nil {
			row.Held = Values{}
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b importRow) int { return strings.Compare(string(a.Key), string(b.Key)) })
	return encode(rows)
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

func decodeIntent(payload []byte) (*Intent, error) {
	var i Intent
	if err := json.Unmarshal(payload, &i); err != nil {
		return nil, fmt.Errorf("decoding an intent: %w", unusable("an intent is not readable JSON"))
	}
	return &i, nil
}

func decodeCustomer(held, applied []byte) (*Customer, error) {
	c := &Customer{Known: true}
	if err := json.Unmarshal(held, &c.Held); err != nil {
		return nil, fmt.Errorf("decoding held values: %w", unusable("a customer is not readable JSON"))
	}
	if err := json.Unmarshal(applied, &c.Applied); err != nil {
		return nil, fmt.Errorf("decoding applied cards: %w", unusable("a customer is not readable JSON"))
	}
	return c, nil
}
