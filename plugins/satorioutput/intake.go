package satorioutput

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"

	"sansansatori/plugins/decide"
	"sansansatori/plugins/items"
	"sansansatori/plugins/japanese"
	"sansansatori/plugins/ledger"
)

// Metadata that sansan_input gives each card, and the items that are special.
const (
	metaCardID      = "sansan_card_id"
	metaUpdatedTime = "sansan_updated_time"
	metaSequence    = "sansan_sequence"

	itemEmail      = "email"
	itemTags       = "append_tags"
	itemDeleteTags = "delete_tags"
	itemRoute      = "collection_route"
)

// call is one WriteBatch that waits for its messages' results.
type call struct {
	results []error
	left    int
	done    chan struct{}
	gone    bool // it waits no longer
}

// waiting is one message of a call on its way to a decision.
type waiting struct {
	*decide.Card
	email   string
	call    *call
	index   int
	updated time.Time
	page    page
	arrived time.Time
}

// page says which page of which reader a card came with.
type page struct {
	reader string
	number int64
	last   bool // of a run
}

func pageOf(m *service.Message) page {
	text, ok := m.MetaGet(metaSequence)
	if !ok {
		return page{}
	}
	reader, number, ok := strings.Cut(text, "/")
	number, last := strings.CutSuffix(number, "/last")
	n, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil {
		return page{}
	}
	return page{reader, n, last}
}

// intake makes a waiting card of a message. A customer that cannot exist gives
// an entry for the journal instead, with an error unless it is acknowledged.
func intake(m *service.Message, checker *items.Checker) (*waiting, *entry, error) {
	w := &waiting{Card: &decide.Card{}}
	w.ID, _ = m.MetaGet(metaCardID)
	if text, ok := m.MetaGet(metaUpdatedTime); ok {
		w.updated, _ = time.Parse(time.RFC3339, text)
	}
	w.page = pageOf(m)
	e := &entry{card: w.ID}

	content, err := m.AsStructured()
	if failed := m.GetError(); failed != nil {
		if card, ok := content.(map[string]any); ok {
			text, _ := card[itemEmail].(string)
			e.email = japanese.NormalizeEmail(text)
		}
		why := fmt.Errorf("a processor failed: %w", failed)
		return nil, e.failed(why.Error()), fmt.Errorf("satori: invalid: %w", why)
	}
	if err != nil {
		return nil, e.failed("the customer is not JSON"), fmt.Errorf("satori: invalid: the customer is not JSON")
	}
	customer, ok := content.(map[string]any)
	if !ok {
		return nil, e.failed("the customer is not an object"), errors.New("satori: invalid: the customer is not an object")
	}
	text, _ := customer[itemEmail].(string)
	w.email = japanese.NormalizeEmail(text)
	e.email = w.email
	switch {
	case w.email == "":
		e.action, e.reason = decide.Invalid, decide.ReasonNoEmail
		return nil, e, nil
	case !japanese.ValidEmail(w.email):
		e.action, e.reason = decide.Invalid, decide.ReasonMalformedEmail
		return nil, e, nil
	}
	w.Key = ledger.KeyOf(w.email)
	w.Items = customer
	cells := make([]decide.Cell, 0, len(customer))
	for name, value := range customer {
		cell, err := checker.Cell(name, value)
		if err != nil {
			return nil, e.failed(err.Error()), fmt.Errorf("satori: invalid: %w", err)
		}
		switch {
		case name == itemEmail:
			cells = append(cells, decide.Cell{Item: itemEmail, Text: w.email})
		case cell == "":
		case name == itemTags:
			w.Tags = tagsOf(value)
		default:
			cells = append(cells, decide.Cell{Item: name, Text: cell})
		}
	}
	w.Cells = decide.CellsOf(cells)
	w.Digest = decide.DigestOf(w.Cells, w.Tags)
	return w, nil, nil
}

func (e *entry) failed(why string) *entry {
	e.action, e.reason = decide.Failed, why
	return e
}

// tagsOf reads what the checker has passed: a list of strings, or one string.
func tagsOf(value any) []string {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []string:
		return v
	case []any:
		tags := make([]string, 0, len(v))
		for _, tag := range v {
			if s, _ := tag.(string); s != "" {
				tags = append(tags, s)
			}
		}
		return tags
	}
	return nil
}

// names of the items a row carries, in order.
func names(cells decide.Cells, tags []string) []string {
	list := make([]string, 0, len(cells)+1)
	for _, cell := range cells {
		list = append(list, cell.Item)
	}
	if len(tags) > 0 {
		at, _ := slices.BinarySearch(list, itemTags)
		list = slices.Insert(list, at, itemTags)
	}
	return list
}
