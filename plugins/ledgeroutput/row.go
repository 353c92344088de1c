package ledgeroutput

import (
	"errors"
	"fmt"
	"strings"

	"github.com/redpanda-data/benthos/v4/public/service"

	"sansansatori/plugins/japanese"
	"sansansatori/plugins/ledger"
)

// Metadata that tells a row's place: of satori_export, and of the stock csv
// scanner, which counts from 0 and not the header.
const (
	metaLine   = "line"
	metaCSVRow = "csv_row"
)

const (
	itemEmail      = "email"
	itemPermission = "delivery_permission" // 配信許可
)

// row is one customer of an export.
type row struct {
	key     ledger.Key
	held    ledger.Values
	missing []string // readable items the row has no column for
}

// rowOf keeps of a row what the link may read. Errors name no value.
func rowOf(m *service.Message, readable []string) (r row, err error) {
	if err = m.GetError(); err != nil {
		return
	}
	content, err := m.AsStructured()
	if err != nil {
		return r, errors.New("the row is not JSON")
	}
	cells, ok := content.(map[string]any)
	if !ok {
		return r, errors.New("the row is not an object: the header must give the item names")
	}
	text, _ := cells[itemEmail].(string)
	email := japanese.NormalizeEmail(text)
	switch {
	case email == "":
		return r, errors.New("no e-mail address")
	case !japanese.ValidEmail(email):
		return r, errors.New("malformed e-mail address")
	}
	r.key = ledger.KeyOf(email)
	r.held = make(ledger.Values, len(readable))
	for _, name := range readable {
		value, ok := cells[name]
		switch {
		case !ok:
			r.missing = append(r.missing, name)
		case value != nil && value != "":
			r.held[name] = asWritten(name, value)
		}
	}
	return r, nil
}

// asWritten gives an exported value as a link would have written it.
func asWritten(name string, value any) any {
	text, ok := value.(string)
	if !ok || name != itemPermission {
		return value
	}
	switch strings.TrimSpace(text) {
	case "承認":
		return "approval"
	case "拒否":
		return "reject"
	}
	return value
}

// placeOf says where in the file a message stood; its place in the batch is the
// least it has.
func placeOf(m *service.Message, index int) string {
	if line, ok := m.MetaGet(metaLine); ok {
		return "line " + line
	}
	if n, ok := m.MetaGet(metaCSVRow); ok {
		return "row " + n + " (the first is 0)"
	}
	return fmt.Sprintf("message %d of its batch", index+1)
}
