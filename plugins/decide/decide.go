// Package decide says what is to be done with each customer that waits to be
// written. It is a pure function of the ledger and the waiting cards: the real
// run, the dry run and the property tests share it.
//
// For one e-mail address the outcome equals handling its cards one by one in
// the order given (ascending updatedTime), whatever was gathered together.
package decide

import (
	"fmt"
	"maps"
	"slices"

	"sansansatori/plugins/ledger"
)

// Actions of the journal.
const (
	Register = "register"
	Upsert   = "upsert"
	Skip     = "skip"
	Invalid  = "invalid"
	Failed   = "failed"
)

// Reasons of the journal; for a failed one it is what SATORI said.
const (
	ReasonNew            = "new"
	ReasonChanged        = "changed"
	ReasonUnchanged      = "unchanged"
	ReasonOlder          = "older"
	ReasonExists         = "exists"
	ReasonNoEmail        = "no_email"
	ReasonMalformedEmail = "malformed_email"
)

// Card is one waiting customer: what one business card (名刺) became.
type Card struct {
	Key    ledger.Key
	ID     string         // Sansan's card id; may be empty
	Items  map[string]any // by SATORI item name, for the overwrite rule
	Cells  Cells          // the same as they are sent
	Tags   []string       // append_tags
	Digest string         // of the form in which it is sent
	// Alone keeps the card out of a row with others: its row was refused once
	// and it is not known for whose sake.
	Alone bool
}

// Verdict is what the overwrite rule (登録の挙動) says of a card.
type Verdict struct {
	Action string // Register, Upsert or Skip
	Reason string // optional, for Skip
}

// Rule is the overwrite rule. existing is nil when nothing is known.
type Rule func(incoming, existing map[string]any) (Verdict, error)

// Decision is the answer for one card that is not written now.
type Decision struct {
	Card   *Card
	Action string
	Reason string
	Err    error // the rule itself failed
}

// Row is one customer to be written, made of one card or several.
type Row struct {
	Key   ledger.Key
	Verb  string // "registration" or "upsert"
	Cells Cells  // a single card's own: not to be changed
	Tags  []string
	// Cards, and what the journal says of each once the row is written.
	Cards     []*Card
	Decisions []Decision
	// Yields are cards that give way to this row. They count only if the row is
	// accepted; if it is not, they have to be decided anew.
	Yields []Decision
	Held   ledger.Values
	Prior  *ledger.Intent
}

// Intent is the row as the ledger notes it before it is sent.
func (r *Row) Intent(position int) ledger.Intent {
	cards := make(ledger.Cards, len(r.Cards))
	for _, c := range r.Cards {
		cards[c.ID] = c.Digest
	}
	return ledger.Intent{Key: r.Key, Row: position, Verb: r.Verb, Held: r.Held, Cards: cards, Prior: r.Prior}
}

// Result of a group. Later holds cards, in order, that must wait until the rows
// of their e-mail are settled.
type Result struct {
	Settled []Decision
	Rows    []*Row
	Later   []*Card
}

// Verbs as SATORI's paths have them.
const (
	VerbRegistration = "registration"
	VerbUpsert       = "upsert"
)

// Group decides for cards in the order given. known are their customers as the
// ledger has them. readable says which items the rule may see.
func Group(cards []*Card, known map[ledger.Key]*ledger.Customer, rule Rule, readable func(string) bool) Result {
	var res Result
	open := make(map[ledger.Key]*writing, len(cards))
	for _, card := range cards {
		w, seen := open[card.Key]
		if !seen {
			w = newWriting(card.Key, known[card.Key], readable)
			open[card.Key] = w
		}
		if w.blocked {
			res.Later = append(res.Later, card)
			continue
		}
		d, verb := w.judge(card, rule)
		switch {
		case verb == "" && d.Action == Skip && d.Reason != ReasonUnchanged && w.row != nil:
			w.row.Yields = append(w.row.Yields, d)
		case verb == "":
			res.Settled = append(res.Settled, d)
		case w.row == nil:
			w.begin(card, verb, d)
			res.Rows = append(res.Rows, w.row)
		case !w.mergeable(card, verb):
			w.blocked = true
			res.Later = append(res.Later, card)
		default:
			w.merge(card, verb, d)
		}
	}
	return res
}

// writing follows one customer through a group.
type writing struct {
	key      ledger.Key
	customer ledger.Customer
	readable func(string) bool
	existing map[string]any // nil: nothing is known
	row      *Row
	blocked  bool // later cards of this customer wait
}

func newWriting(key ledger.Key, c *ledger.Customer, readable func(string) bool) *writing {
	w := &writing{key: key, readable: readable}
	if c == nil {
		return w
	}
	w.customer = *c
	if c.Known {
		w.existing = map[string]any{}
		w.hold(c.Held)
	}
	if c.Open != nil {
		if w.existing == nil {
			w.existing = map[string]any{}
		}
		w.hold(c.Open.Held) // what may have been written counts as held
	}
	return w
}

func (w *writing) hold(v ledger.Values) {
	for name, value := range v {
		if w.readable(name) && !Blank(value) {
			w.existing[name] = value
		}
	}
}

// judge gives the verb to send, or none and the decision that settles the card.
func (w *writing) judge(card *Card, rule Rule) (Decision, string) {
	d := Decision{Card: card}
	if digest, ok := w.customer.Applied[card.ID]; ok && digest == card.Digest && !w.inOpen(card) {
		d.Action, d.Reason = Skip, ReasonUnchanged
		return d, ""
	}
	d.Reason = ReasonChanged
	if w.existing == nil {
		d.Reason = ReasonNew
	}
	if w.row == nil && w.inOpen(card) {
		// The very write whose outcome nobody learnt: repeat it as it was.
		d.Action = actionOf(w.customer.Open.Verb)
		if !w.customer.Known {
			d.Reason = ReasonNew
		}
		return d, w.customer.Open.Verb
	}
	v, err := rule(card.Items, w.existing)
	if err != nil {
		d.Action, d.Err = Failed, fmt.Errorf("overwrite rule: %w", err)
		return d, ""
	}
	switch v.Action {
	case Register:
		d.Action = Register
		return d, VerbRegistration
	case Upsert:
		d.Action = Upsert
		return d, VerbUpsert
	case Skip:
		if w.possibleOnly() {
			// Perhaps SATORI never got the write this would yield to:
			// registering creates the customer, or touches no value of it.
			d.Action = Register
			return d, VerbRegistration
		}
		d.Action, d.Reason = Skip, v.Reason
		if d.Reason == "" {
			d.Reason = skipReason(card.Items, w.existing)
		}
		return d, ""
	}
	d.Action, d.Err = Failed, fmt.Errorf(`overwrite rule: it gave %q, not "register", "upsert" or "skip"`, v.Action)
	return d, ""
}

func (w *writing) inOpen(card *Card) bool {
	if w.customer.Open == nil {
		return false
	}
	digest, ok := w.customer.Open.Cards[card.ID]
	return ok && digest == card.Digest
}

// possibleOnly: all that is known of the customer is an unconfirmed write.
func (w *writing) possibleOnly() bool {
	return w.row == nil && w.customer.Open != nil && !w.customer.Known
}

func (w *writing) begin(card *Card, verb string, d Decision) {
	w.row = &Row{
		Key: w.key, Verb: verb, Cells: card.Cells, Tags: card.Tags,
		Cards: []*Card{card}, Decisions: []Decision{d}, Prior: w.customer.Open,
	}
	w.apply(card, verb)
	w.blocked = card.Alone
}

// mergeable: one row can stand for the cards so far and this one.
func (w *writing) mergeable(card *Card, verb string) bool {
	switch {
	case card.Alone:
		return false
	case verb == w.row.Verb:
		return true
	case w.row.Verb == VerbRegistration && !w.customer.Known && w.customer.Open == nil:
		// A new customer: creating it with the newest values ends as creating and
		// overwriting would. One that SATORI holds unknown to the ledger is
		// left as it is.
		return true
	}
	return false
}

func (w *writing) merge(card *Card, verb string, d Decision) {
	if len(w.row.Cards) == 1 { // until now the row had the card's own
		w.row.Cells, w.row.Tags = slices.Clone(w.row.Cells), slices.Clone(w.row.Tags)
	}
	for _, cell := range card.Cells {
		if verb == VerbRegistration && w.row.Cells.Get(cell.Item) != "" {
			continue // registration never touches a value
		}
		w.row.Cells = w.row.Cells.Set(cell.Item, cell.Text)
	}
	for _, tag := range card.Tags {
		if !slices.Contains(w.row.Tags, tag) {
			w.row.Tags = append(w.row.Tags, tag)
		}
	}
	w.row.Cards = append(w.row.Cards, card)
	w.row.Decisions = append(w.row.Decisions, d)
	w.apply(card, verb)
}

// apply notes what the customer holds once the card is written.
func (w *writing) apply(card *Card, verb string) {
	held := map[string]any{}
	maps.Copy(held, w.existing)
	for item, value := range card.Items {
		if !w.readable(item) || Blank(value) {
			continue
		}
		if _, has := held[item]; has && verb == VerbRegistration {
			continue
		}
		held[item] = value
	}
	w.existing = held
	w.row.Held = held
}

func actionOf(verb string) string {
	if verb == VerbUpsert {
		return Upsert
	}
	return Register
}

// Blank: null, "" and absent are alike.
func Blank(v any) bool { return v == nil || v == "" }

// skipReason tells a card that yields to a newer date from one that yields to
// any customer that exists.
func skipReason(incoming, existing map[string]any) string {
	for item, held := range existing {
		h, ok := held.(string)
		if !ok || !looksLikeDate(h) {
			continue
		}
		in, _ := incoming[item].(string)
		if in == "" || (looksLikeDate(in) && in[:10] < h[:10]) {
			return ReasonOlder
		}
	}
	return ReasonExists
}

// looksLikeDate: YYYY-MM-DD, whatever follows.
func looksLikeDate(s string) bool {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return false
	}
	for _, i := range []int{0, 1, 2, 3, 5, 6, 8, 9} {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
