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
	"strings"
	"sync"
	"time"

	"github.com/Jeffail/checkpoint"
	"github.com/redpanda-data/benthos/v4/public/service"

	"sansansatori/plugins/oneshot"
	"sansansatori/plugins/sansan"
)

// Input reads page by page. ReadBatch is called by one goroutine at a time, and
// Connect by none meanwhile; acknowledgements come from any, and Close may come
// while ReadBatch waits.
type Input struct {
	conf    config
	res     *service.Resources
	log     *service.Logger
	metrics *metrics
	client  *sansan.Client
	asked   string
	id      string // of this reader, for sansan_sequence

	run      *run
	lastRun  time.Time // when the last run began
	owed     bool      // the last run did not come to its end
	ended    bool      // once: there is nothing more to come
	sequence int64     // pages emitted
	troubled time.Time // when something went wrong for longer
	cause    error
	loaded   bool
	reached  cursor // what the cursor is once everything read so far is acknowledged
	order    order

	checkpoint *checkpoint.Capped[cursor]
	cursorMu   sync.Mutex // release and persist are one step: else two writes could land out of order
	saved      cursor

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	ticker sync.WaitGroup
	once   sync.Once
}

func newInput(conf config, res *service.Resources) (*Input, error) {
	if !res.HasCache(conf.cache) {
		return nil, fmt.Errorf("%s: there is no cache resource labelled %q: add it under cache_resources", siFieldCheckpointCache, conf.cache)
	}
	if conf.rateLimit != "" && !res.HasRateLimit(conf.rateLimit) {
		return nil, fmt.Errorf("%s: there is no rate limit resource labelled %q: add it under rate_limit_resources", siFieldRateLimit, conf.rateLimit)
	}
	var id [4]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, err
	}
	in := &Input{
		conf: conf, res: res, log: res.Logger(), metrics: newMetrics(res.Metrics()),
		asked: asked(conf), id: hex.EncodeToString(id[:]),
		checkpoint: checkpoint.NewCapped[cursor](int64(conf.limit)),
	}
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

// untilClosed gives a context that ends with Close as well.
func (in *Input) untilClosed(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(in.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// Connect checks the key, the tags and the cursor's cache. While the service does
// not answer it goes on waiting, so that the link is not ready meanwhile.
func (in *Input) Connect(ctx context.Context) error {
	if in.ended {
		return service.ErrEndOfInput
	}
	ctx, done := in.untilClosed(ctx)
	defer done()
	if left := in.conf.backoff.Max - time.Since(in.troubled); !in.troubled.IsZero() && left > 0 {
		return service.NewErrBackOff(in.cause, left)
	}
	err := in.check(ctx)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return in.stop(err, service.NewErrBackOff(explain(err), in.conf.backoff.Max))
}

func (in *Input) check(ctx context.Context) error {
	if err := in.patiently(ctx, func() error { return in.client.Me(ctx) }); err != nil || in.loaded {
		return err
	}
	if _, err := in.resolve(ctx, true); err != nil {
		return err
	}
	var cur cursor
	err := in.patiently(ctx, func() (err error) {
		cur, err = load(ctx, in.res, in.conf.cache, in.conf.key)
		return
	})
	switch {
	case errors.Is(err, errUnreadableCursor):
		in.log.Warn("The cursor cannot be read: everything is read again. That is harmless: what has not changed is not written.")
	case err != nil:
		return err
	case !cur.Position.IsZero() && cur.Asked != in.asked:
		in.log.Warn("Other cards are asked for than before (range, owners, tags, past cards or start time): everything is read again.")
		cur = cursor{}
	}
	if !cur.LastRun.IsZero() {
		in.metrics.succeeded(cur.LastRun)
	}
	in.cursorMu.Lock()
	in.saved = cur
	in.cursorMu.Unlock()
	in.reached, in.loaded = cur, true
	return nil
}

// resolve finds the configured tags. One that is not there is an error, unless
// others are and the input was under way already.
func (in *Input) resolve(ctx context.Context, all bool) ([]tag, error) {
	if len(in.conf.tags) == 0 {
		return nil, nil
	}
	tags, missing, err := resolve(ctx, in.conf.tags, func(ctx context.Context, name string) (tags []sansan.Tag, err error) {
		err = in.patiently(ctx, func() (err error) {
			tags, err = in.client.Tags(ctx, name)
			return
		})
		return
	})
	if err != nil {
		return nil, err
	}
	if len(missing) == 0 {
		return tags, nil
	}
	err = missingTags(missing)
	if all || len(tags) == 0 {
		return nil, err
	}
	in.log.Warn(err.Error())
	return tags, nil
}

func missingTags(names []string) error {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = strconv.Quote(name)
	}
	return fmt.Errorf("tags: Sansan shows the key's user no tag %s: check the spelling, or that it is shared with the user", strings.Join(quoted, ", "))
}

// explain says what to do about a refused key.
func explain(err error) error {
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

// stop: this does not mend itself soon. A run that was asked for once ends the
// process; any other is tried again slowly, with the cause logged once, and what
// the engine is told is later.
func (in *Input) stop(err, later error) error {
	err = explain(err)
	if in.conf.schedule.once {
		in.ended = true
		if !oneshot.Fail(err) {
			in.log.Error(err.Error())
		}
		return service.ErrEndOfInput
	}
	if in.troubled.IsZero() {
		in.log.Error(err.Error())
	}
	in.troubled, in.cause = time.Now(), err
	return later
}

// ReadBatch gives the next page with cards for the pipeline.
func (in *Input) ReadBatch(ctx context.Context) (service.MessageBatch, service.AckFunc, error) {
	ctx, done := in.untilClosed(ctx)
	defer done()
	for {
		if in.ended {
			return nil, nil, service.ErrEndOfInput
		}
		if in.run == nil {
			if err := in.begin(ctx); err != nil {
				return nil, nil, in.trouble(ctx, err)
			}
		}
		cards, end, err := in.run.next(ctx)
		if err != nil {
			return nil, nil, in.trouble(ctx, err)
		}
		in.reach(end)
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		release, err := in.checkpoint.Track(ctx, in.reached, int64(max(len(cards), 1)))
		if err != nil {
			return nil, nil, err
		}
		if end {
			in.finished()
		}
		if len(cards) == 0 {
			in.acknowledged(ctx, release)
			continue
		}
		return in.messages(cards), func(ctx context.Context, _ error) error {
			// The error is ignored on purpose: with auto_replay_nacks a refused
			// batch comes again before this is called; switching that off is the
			// wish to drop, so the cursor must move on.
			in.acknowledged(ctx, release)
			return nil
		}, nil
	}
}

// trouble turns an error of a run into what the engine understands.
func (in *Input) trouble(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	in.run, in.owed = nil, true
	in.metrics.runs.Incr(1, "failed")
	return in.stop(err, service.ErrNotConnected)
}

// begin waits until a run is due and starts it.
func (in *Input) begin(ctx context.Context) error {
	if !in.owed {
		at := in.conf.schedule.next(in.lastRun, time.Now())
		// In steps: the clock may be set, or the machine sleep, meanwhile.
		for wait := time.Until(at); wait > 0; wait = time.Until(at) {
			if err := sleep(ctx, min(wait, time.Minute)); err != nil {
				return err
			}
		}
	}
	now := time.Now()
	if in.reached.ahead(now) {
		in.log.Warn("The cursor is in the future, the clock was set back: everything is read again. That is harmless: what has not changed is not written.")
		in.reached.Position = time.Time{}
	}
	tags, err := in.resolve(ctx, false)
	if err != nil {
		return err
	}
	if in.order.broken {
		in.order = order{lag: in.order.lag, span: in.order.span}
	}
	in.run = in.newRun(now, in.reached)
	if len(tags) > 0 {
		in.run.sweep(tags)
	}
	in.lastRun, in.owed = now, false
	return nil
}

// reach notes what is safe once all that was read is acknowledged. It never goes
// back: a full read begins far behind the cursor.
func (in *Input) reach(end bool) {
	in.reached.Version, in.reached.Asked = cursorVersion, in.asked
	at := in.run.list.safe()
	if end {
		at = in.run.to
		in.reached.LastRun = in.run.began
		if in.run.full {
			in.reached.LastFull = in.run.began
		}
	}
	if at.After(in.reached.Position) {
		in.reached.Position = at
	}
}

// finished says in a line what a run did.
func (in *Input) finished() {
	r := in.run
	in.run, in.troubled, in.ended = nil, time.Time{}, in.conf.schedule.once
	in.metrics.runs.Incr(1, "completed")
	if r.full {
		for _, text := range r.unmatched() {
			in.log.Warn(text)
		}
	}
	in.log.Info(r.summary(time.Since(r.began)))
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

// endTries is how often the last cursor of a run, which may have no successor
// for long, is written before it is left to the next run.
const endTries = 5

// acknowledged moves the cursor as far as everything is acknowledged. That it
// cannot be written is no reason to refuse the cards, which are safe: what is
// due is written with the next acknowledgement.
func (in *Input) acknowledged(ctx context.Context, release func() *cursor) {
	in.cursorMu.Lock()
	defer in.cursorMu.Unlock()
	reached := release()
	if reached == nil || reached.Position.IsZero() || *reached == in.saved {
		return
	}
	if in.conf.readOnly {
		in.saved = *reached
		return
	}
	tries := 1
	if !reached.LastRun.Equal(in.saved.LastRun) {
		tries = endTries
	}
	again := in.conf.backoff.Start()
	for {
		err := store(ctx, in.res, in.conf.cache, in.conf.key, *reached)
		if err == nil {
			in.saved = *reached
			return
		}
		in.metrics.cursorErrors.Incr(1)
		if tries--; tries > 0 && again.Wait(ctx, 0) == nil {
			continue
		}
		in.log.Warnf("%v; it is written with the next page, until then cards may be read again", err)
		return
	}
}

func (in *Input) position() time.Time {
	in.cursorMu.Lock()
	defer in.cursorMu.Unlock()
	return in.saved.Position
}

// ConnectionTest asks Sansan once whether it knows the key and the tags.
func (in *Input) ConnectionTest(ctx context.Context) service.ConnectionTestResults {
	err := in.client.Me(ctx)
	if err == nil && len(in.conf.tags) > 0 {
		var missing []string
		if _, missing, err = resolve(ctx, in.conf.tags, in.client.Tags); err == nil && len(missing) > 0 {
			err = missingTags(missing)
		}
	}
	if err != nil {
		return service.ConnectionTestFailed(explain(err)).AsList()
	}
	return service.ConnectionTestSucceeded().AsList()
}

// Close ends every wait.
func (in *Input) Close(context.Context) error {
	in.once.Do(func() {
		in.cancel()
		in.ticker.Wait()
		in.client.Close()
	})
	return nil
}
