package satorioutput

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/redpanda-data/benthos/v4/public/bloblang"
	"github.com/redpanda-data/benthos/v4/public/service"

	"sansansatori/plugins/decide"
	"sansansatori/plugins/items"
	"sansansatori/plugins/ledger"
)

// Judgement is what the output would do with one customer.
type Judgement struct {
	Email    string
	Action   string         // of the journal
	Reason   string         // of the journal, or what is wrong
	Known    bool           // SATORI is known to hold the customer
	Open     bool           // a write was begun and its outcome is not known
	Existing map[string]any // what the rule saw; nil: nothing is known
}

// Judge says what the output of this configuration would do with one customer
// that comes alone, by the ledger as it is. Nothing is written and neither
// service is called.
func Judge(ctx context.Context, conf map[string]any, m *service.Message) (j Judgement, err error) {
	c, err := parse(conf)
	if err != nil {
		return j, err
	}
	w, e, err := intake(m, items.NewChecker(c.links, c.master))
	if e != nil {
		j.Email, j.Action, j.Reason = e.email, e.action, e.reason
		return j, nil
	}
	if err != nil {
		return j, err
	}
	c.ledger.ReadOnly = true
	store, err := ledger.OpenBeside(ctx, c.ledger)
	if err != nil {
		return j, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	known, err := store.Load(ctx, []ledger.Key{w.Key})
	if err != nil {
		return j, err
	}
	j.Email = w.email
	if customer := known[w.Key]; customer != nil {
		j.Known, j.Open = customer.Known, customer.Open != nil
	}
	rule := ruleOf(c.overwrite)
	watched := func(incoming, existing map[string]any) (decide.Verdict, error) {
		j.Existing = maps.Clone(existing)
		return rule(incoming, existing)
	}
	result := decide.Group([]*decide.Card{w.Card}, known, watched, c.links.Readable)
	for _, d := range result.Settled {
		j.Action, j.Reason = d.Action, d.Reason
		if d.Err != nil {
			j.Reason = d.Err.Error()
		}
	}
	for _, row := range result.Rows {
		j.Action, j.Reason = row.Decisions[0].Action, row.Decisions[0].Reason
	}
	return j, nil
}

// Rule is the overwrite rule of a configuration's text.
func Rule(text string) (decide.Rule, error) {
	mapping, err := bloblang.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", soFieldOverwrite, err)
	}
	return ruleOf(mapping), nil
}

func parse(conf map[string]any) (c config, err error) {
	text, err := json.Marshal(conf)
	if err != nil {
		return c, err
	}
	parsed, err := outputSpec().ParseYAML(string(text), service.GlobalEnvironment())
	if err != nil {
		return c, err
	}
	return configFromParsed(parsed)
}
