// Package sansaninput is the input sansan_input: it reads business cards from
// Sansan and remembers how far it came.
package sansaninput

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/Jeffail/checkpoint"
	"github.com/redpanda-data/benthos/v4/public/service"

	"sansansatori/plugins/oneshot"
	"sansansatori/plugins/sansan"
)

// Input reads page by page. ReadBatch is called by one goroutine at a time;
// acknowledgements come from any, and Close may come while ReadBatch waits.
type Input struct {
	conf    config
	res     *service.Resources
	log     *service.Logger
	metrics *metrics
	client  *sansan.Client
	id      string // of this reader, for sansan_sequence

	run      *run
	lastRun  time.Time // when the last run began
	sequence int64     // pages emitted
	refused  time.Time // when the key was refused last
	loaded   bool

	checkpoint *checkpoint.Capped[progress]
	cursorMu   sync.Mutex // release and persist are one step: else two writes could land out of order
	cursor     cursor

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	ticker sync.WaitGroup
	once   sync.Once
}

// progress is what is safe once everything up to a page is acknowledged.
type progress struct {
	position time.Time // zero: the cursor stays where it is
	end      bool      // the run is complete
	full     bool
	began    time.Time
}

func newInput(conf config, res *service.Resources) (*Input, error) {
	if !res.HasCache(conf.cache) {
		return nil, fmt.Errorf("%s: there is no cache resource labelled %q: add it under cache_resources", siFieldCheckpointCache, conf.cache)
	}
	if conf.rateLimit != "" && !res.HasRateLimit(conf.rateLimit) {
		return nil, fmt.Errorf("%s: there is no rate limit resource labelled %q: add it under rate_limit_resources", siFieldRateLimit, conf.rateLimit)
	}
	in := &Input{
		conf: conf, res: res, log: res.Logger(), metrics: newMetrics(res.Metrics()),
		checkpoint: checkpoint.NewCapped[progress](int64(conf.limit)),
	}
	var id [4]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, err
	}
	in.id = hex.EncodeToString(id[:])
	conf.client.Call.Observe = in.metrics.observe
	if conf.rateLimit != "" {
		conf.client.Call.Wait = in.sharedTurn
	}
	var err error
	if in.client, err = sansan.New(conf.client); err != nil {
		return nil, err
	}
	in.ctx, in.cancel = context.WithCancel(context.Background())
	if conf.schedule.once {
		oneshot.Arm()
	}
	in.ticker.Go(func() { in.metrics.age(in.ctx, in.position) })
	return in, nil
}

// sharedTurn waits for the rate limit resource.
func (in *Input) sharedTurn(ctx context.Context) error {
	for {
		var wait time.Duration
		var limitErr error
		err := in.res.AccessRateLimit(ctx, in.conf.rateLimit, func(l service.RateLimit) { wait, limitErr = l.Access(ctx) })
		if err == nil {
			err = limitErr
		}
		if err != nil {
			return fmt.Errorf("waiting for rate limit %s: %w", in.conf.rateLimit, err)
		}
		if wait <= 0 {
			return nil
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Connect checks the key, the tags and the cursor's cache. While the service does
// not answer it goes on waiting, so that the link is not ready meanwhile.
func (in *Input) Connect(ctx context.Context) error {
	if left := in.conf.backoff.Max - time.Since(in.refused); !in.refused.IsZero() && left > 0 && !in.conf.schedule.once {
		return service.NewErrBackOff(errors.New("sansan: the key was refused; looking again in a while"), left)
	}
	err := in.check(ctx)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	in.stop(err)
	return service.NewErrBackOff(err, in.conf.backoff.Max)
}

func (in *Input) check(ctx context.Context) error {
	if err := in.patiently(ctx, func() error { return in.client.Me(ctx) }); err != nil {
		return in.explain(err)
	}
	if len(in.conf.tags) > 0 {
		if _, err := in.tagIDs(ctx); err != nil {
			return in.explain(err)
		}
	}
	if in.loaded {
		return nil
	}
	cur, err := load(ctx, in.res, in.conf.cache, in.conf.key)
	switch {
	case errors.Is(err, errUnreadableCursor):
		in.log.Warn("The cursor cannot be read: everything is read again. That is harmless: what has not changed is not written.")
	case err != nil:
		return err
	case !cur.Position.IsZero() && cur.Asked != asked(in.conf):
		in.log.Warn("Other cards are asked for than before (range, owners, tags, past cards or start time): everything is read again.")
		cur = cursor{}
	}
	in.cursorMu.Lock()
	in.cursor, in.loaded = cur, true
	in.cursorMu.Unlock()
	return nil
}

// explain says what to do about a refused key.
func (in *Input) explain(err error) error {
	var e *sansan.Error
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case e.Unauthorized():
		return fmt.Errorf("Sansan refuses the key: check api_key (%w)", err)
	case e.Forbidden():
		return fmt.Errorf("Sansan gives the key no right to this: check the rights of the key's user, and that the key is not for Data Hub only (%w)", err)
	}
	return err
}

// stop: this cannot mend itself. A run that was asked for once ends the process.
func (in *Input) stop(err error) {
	first := in.refused.IsZero()
	in.refused = time.Now()
	if !oneshot.Fail(err) && first {
		in.log.Error(err.Error())
	}
}

// tagIDs resolves the configured tags, each to all visible tags of that name.
func (in *Input) tagIDs(ctx context.Context) ([]string, error) {
	var tags []sansan.Tag
	err := in.patiently(ctx, func() (err error) {
		tags, err = in.client.Tags(ctx, "")
		return
	})
	if err != nil {
		return nil, err
	}
	var ids []string
	seen := map[string]bool{}
	for _, wanted := range in.conf.tags {
		found := false
		for _, tag := range tags {
			if tag.ID != wanted && comparable(tag.Name) != comparable(wanted) {
				continue
			}
			found = true
			if !seen[tag.ID] {
				seen[tag.ID] = true
				ids = append(ids, tag.ID)
			}
		}
		if !found {
			return nil, fmt.Errorf("tags: Sansan shows the key's user no tag %q: check its spelling, or that it is shared with the user", wanted)
		}
	}
	return ids, nil
}

// ReadBatch gives the next page with cards for the pipeline.
func (in *Input) ReadBatch(ctx context.Context) (service.MessageBatch, service.AckFunc, error) {
	for {
		if in.run == nil {
			if in.conf.schedule.once && !in.lastRun.IsZero() {
				return nil, nil, service.ErrEndOfInput
			}
			if err := in.begin(ctx); err != nil {
				return in.trouble(ctx, err)
			}
		}
		cards, at, err := in.run.next(ctx)
		if err != nil {
			return in.trouble(ctx, err)
		}
		var batch service.MessageBatch
		if len(cards) > 0 {
			batch = in.messages(cards)
		}
		release, err := in.checkpoint.Track(ctx, at, int64(max(len(batch), 1)))
		if err != nil {
			return nil, nil, err
		}
		if at.end {
			in.finished(at)
		}
		if len(batch) == 0 {
			if err := in.acknowledged(ctx, release); err != nil {
				in.log.Warn(err.Error())
			}
			continue
		}
		return batch, func(ctx context.Context, _ error) error {
			// The error is ignored on purpose: with auto_replay_nacks a refused
			// batch comes again before this is called; switching that off is the
			// wish to drop, so the cursor must move on.
			return in.acknowledged(ctx, release)
		}, nil
	}
}

// trouble turns an error of a run into what the engine understands.
func (in *Input) trouble(ctx context.Context, err error) (service.MessageBatch, service.AckFunc, error) {
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	in.run = nil
	in.stop(in.explain(err))
	if in.conf.schedule.once {
		return nil, nil, service.ErrEndOfInput
	}
	in.metrics.runs.Incr(1, "failed")
	return nil, nil, service.ErrNotConnected
}

// begin waits until a run is due and starts it.
func (in *Input) begin(ctx context.Context) error {
	at := in.conf.schedule.next(in.lastRun, time.Now())
	if wait := time.Until(at); wait > 0 {
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
	now := time.Now()
	in.cursorMu.Lock()
	cur := in.cursor
	in.cursorMu.Unlock()
	full := cur.Position.IsZero() || in.conf.fullRead.due(cur.LastFull, now)
	r := &run{
		in: in, began: now, full: full, ordered: true, owners: newOwners(in.conf.owners),
		// A little in the past: what changes in this very second comes with the next run.
		to:   now.Truncate(time.Second).Add(-time.Second),
		from: in.conf.start, position: cur.Position,
	}
	if !full {
		if from := cur.Position.Add(-in.conf.overlap); from.After(r.from) {
			r.from = from
		}
	}
	if len(in.conf.tags) > 0 {
		ids, err := in.tagIDs(ctx)
		if err != nil {
			return err
		}
		r.tags = ids
		if len(ids) > 1 {
			r.seen = map[string]bool{}
		}
	}
	in.lastRun, in.run = now, r
	return nil
}

// finished says in a line what a run did.
func (in *Input) finished(at progress) {
	r := in.run
	in.run, in.refused = nil, time.Time{}
	in.metrics.runs.Incr(1, "completed")
	in.metrics.succeeded(time.Now())
	if r.full {
		for _, name := range r.owners.unmatched() {
			in.log.Warnf("owners: no card of %q was met in a full read: check the spelling, or whether the key's user sees these cards", name)
		}
	}
	in.log.Infof("Read %d cards in %d pages, %d requests, %s", r.cards, r.pages, r.requests, time.Since(at.began).Round(time.Millisecond))
}

func (in *Input) messages(cards []sansan.Card) service.MessageBatch {
	in.sequence++
	sequence := in.id + "/" + strconv.FormatInt(in.sequence, 10)
	batch := make(service.MessageBatch, len(cards))
	for i, card := range cards {
		m := service.NewMessage(card.Raw)
		m.MetaSetMut("sansan_card_id", card.ID)
		m.MetaSetMut("sansan_updated_time", card.UpdatedText)
		m.MetaSetMut("sansan_sequence", sequence)
		batch[i] = m
	}
	return batch
}

// acknowledged moves the cursor as far as everything is acknowledged.
func (in *Input) acknowledged(ctx context.Context, release func() *progress) error {
	in.cursorMu.Lock()
	defer in.cursorMu.Unlock()
	at := release()
	if at == nil {
		return nil
	}
	next := in.cursor
	next.Asked = asked(in.conf)
	if at.position.After(next.Position) {
		next.Position = at.position
	}
	if at.end {
		next.LastRun = at.began
		if at.full {
			next.LastFull = at.began
		}
	}
	if next.Position.IsZero() || next == in.cursor {
		return nil
	}
	if !in.conf.readOnly {
		if err := in.write(ctx, next, at.end); err != nil {
			in.metrics.cursorErrors.Incr(1)
			in.log.Warnf("%v; it is written with the next page, cards may be read again", err)
			return nil // the cards are safe
		}
	}
	in.cursor = next
	return nil
}

// write stores the cursor; the last one of a run has no successor soon, so it is
// tried a few times.
func (in *Input) write(ctx context.Context, next cursor, last bool) error {
	again := in.conf.backoff.Start()
	for tries := 1; ; tries++ {
		err := store(ctx, in.res, in.conf.cache, in.conf.key, next)
		if err == nil || !last || tries == 5 {
			return err
		}
		if again.Wait(ctx, 0) != nil {
			return err
		}
	}
}

func (in *Input) position() time.Time {
	in.cursorMu.Lock()
	defer in.cursorMu.Unlock()
	return in.cursor.Position
}

// ConnectionTest asks Sansan whether it knows the key and the tags.
func (in *Input) ConnectionTest(ctx context.Context) service.ConnectionTestResults {
	if err := in.check(ctx); err != nil {
		return service.ConnectionTestFailed(err).AsList()
	}
	return service.ConnectionTestSucceeded().AsList()
}

// Close ends every wait.
func (in *Input) Close(context.Context) error {
	in.once.Do(func() {
		in.cancel()
		in.ticker.Wait()
	})
	return nil
}
