package satorioutput

import (
	"context"
	"errors"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"

	"sansansatori/plugins/decide"
	"sansansatori/plugins/ledger"
)

// claimWait is how long customers that another process is writing are left alone.
const claimWait = 500 * time.Millisecond

// loop hands out groups. One more group than jobs may be under way, so that the
// next is decided while SATORI works on the one before.
func (o *Output) loop() {
	defer o.group.Done()
	if err := o.persist(o.ctx, o.resume); err != nil {
		return
	}
	slots := make(chan struct{}, cap(o.jobs)+1)
	for {
		select {
		case slots <- struct{}{}:
		case <-o.ctx.Done():
			return
		}
		group := o.next()
		if group == nil {
			return
		}
		o.group.Add(1)
		go func() {
			defer o.group.Done()
			o.handle(o.ctx, group)
			<-slots
			o.queue.wake()
		}()
	}
}

// next waits for a group; nil when the output closes.
func (o *Output) next() []*waiting {
	for {
		group, wait := o.queue.take(time.Now())
		o.metrics.waiting.Set(int64(o.queue.len()))
		if len(group) > 0 {
			return group
		}
		var timer <-chan time.Time
		if wait > 0 {
			timer = time.After(wait)
		}
		select {
		case <-timer:
		case <-o.queue.changed:
		case <-o.ctx.Done():
			return nil
		}
	}
}

// handle decides a group, writes what is to be written, and gives every message
// its result, unless ctx ends first: then nothing of what is left is
// acknowledged, and the cards come again.
func (o *Output) handle(ctx context.Context, group []*waiting) {
	group, err := o.claim(ctx, group)
	if err != nil || len(group) == 0 {
		return
	}
	keys := keysOf(group)
	writing := keys // busy until they are settled
	defer func() { o.queue.free(writing) }()
	var known map[ledger.Key]*ledger.Customer
	err = o.persist(ctx, func(ctx context.Context) (err error) {
		known, err = o.store.Load(ctx, keys)
		return
	})
	if err != nil {
		return
	}
	of := make(map[*decide.Card]*waiting, len(group))
	cards := make([]*decide.Card, len(group))
	for i, w := range group {
		cards[i], of[w.Card] = w.Card, w
	}
	plan := decide.Group(cards, known, o.rule, o.conf.links.Readable)
	idle, err := o.settleUnwritten(ctx, plan, of, keys)
	if err != nil {
		return
	}
	writing = keysOfRows(plan.Rows)
	o.queue.free(idle)
	if err := o.guard(plan.Rows); err != nil {
		o.stop(err, true)
		o.refuseAll(plan, of)
		o.release(ctx, plan.Rows)
		return
	}
	err = o.writeRows(ctx, plan.Rows, of)
	switch {
	case errors.Is(err, errStop):
		o.refuseAll(plan, of)
		o.release(ctx, plan.Rows)
	case errors.Is(err, ledger.ErrLost):
		// Another process has taken customers over: all are claimed and
		// looked at anew. What was written by then is found unchanged.
		o.release(ctx, plan.Rows)
		o.queue.again(undecided(plan, of))
	case err == nil:
		o.queue.again(undecided(decide.Result{Later: plan.Later}, of))
	}
}

// undecided are the cards of a plan that are not settled at once.
func undecided(plan decide.Result, of map[*decide.Card]*waiting) (cards []*waiting) {
	for _, row := range plan.Rows {
		for _, card := range row.Cards {
			cards = append(cards, of[card])
		}
		for _, d := range row.Yields {
			cards = append(cards, of[d.Card])
		}
	}
	for _, card := range plan.Later {
		cards = append(cards, of[card])
	}
	return cards
}

// claim reserves the group's customers; the cards of those another process is
// writing wait.
func (o *Output) claim(ctx context.Context, group []*waiting) ([]*waiting, error) {
	keys := keysOf(group)
	var granted []ledger.Key
	err := o.persist(ctx, func(ctx context.Context) (err error) {
		granted, err = o.store.Claim(ctx, keys)
		return
	})
	if err != nil || len(granted) == len(keys) {
		return group, err
	}
	ours := make(map[ledger.Key]bool, len(granted))
	for _, k := range granted {
		ours[k] = true
	}
	var mine, theirs []*waiting
	for _, w := range group {
		if ours[w.Key] {
			mine = append(mine, w)
		} else {
			theirs = append(theirs, w)
		}
	}
	o.group.Add(1)
	go func() {
		defer o.group.Done()
		select {
		case <-time.After(claimWait):
			o.queue.again(theirs)
			o.queue.free(keysOf(theirs))
		case <-ctx.Done():
		}
	}()
	return mine, nil
}

func keysOf(group []*waiting) []ledger.Key {
	seen := make(map[ledger.Key]bool, len(group))
	keys := make([]ledger.Key, 0, len(group))
	for _, w := range group {
		if !seen[w.Key] {
			seen[w.Key] = true
			keys = append(keys, w.Key)
		}
	}
	return keys
}

// settleUnwritten journals and acknowledges the cards for which nothing is sent,
// and gives the customers that are not written at all.
func (o *Output) settleUnwritten(ctx context.Context, plan decide.Result, of map[*decide.Card]*waiting, keys []ledger.Key) (idle []ledger.Key, err error) {
	entries := make([]entry, len(plan.Settled))
	for i, d := range plan.Settled {
		entries[i] = entry{email: of[d.Card].email, card: d.Card.ID, action: d.Action, reason: d.Reason}
		if d.Err != nil {
			entries[i].reason = d.Err.Error()
		}
	}
	if err := o.persist(ctx, func(ctx context.Context) error { return o.record(ctx, entries) }); err != nil {
		return nil, err
	}
	writing := make(map[ledger.Key]bool, len(plan.Rows))
	for _, row := range plan.Rows {
		writing[row.Key] = true
	}
	for _, k := range keys {
		if !writing[k] {
			idle = append(idle, k)
		}
	}
	if len(idle) > 0 {
		if err := o.persist(ctx, func(ctx context.Context) error { return o.store.Release(ctx, idle) }); err != nil {
			return nil, err
		}
	}
	for _, d := range plan.Settled {
		var err error
		if d.Err != nil {
			err = invalid(d.Err)
		}
		o.queue.finish(of[d.Card], err)
	}
	return idle, nil
}

// release gives up the claims of rows that were not sent, so that their
// customers can be claimed again.
func (o *Output) release(ctx context.Context, rows []*decide.Row) {
	keys := make([]ledger.Key, len(rows))
	for i, row := range rows {
		keys[i] = row.Key
	}
	// Release leaves begun intents alone; a lost release lapses by itself.
	_ = o.store.Release(ctx, keys)
}

// refuseAll sends every card that is still undecided back to the engine, which
// calls again once Connect has succeeded.
func (o *Output) refuseAll(plan decide.Result, of map[*decide.Card]*waiting) {
	if o.ctx.Err() != nil {
		return
	}
	for _, w := range append(undecided(plan, of), o.queue.drain()...) {
		o.queue.finish(w, service.ErrNotConnected)
	}
}

// writeRows sends rows, verb by verb.
func (o *Output) writeRows(ctx context.Context, rows []*decide.Row, of map[*decide.Card]*waiting) error {
	byVerb := map[string][]*decide.Row{}
	for _, row := range rows {
		byVerb[row.Verb] = append(byVerb[row.Verb], row)
	}
	for _, verb := range []string{decide.VerbRegistration, decide.VerbUpsert} {
		for _, part := range o.parts(byVerb[verb]) {
			s := &sending{o: o, verb: verb, of: of}
			if err := s.send(ctx, part); err != nil {
				return err
			}
		}
	}
	return nil
}
