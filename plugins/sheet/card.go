package sheet

import (
	"context"
	"fmt"
	"io"
	"strings"

	"sansansatori/plugins/items"
	"sansansatori/plugins/pipelinefile"
	"sansansatori/plugins/report"
	"sansansatori/plugins/sansan"
	"sansansatori/plugins/sansaninput"
	"sansansatori/plugins/satorioutput"
)

// Explanation says what becomes of one card, and why.
type Explanation struct {
	Card      string      `json:"card_id"`
	Updated   string      `json:"updated_time"`
	Input     string      `json:"input"`
	Outside   []string    `json:"outside_of,omitempty"`          // fields of sansan_input that leave the card out
	LeftOut   []string    `json:"processors_left_out,omitempty"` // they reach outside
	Rule      Rule        `json:"rule"`
	Customers []Explained `json:"customers"` // none: the mapping leaves the card out
}

// Explained is one customer that the card became.
type Explained struct {
	Items  map[string]any `json:"items"`
	Error  string         `json:"error,omitempty"` // a processor failed: the card becomes a dead letter
	Email  string         `json:"email,omitempty"`
	Action string         `json:"action,omitempty"`
	Reason string         `json:"reason,omitempty"`
	Known  bool           `json:"known"` // SATORI is known to hold the customer
	Open   bool           `json:"open_write"`
	Held   map[string]any `json:"held,omitempty"` // readable items, as the rule saw them
}

// Explain leads a card through a way and asks the overwrite rule by the ledger as
// it is. Nothing is written.
func Explain(ctx context.Context, w Way, card sansan.Card) (*Explanation, error) {
	var err error
	e := &Explanation{Card: card.ID, Updated: card.UpdatedText, Input: w.Label, LeftOut: w.LeftOut()}
	if e.Outside, err = w.leftOut(card); err != nil {
		return nil, err
	}
	listed, _ := w.Output["fields"].(map[string]any)
	overwrite, _ := w.Output["overwrite"].(string)
	if e.Rule, err = ruleOf(overwrite, items.LinksOf(listed)); err != nil {
		return nil, err
	}
	became, err := w.Lead(ctx, []Card{{ID: card.ID, Updated: card.UpdatedText, Content: card.Content}})
	if err != nil {
		return nil, err
	}
	for _, c := range became[0] {
		if c.Err != nil {
			e.Customers = append(e.Customers, Explained{Items: c.Items, Error: c.Err.Error()})
			continue
		}
		j, err := satorioutput.Judge(ctx, w.Output, c.Message)
		if err != nil {
			return nil, err
		}
		e.Customers = append(e.Customers, Explained{
			Items: c.Items, Email: j.Email, Action: j.Action, Reason: j.Reason, Known: j.Known, Open: j.Open, Held: j.Existing,
		})
	}
	return e, nil
}

// leftOut names the fields of the input by which the card would not be read.
func (w Way) leftOut(card sansan.Card) (by []string, err error) {
	r, err := rangeOf(w)
	if err != nil {
		return nil, err
	}
	if len(r.Owners) > 0 && !sansaninput.WantsOwner(r.Owners, card.Owner) {
		by = append(by, "owners")
	}
	if len(r.Tags) == 0 {
		return by, nil
	}
	list, _ := card.Content["tags"].([]any)
	for i, each := range list {
		tag, _ := each.(map[string]any)
		name, _ := tag["name"].(string)
		id := ""
		if i < len(card.TagIDs) {
			id = card.TagIDs[i]
		}
		if sansaninput.WantsTag(r.Tags, sansan.Tag{ID: id, Name: name}) {
			return by, nil
		}
	}
	return append(by, "tags"), nil
}

// Fetch asks Sansan for a card, by the key of the way's input.
func (w Way) Fetch(ctx context.Context, id string) (sansan.Card, error) {
	client, err := sansaninput.Client(w.Input)
	if err != nil {
		return sansan.Card{}, err
	}
	defer client.Close()
	card, err := client.Card(ctx, id)
	if err != nil {
		return card, fmt.Errorf("asking Sansan for the card: %w", err)
	}
	return card, nil
}

// WriteText writes the explanation for people.
func (e *Explanation) WriteText(out io.Writer, lang report.Lang) error {
	t := func(ja, en string) string { return pick(lang, ja, en) }
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say(t("名刺 %s（更新 %s、入力 %s）", "Card %s (updated %s, input %s)"), e.Card, e.Updated, e.Input)
	for _, field := range e.Outside {
		say(t("範囲外: `%s` の指定に合わないため、この名刺は読み込まれない。", "Out of range: `%s` leaves this card out, it would not be read."), field)
	}
	if len(e.LeftOut) > 0 {
		say(t("外部に接続する処理は実行していない: %s", "Processors that reach outside were not run: %s"), strings.Join(e.LeftOut, ", "))
	}
	if len(e.Customers) == 0 {
		say("%s", t("処理で除外される: 顧客にならない。", "The processing leaves this card out: no customer."))
	}
	for _, c := range e.Customers {
		say("")
		e.customer(say, c, lang)
	}
	say("")
	say("%s", t("何も書き込んでいない。", "Nothing was written."))
	_, err := io.WriteString(out, b.String())
	return err
}

func (e *Explanation) customer(say func(string, ...any), c Explained, lang report.Lang) {
	t := func(ja, en string) string { return pick(lang, ja, en) }
	var names []string
	for name := range c.Items {
		names = append(names, name)
	}
	say("%s", t("顧客:", "Customer:"))
	for _, name := range items.InOrder(names) {
		say("  %-28s %s", name, strings.Join(partsOf(c.Items[name]), "、"))
	}
	if c.Error != "" {
		say(t("処理に失敗: %s（デッドレターになる）", "The processing failed: %s (a dead letter)"), c.Error)
		return
	}
	say(t("判定: %s（%s）、理由: %s（%s）", "Verdict: %s (%s), because: %s (%s)"), lang.Action(c.Action), c.Action, lang.Reason(c.Reason), c.Reason)
	name := e.Rule.Name
	if name == "" {
		name = "overwrite"
	}
	say(t("規則: %s［%s］", "Rule: %s [%s]"), ruleInWords(e.Rule.Number, lang), name)
	for _, item := range e.Rule.Reads {
		say(t("  %s: 名刺 %s、台帳 %s", "  %s: card %s, ledger %s"), item, shown(c.Items[item]), shown(c.Held[item]))
	}
	switch {
	case c.Open:
		say("%s", t("台帳: この顧客には、結果のわからない書き込みがある。", "Ledger: a write of this customer was begun and its outcome is not known."))
	case c.Known:
		say("%s", t("台帳: SATORIにいる顧客。", "Ledger: SATORI holds this customer."))
	case c.Email != "":
		say("%s", t("台帳: この顧客を把握していない。", "Ledger: this customer is not known."))
	}
}

func shown(value any) string {
	if parts := partsOf(value); len(parts) > 0 {
		return strings.Join(parts, "、")
	}
	return "—"
}

// Pick gives the way whose input bears a label; the first for "".
func Pick(p *pipelinefile.Pipeline, label string) (Way, error) {
	ways, err := Ways(p)
	if err != nil {
		return Way{}, err
	}
	var labels []string
	for _, w := range ways {
		if label == "" || w.Label == label {
			return w, nil
		}
		labels = append(labels, w.Label)
	}
	return Way{}, fmt.Errorf("no sansan_input has the label %s: there are %s", label, strings.Join(labels, ", "))
}
