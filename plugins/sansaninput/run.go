package sansaninput

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"sansansatori/plugins/sansan"
)

// run reads once what is due: a period of changes, or all cards of some tags.
type run struct {
	in    *Input
	began time.Time
	full  bool
	to    time.Time // end of what it reads, frozen when it began

	owners *owners
	tags   []tag // still to be swept, the first one being read; empty: a period
	met    map[string]bool
	seen   map[[16]byte]bool // ids of cards given, when one may bear two tags
	list   *listing

	cards, left, dropped, pages, requests int
}

// newRun begins a run that reads on from the cursor, or everything.
func (in *Input) newRun(now time.Time, cur cursor) *run {
	r := &run{
		in: in, began: now.Round(0), owners: newOwners(in.conf.owners), met: map[string]bool{},
		full: cur.Position.IsZero() || in.conf.fullRead.due(cur.LastFull, now),
		// A little in the past: what changes in this very second comes next time.
		to: now.Truncate(time.Second).Add(-time.Second),
	}
	from := in.conf.start
	if !r.full {
		back := cur.Position
		if back.After(r.to) {
			back = r.to
		}
		// Two seconds at least: bounds may be exclusive.
		if at := back.Add(-max(in.conf.overlap, 2*time.Second)); at.After(from) {
			from = at
		}
	}
	if from.After(r.to) {
		from = r.to
	}
	r.list = in.period(from, r.to)
	return r
}

// sweep makes the run one over tags instead of a period.
func (r *run) sweep(tags []tag) {
	r.tags = tags
	r.list = r.in.tagged(tags[0].id)
	if len(tags) > 1 {
		r.seen = map[[16]byte]bool{}
	}
}

// next gives the cards of the next page that are wanted, and whether they are
// the last.
func (r *run) next(ctx context.Context) (wanted []sansan.Card, end bool, err error) {
	cards, more, err := r.list.next(ctx)
	if err != nil {
		return nil, false, err
	}
	r.pages++
	if len(r.tags) > 0 && len(cards) > 0 {
		r.met[r.tags[0].wanted] = true
	}
	got := len(cards)
	wanted = cards[:0]
	for _, card := range cards {
		if r.owners.want(card.Owner) && r.first(card) {
			wanted = append(wanted, card)
		}
	}
	r.cards += len(wanted)
	r.left += got - len(wanted)
	r.in.metrics.page(len(wanted), got-len(wanted))
	if more {
		return wanted, false, nil
	}
	r.requests += r.list.requests
	r.dropped += r.list.dropped
	if len(r.tags) > 1 {
		r.tags = r.tags[1:]
		r.list = r.in.tagged(r.tags[0].id)
		return wanted, false, nil
	}
	return wanted, true, nil
}

// first: a card that bears two of the tags comes once.
func (r *run) first(card sansan.Card) bool {
	if r.seen == nil || card.ID == "" {
		return true
	}
	var id [16]byte
	if n, err := hex.Decode(id[:], []byte(card.ID)[:min(len(card.ID), 32)]); err != nil || n != len(id) || len(card.ID) != 32 {
		sum := sha256.Sum256([]byte(card.ID))
		copy(id[:], sum[:])
	}
	if r.seen[id] {
		return false
	}
	r.seen[id] = true
	return true
}

// unmatched says what was asked for and matched nothing.
func (r *run) unmatched() (says []string) {
	for _, name := range r.owners.unmatched() {
		says = append(says, fmt.Sprintf("owners: no card of %q was met in a full read: check the spelling, or whether the key's user sees these cards", name))
	}
	for _, name := range r.in.conf.tags {
		if !r.met[name] {
			says = append(says, fmt.Sprintf("tags: no card that the key's user sees bears %q", name))
		}
	}
	return says
}

// summary of the run, in a line.
func (r *run) summary(took time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Read %d cards in %d pages, %d requests, %s", r.cards, r.pages, r.requests, took.Round(time.Millisecond))
	if r.left > 0 {
		fmt.Fprintf(&b, "; %d others did not match", r.left)
	}
	if r.dropped > 0 {
		fmt.Fprintf(&b, "; %d empty rows", r.dropped)
	}
	return b.String()
}
