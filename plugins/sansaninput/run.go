package sansaninput

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sansansatori/plugins/apicall"
	"sansansatori/plugins/sansan"
)

const (
	// startsOver is how often a listing may start over without getting further
	// before that counts as trouble of the service.
	startsOver = 5
	// emptyPages in a row, with more said to follow, are a listing gone astray.
	emptyPages = 100
)

// run reads once what is due: a period of changes, or all cards of some tags.
type run struct {
	in       *Input
	began    time.Time
	full     bool
	from, to time.Time
	position time.Time // the cursor when the run began
	owners   *owners
	tags     []string // ids still to be read; empty: the period
	seen     map[string]bool

	token   string
	tokens  map[string]bool
	last    time.Time // newest update time seen in this listing
	ordered bool      // pages came in ascending order so far
	empty   int
	over    int       // times the listing started over without getting further
	overAt  time.Time // last when it started over

	cards, pages, requests int
}

// next gives the cards of one page that are wanted, and what is safe once they
// and all before them are acknowledged. The last one has end set.
func (r *run) next(ctx context.Context) ([]sansan.Card, progress, error) {
	at := progress{began: r.began, full: r.full}
	page, err := r.page(ctx)
	if err != nil {
		return nil, at, err
	}
	r.pages++
	wanted := page.Cards[:0]
	for _, card := range page.Cards {
		r.look(card)
		if r.owners.want(card.Owner) && r.first(card) {
			wanted = append(wanted, card)
		}
	}
	r.cards += len(wanted)
	r.in.metrics.page(len(page.Cards), page.Dropped)
	switch {
	case page.HasMore:
		err = r.turn(ctx, page)
	case len(r.tags) > 1:
		r.tags = r.tags[1:]
		r.listing()
	default:
		at.end, at.position = true, r.to
		return wanted, at, nil
	}
	if r.ordered && len(r.tags) == 0 && err == nil {
		at.position = r.last
	}
	return wanted, at, err
}

// look keeps count of the order.
func (r *run) look(card sansan.Card) {
	if card.UpdatedTime.IsZero() {
		return
	}
	if card.UpdatedTime.Before(r.last) {
		r.ordered = false // the cursor stays until the run is complete
		return
	}
	r.last = card.UpdatedTime
}

// first: a card that bears two of the tags comes once.
func (r *run) first(card sansan.Card) bool {
	if r.seen == nil {
		return true
	}
	if r.seen[card.ID] {
		return false
	}
	r.seen[card.ID] = true
	return true
}

// listing begins a listing anew.
func (r *run) listing() {
	r.token, r.tokens, r.empty = "", nil, 0
	if len(r.tags) > 0 {
		r.last = time.Time{}
	}
}

// turn goes on to the next page, or starts over where that is not possible.
func (r *run) turn(ctx context.Context, page sansan.Page) error {
	r.empty++
	if len(page.Cards) > 0 {
		r.empty = 0
	}
	token := page.NextToken
	if token == "" || r.tokens[token] || r.empty > emptyPages {
		return r.startOver(ctx)
	}
	if r.tokens == nil {
		r.tokens = map[string]bool{}
	}
	r.tokens[token] = true
	r.token = token
	return nil
}

// startOver asks anew from the last card on: a token expired, repeats, or is
// missing. What comes twice is harmless.
func (r *run) startOver(ctx context.Context) error {
	if r.last.After(r.overAt) {
		r.over = 0
	}
	r.over++
	r.overAt = r.last
	if r.over > startsOver {
		return errors.New("sansan: the pages do not go on: the service repeats itself")
	}
	if r.over > 1 {
		if err := (apicall.Backoff{Initial: r.in.conf.backoff.Initial << min(r.over, 8), Max: r.in.conf.backoff.Max}).Start().Wait(ctx, 0); err != nil {
			return err
		}
	}
	if len(r.tags) == 0 && r.ordered && !r.last.IsZero() {
		if from := r.last.Add(-time.Second); from.After(r.from) {
			r.from = from
		}
		r.last = time.Time{}
	}
	r.listing()
	return nil
}

// page gets one page, patiently.
func (r *run) page(ctx context.Context) (page sansan.Page, err error) {
	for {
		query := sansan.Query{
			UpdatedFrom: r.from, UpdatedTo: r.to, Range: r.in.conf.rng, IncludePast: r.in.conf.includePast,
			Limit: r.in.conf.pageSize, PageToken: r.token,
		}
		if len(r.tags) > 0 {
			query.TagID = r.tags[0]
		}
		err = r.in.patiently(ctx, func() (err error) {
			r.requests++
			page, err = r.in.client.Cards(ctx, query)
			return
		})
		var e *sansan.Error
		if r.token == "" || !errors.As(err, &e) || !e.BadRequest() && !e.NotFound() {
			return page, err
		}
		if err = r.startOver(ctx); err != nil { // the token has expired
			return page, err
		}
	}
}

// patiently repeats a request as long as its trouble is transient.
func (in *Input) patiently(ctx context.Context, do func() error) error {
	again := in.conf.backoff.Start()
	said := false
	for {
		err := do()
		var e *sansan.Error
		if err == nil {
			in.metrics.succeeded(time.Now())
			return nil
		}
		if ctx.Err() != nil || !errors.As(err, &e) || !e.Temporary() {
			return err
		}
		waitErr := again.Wait(ctx, e.RetryAfter)
		if errors.Is(waitErr, apicall.ErrGaveUp) {
			if in.conf.schedule.once {
				return fmt.Errorf("no usable answer for %s: %w", in.conf.backoff.MaxElapsed, err)
			}
			if !said {
				in.log.Warnf("No usable answer from Sansan for %s, still trying: %v", in.conf.backoff.MaxElapsed, err)
				said = true
			}
			waitErr = sleep(ctx, max(e.RetryAfter, in.conf.backoff.Max))
		}
		if waitErr != nil {
			return waitErr
		}
	}
}
