package report

import (
	"fmt"
	"regexp"
	"strings"
)

// Text is a summary for a terminal, a log or a mail. It names card ids and
// SATORI's words of the first failures, and no e-mail address.
func (r *Report) Text(lang Lang) string {
	t := lang.texts()
	var b strings.Builder
	heading := t.Result
	if r.preview {
		heading = t.Preview
	}
	fmt.Fprintf(&b, "%s: %s\n", t.Title, heading)
	if !r.preview {
		fmt.Fprintf(&b, "%s: %s\n", t.Period, r.period())
	}
	fmt.Fprintf(&b, "%s: %s\n%s: %s\n\n", t.Cards, thousands(r.cards), t.Customers, thousands(len(r.customers)))
	for _, l := range r.lines(lang) {
		fmt.Fprintf(&b, "%10s  %s  %s\n", l.Cards, pad(l.Action, 20), oneLine(l.Reason))
	}
	for _, c := range r.costLines(lang) {
		fmt.Fprintf(&b, "\n%s: %s %s (%s)", c.Service, t.Requests, c.Requests, c.Detail)
		if c.Quota != "—" {
			fmt.Fprintf(&b, "; %s %s → %s", t.Quota, c.Quota, c.Time)
		}
	}
	if r.cost != nil {
		fmt.Fprintf(&b, "\n%s\n", t.CostNote)
	}
	if len(r.failures) > 0 {
		fmt.Fprintf(&b, "\n%s:\n", lang.pick("失敗の例", "First failures"))
		for _, e := range r.failures {
			fmt.Fprintf(&b, "  %s %s: %s\n", t.Card, oneLine(e.CardID), oneLine(e.Reason))
		}
	}
	if r.bad > 0 {
		fmt.Fprintf(&b, "\n%s: %s\n", t.Unreadable, thousands(r.bad))
	}
	return b.String()
}

var address = regexp.MustCompile(`[^\s<>"'(),;:：、「」]+[@＠][^\s<>"'(),;:：、「」]+`)

// oneLine keeps what a service said from breaking the layout, or a terminal, and
// from bringing an e-mail address along.
func oneLine(text string) string {
	text = address.ReplaceAllString(text, "***@***")
	text = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || (c >= 0x80 && c < 0xa0) {
			return ' '
		}
		return c
	}, text)
	return shorten(strings.Join(strings.Fields(text), " "), 160)
}

// pad fills up to a number of columns.
func pad(text string, columns int) string {
	return text + strings.Repeat(" ", max(0, columns-width(text)))
}
