package sansaninput

import (
	"context"
	"errors"
	"time"

	"sansansatori/plugins/sansan"
)

const (
	// startsOver is how often a listing may start over without getting further
	// before that counts as trouble of the service.
	startsOver = 5
	// emptyPages in a row, with more said to follow, are a listing gone astray.
	emptyPages = 100
	// shortestPeriod is not halved when the service finds a period too long.
	shortestPeriod = 24 * time.Hour
)

var errAstray = errors.New("sansan: the pages do not go on: the service repeats itself")

// order is what the service has shown about its lists so far.
type order struct {
	// evidence counts neighbours in the order of update times but not in that of
	// registration times, the other order that lists are known to have.
	evidence int
	// broken: a page was not in the order of update times.
	broken bool
	// lag is how far before a card's time a period has to begin to hold that
	// card: a second, if bounds turn out to be exclusive.
	lag time.Duration
	// span is the longest period that the service takes; 0: any.
	span time.Duration
}

// proof is the evidence that chance does not bring about.
const proof = 5

func (o *order) proven() bool { return o.evidence >= proof && !o.broken }

// listing walks a list of cards, changed in a period or bearing a tag, page by
// page.
//
// A page token may stand for a number in a list that moves: when a card that was
// already read is changed or deleted, the rest shifts and a card is skipped that
// no later run would ask for. So a period is, where it can be, walked without
// tokens: the next page is a new question from the last card's time on. Tokens
// serve where many cards bear one time, and where order is not proven.
type listing struct {
	in       *Input
	query    sansan.Query
	from, to time.Time // of the whole period

	tokens map[string]bool // that led on in this question
	pages  int             // of this question
	empty  int             // pages in a row
	high   time.Time       // newest update time of this question

	last   time.Time       // newest update time of all questions
	edge   map[string]bool // ids of the cards at last
	rejoin bool            // the question begins at last: its first page has to show a card of edge
	jumped bool            // a page was reached without a token, relying on order

	broken   bool // the question cannot be continued
	over     int  // times it started over without getting further
	overAt   time.Time
	overPage int
	patience *patience

	requests, dropped int
	given, again      int // cards, and cards that came again
}

func (in *Input) period(from, to time.Time) *listing {
	l := &listing{in: in, from: from, to: to, query: in.query()}
	l.ask(from)
	return l
}

func (in *Input) tagged(id string) *listing {
	l := &listing{in: in, query: in.query()}
	l.query.TagID = id
	return l
}

func (in *Input) query() sansan.Query {
	return sansan.Query{Range: in.conf.rng, IncludePast: in.conf.includePast, Limit: in.conf.pageSize}
}

// ask begins a new question.
func (l *listing) ask(from time.Time) {
	l.query.PageToken, l.tokens, l.pages, l.empty, l.high = "", nil, 0, 0, time.Time{}
	if l.query.TagID != "" {
		return
	}
	l.query.UpdatedFrom, l.query.UpdatedTo = from, l.to
	if span := l.in.order.span; span > 0 && l.to.Sub(from) > span {
		l.query.UpdatedTo = from.Add(span)
	}
}

// next gives the cards of the next page, without those of the page before, and
// whether more may follow.
func (l *listing) next(ctx context.Context) (cards []sansan.Card, more bool, err error) {
	for {
		if l.broken {
			if err := l.startOver(ctx); err != nil {
				return nil, false, err
			}
		}
		page, ok, err := l.fetch(ctx)
		if err != nil {
			return nil, false, err
		}
		if !ok {
			continue
		}
		if l.rejoin && (len(page.Cards) > 0 || !page.HasMore) {
			l.rejoin = false
			if l.in.order.lag == 0 && !l.meets(page.Cards) {
				l.in.order.lag = time.Second
				l.ask(l.last.Add(-l.in.order.lag))
				continue
			}
		}
		cards = l.look(page.Cards)
		l.dropped += page.Dropped
		l.given += len(cards)
		return cards, l.turn(page), nil
	}
}

// fetch gets a page; not ok when the question has to be put in another way.
func (l *listing) fetch(ctx context.Context) (page sansan.Page, ok bool, err error) {
	err = l.in.patiently(ctx, func() (err error) {
		l.requests++
		page, err = l.in.client.Cards(ctx, l.query)
		return
	})
	var e *sansan.Error
	if err == nil {
		l.pages++
		return page, true, nil
	}
	if !errors.As(err, &e) || !e.BadRequest() && !e.NotFound() {
		return page, false, err
	}
	if l.query.PageToken != "" { // it has expired
		l.broken = true
		return page, false, nil
	}
	if asked := l.query.UpdatedTo.Sub(l.query.UpdatedFrom); e.BadRequest() && l.query.TagID == "" && asked > shortestPeriod {
		l.in.order.span = asked / 2 // perhaps the period is too long
		l.ask(l.query.UpdatedFrom)
		return page, false, nil
	}
	l.in.order.span = 0 // it was something else
	return page, false, err
}

// look watches the order of cards and leaves out those that came before.
func (l *listing) look(cards []sansan.Card) []sansan.Card {
	fresh := cards[:0]
	registered := ""
	for _, card := range cards {
		at := card.UpdatedTime
		if at.IsZero() {
			fresh = append(fresh, card)
			continue
		}
		if l.query.TagID == "" {
			switch {
			case at.Before(l.high):
				l.in.order.broken = true
			case at.After(l.high) && earlier(card.RegisteredText, registered):
				l.in.order.evidence++
			}
		}
		l.high, registered = at, card.RegisteredText
		if at.After(l.last) {
			l.last, l.edge = at, map[string]bool{}
		}
		if at.Equal(l.last) && card.ID != "" {
			if l.edge[card.ID] {
				l.again++
				continue
			}
			l.edge[card.ID] = true
		}
		fresh = append(fresh, card)
	}
	return fresh
}

// earlier compares times as they stand, where they are in one zone.
func earlier(a, b string) bool {
	const withZone = len("2006-01-02T15:04:05+09:00")
	return len(a) == withZone && len(b) == withZone && a[withZone-6:] == b[withZone-6:] && a < b
}

// meets: does the page hold a card of the edge?
func (l *listing) meets(cards []sansan.Card) bool {
	for _, card := range cards {
		if l.edge[card.ID] && card.UpdatedTime.Equal(l.last) {
			return true
		}
	}
	return false
}

// turn prepares the next page; false when there is none.
func (l *listing) turn(page sansan.Page) bool {
	if l.jumped && l.in.order.broken {
		// The order that the jumps relied on was none: from the start, by tokens.
		l.jumped = false
		l.ask(l.from)
		return true
	}
	if !page.HasMore {
		if l.query.TagID == "" && l.query.UpdatedTo.Before(l.to) {
			l.ask(l.query.UpdatedTo.Add(-time.Second))
			return true
		}
		return false
	}
	if l.jumps() {
		l.jumped, l.rejoin = true, true
		l.ask(l.last.Add(-l.in.order.lag))
		return true
	}
	l.empty++
	if len(page.Cards) > 0 {
		l.empty = 0
	}
	token := page.NextToken
	if token == "" || l.tokens[token] || l.empty > emptyPages {
		l.broken = true
		return true
	}
	if l.tokens == nil {
		l.tokens = map[string]bool{}
	}
	l.tokens[token] = true
	l.query.PageToken = token
	return true
}

// jumps: can the next page be had without a token, at the price of few cards
// that come again? A twentieth of a page always may, and more where the whole
// comes to half a page and a twenty-fifth of all cards.
func (l *listing) jumps() bool {
	return l.query.TagID == "" && l.in.order.proven() &&
		l.last.Add(-l.in.order.lag).After(l.query.UpdatedFrom) && !l.last.After(l.query.UpdatedTo) &&
		(len(l.edge) <= max(1, l.in.conf.pageSize/20) || l.again+len(l.edge) <= l.in.conf.pageSize/2+l.given/25)
}

// startOver asks anew, from the last card on where order allows it: a token
// expired, repeats, or is missing. What comes twice is harmless.
func (l *listing) startOver(ctx context.Context) error {
	l.broken = false
	from := l.query.UpdatedFrom
	if l.in.order.broken || l.query.TagID != "" {
		if l.pages > l.overPage {
			l.over, l.patience = 0, nil
		}
		l.overPage = max(l.overPage, l.pages)
		from = l.from
	} else {
		if l.last.After(l.overAt) {
			l.over, l.patience = 0, nil
		}
		l.overAt = l.last
		if at := l.last.Add(-time.Second); at.After(from) {
			from, l.jumped = at, true
		}
	}
	if l.over++; l.over > startsOver {
		if l.patience == nil {
			l.patience = l.in.patience()
		}
		if err := l.patience.wait(ctx, errAstray); err != nil {
			return err
		}
	}
	l.ask(from)
	return nil
}

// safe is the time up to which all cards of a period were given; zero while
// that is not known, since order is not proven.
func (l *listing) safe() time.Time {
	if l.query.TagID != "" || !l.in.order.proven() || l.last.After(l.to) {
		return time.Time{}
	}
	return l.last
}
