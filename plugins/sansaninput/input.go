// Package sansaninput is the input sansan_input: it reads business cards from
// Sansan and remembers how far it came.
package sansaninput

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
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

// untilClosed gives a context that ends with Close as well.
func (in *Input) untilClosed(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(in.ctx, cancel)
	return ctx, func() { stop(); cancel() }
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
		return in.messages(cards, end), func(ctx context.Context, _ error) error {
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

// messages of a page. The output need not wait for more after a run's last one.
func (in *Input) messages(cards []sansan.Card, last bool) service.MessageBatch {
	in.sequence++
	sequence := in.id + "/" + strconv.FormatInt(in.sequence, 10)
	if last {
		sequence += "/last"
	}
	batch := make(service.MessageBatch, len(cards))
	for i, card := range cards {
		m := service.NewMessage(nil)
		m.SetStructured(card.Content)
		m.MetaSetMut("sansan_card_id", card.ID)
		m.MetaSetMut("sansan_updated_time", card.UpdatedText)
		m.MetaSetMut("sansan_sequence", sequence)
		batch[i] = m
	}
	return batch
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
