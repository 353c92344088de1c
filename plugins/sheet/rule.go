package sheet

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sansansatori/plugins/decide"
	"sansansatori/plugins/items"
	"sansansatori/plugins/satorioutput"
)

// Rule is the overwrite rule (登録の挙動) as it was found to act.
type Rule struct {
	Number string // "2-1", "2-2", "2-3", or "" for an own rule
	Date   string // with 2-3: the item that holds the exchange date
	Name   string // the file, where it is one
	Text   string // what stands there
	Reads  []string
	Cases  []Case
}

// Case is one situation and what the rule says of it.
type Case struct {
	Situation situation
	Verdict   string // register, upsert, skip; "" when the rule failed
}

// situation of a card towards what SATORI is known to hold.
type situation string

const (
	unknown   situation = "unknown"
	equalDate situation = "equal"
	newerCard situation = "newer"
	olderCard situation = "older"
	noDate    situation = "card without date"
	nothing   situation = "held without date"
	sameHeld  situation = "same values"
	otherHeld situation = "other values"
	blankHeld situation = "blank"
)

var fromFile = regexp.MustCompile(`^\s*from\s+"([^"]+)"\s*$`)

// ruleOf tries an overwrite rule on customers.
func ruleOf(overwrite string, links items.Links) (Rule, error) {
	act, err := satorioutput.Rule(overwrite)
	if err != nil {
		return Rule{}, err
	}
	r := Rule{Text: strings.TrimSpace(overwrite), Reads: items.RuleItems(overwrite, os.ReadFile)}
	if match := fromFile.FindStringSubmatch(overwrite); match != nil {
		if content, err := os.ReadFile(match[1]); err == nil {
			r.Name, r.Text = filepath.Base(match[1]), strings.TrimSpace(string(content))
		}
	}
	for _, item := range r.Reads {
		if links.Readable(item) && links.Writable(item) && slices.Equal(verdicts(dated(act, item)), keepNewer) {
			r.Date = item
		}
	}
	if r.Date != "" {
		r.Cases = dated(act, r.Date)
		if len(r.Reads) == 1 {
			r.Number = "2-3"
		}
		return r, nil
	}
	r.Cases = plain(act, r.Reads)
	if len(r.Reads) > 0 {
		return r, nil
	}
	switch said := verdicts(r.Cases); {
	case slices.Equal(said, []string{"upsert", "upsert", "upsert", "upsert"}):
		r.Number = "2-1"
	case slices.Equal(said[1:], []string{"skip", "skip", "skip"}) && (said[0] == "register" || said[0] == "upsert"):
		r.Number = "2-2"
	}
	return r, nil
}

func verdicts(cases []Case) []string {
	said := make([]string, len(cases))
	for i, c := range cases {
		said[i] = c.Verdict
	}
	return said
}

// keepNewer is what rule 2-3 says of the cases that dated gives.
var keepNewer = []string{"register", "upsert", "upsert", "skip", "skip", "upsert"}

func dated(act decide.Rule, item string) []Case {
	on := func(date string) map[string]any { return map[string]any{item: date, "email": "probe@example.jp"} }
	none := map[string]any{"email": "probe@example.jp"}
	return []Case{
		{unknown, ask(act, on("2026-04-01"), nil)},
		{newerCard, ask(act, on("2026-04-02"), on("2026-04-01"))},
		{equalDate, ask(act, on("2026-04-01"), on("2026-04-01"))},
		{olderCard, ask(act, on("2026-03-31"), on("2026-04-01"))},
		{noDate, ask(act, none, on("2026-04-01"))},
		{nothing, ask(act, on("2026-04-01"), none)},
	}
}

// plain tries a rule that is not about dates, with values in all it reads.
func plain(act decide.Rule, reads []string) []Case {
	with := func(value string) map[string]any {
		customer := map[string]any{"email": "probe@example.jp"}
		for _, item := range reads {
			customer[item] = value
		}
		return customer
	}
	return []Case{
		{unknown, ask(act, with("甲"), nil)},
		{sameHeld, ask(act, with("甲"), with("甲"))},
		{otherHeld, ask(act, with("甲"), with("乙"))},
		{blankHeld, ask(act, with("甲"), map[string]any{})},
	}
}

func ask(act decide.Rule, incoming, existing map[string]any) string {
	verdict, err := act(incoming, existing)
	if err != nil {
		return ""
	}
	return verdict.Action
}
