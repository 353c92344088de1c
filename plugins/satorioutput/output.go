// Package satorioutput is the output satori_output: it decides what becomes of
// each customer, writes to SATORI and remembers what SATORI holds.
package satorioutput

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"

	"sansansatori/plugins/decide"
	"sansansatori/plugins/items"
	"sansansatori/plugins/ledger"
	"sansansatori/plugins/oneshot"
	"sansansatori/plugins/satori"
)

// Output gathers customers from concurrent WriteBatch calls into groups; a
// group is decided, written and journaled as one (group.go).
type Output struct {
	conf    config
	log     *service.Logger
	metrics *metrics
	client  *satori.Client
	journal *journal
	checker *items.Checker
	rule    decide.Rule
	queue   *queue
	tally   tally

	connectMu sync.Mutex // one Connect at a time
	store     ledger.Store
	running   bool // the group loop is up
	closed    bool

	jobs   chan struct{} // a slot for each job that may run at once
	ctx    context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup
	pace   *jobPace

	stopMu  sync.Mutex
	stopErr error     // why nothing can be written now: keys refused, a guard
	stopped time.Time // since when
	final   bool      // waiting does not mend it
}

func newOutput(conf config, res *service.Resources) (*Output, error) {
	o := &Output{
		conf: conf, log: res.Logger(), metrics: newMetrics(res.Metrics()),
		checker: items.NewChecker(conf.links, conf.master), rule: ruleOf(conf.overwrite),
		queue: newQueue(conf.gather), jobs: make(chan struct{}, conf.jobs),
		pace: newJobPace(conf.poll),
	}
	o.queue.newRun = o.tally.newRun
	var err error
	if o.journal, err = newJournal(res, conf.journal, conf.dryRun); err != nil {
		return nil, err
	}
	conf.client.Call.Observe = o.metrics.observe
	if o.client, err = satori.New(conf.client); err != nil {
		return nil, err
	}
	// Work goes on for as long as the output is open, whichever call began it.
	o.ctx, o.cancel = context.WithCancel(context.Background())
	if conf.ledger.Driver == "sqlite" {
		// A ledger that another process holds ends the start, with its name.
		if err = o.openLedger(o.ctx); err != nil {
			o.cancel()
			return nil, err
		}
	}
	for _, w := range conf.warnings {
		o.log.Warn(w)
	}
	return o, nil
}

func (o *Output) openLedger(ctx context.Context) error {
	if o.store != nil {
		return nil
	}
	store, err := ledger.Open(ctx, o.conf.ledger)
	if err != nil {
		return fmt.Errorf("opening the ledger: %w", err)
	}
	if o.conf.dryRun {
		store = ledger.Overlay(store)
	}
	o.store = store
	return nil
}

// Connect checks the keys, takes over what an earlier process left, and starts
// the group loop. It is called again after trouble that stops all writing.
func (o *Output) Connect(ctx context.Context) error {
	o.connectMu.Lock()
	defer o.connectMu.Unlock()
	if o.closed {
		return service.ErrEndOfInput
	}
	if err := o.stillStopped(); err != nil {
		return service.NewErrBackOff(err, o.conf.backoff.Max)
	}
	if err := o.openLedger(ctx); err != nil {
		return err
	}
	if !o.conf.dryRun {
		if err := o.client.Probe(ctx); isClass(err, satori.Unauthorized) {
			o.metrics.authorized.Set(0)
			err = o.keysRefused(err)
			return service.NewErrBackOff(err, o.conf.backoff.Max)
		}
		o.metrics.authorized.Set(1)
	}
	if o.running {
		return nil
	}
	if err := o.sayFirstRun(ctx); err != nil {
		return err
	}
	o.running = true
	o.group.Add(1)
	go o.loop()
	return nil
}

func (o *Output) sayFirstRun(ctx context.Context) error {
	stats, err := o.store.Stats(ctx)
	if err != nil {
		return fmt.Errorf("reading the ledger: %w", err)
	}
	if stats.Customers == 0 {
		o.log.Info("The ledger is empty. Customers that SATORI holds already are unknown until config/import.yaml has read its export; until then they are registered, which never overwrites a value.")
	}
	return nil
}

// ConnectionTest asks SATORI whether it knows the keys, and opens the ledger.
func (o *Output) ConnectionTest(ctx context.Context) service.ConnectionTestResults {
	if err := o.client.Probe(ctx); err != nil {
		return service.ConnectionTestFailed(err).AsList()
	}
	o.connectMu.Lock()
	defer o.connectMu.Unlock()
	if err := o.openLedger(ctx); err != nil {
		return service.ConnectionTestFailed(err).AsList()
	}
	return service.ConnectionTestSucceeded().AsList()
}

// WriteBatch waits until each of its customers is decided and, where something
// is to be written, until SATORI confirmed or refused it.
func (o *Output) WriteBatch(ctx context.Context, batch service.MessageBatch) error {
	if err := o.guard(nil); err != nil {
		o.stop(err, true)
	}
	if o.stillStopped() != nil {
		return service.ErrNotConnected
	}
	if len(batch) == 0 {
		return nil
	}
	c := &call{results: make([]error, len(batch)), left: len(batch), done: make(chan struct{})}
	var cards []*waiting
	var pages []page
	var at []int // the message of each entry
	var entries []entry
	var refusals []error
	now := time.Now()
	for i, m := range batch {
		w, e, err := intake(m, o.checker)
		if e != nil {
			entries, refusals, at = append(entries, *e), append(refusals, err), append(at, i)
			if p := pageOf(m); len(pages) == 0 || pages[len(pages)-1] != p {
				pages = append(pages, p)
			}
			continue
		}
		w.call, w.index, w.arrived = c, i, now
		cards = append(cards, w)
		if len(pages) == 0 || pages[len(pages)-1] != w.page {
			pages = append(pages, w.page)
		}
	}
	o.queue.add(pages, cards)
	if err := o.persist(ctx, func(ctx context.Context) error { return o.record(ctx, entries) }); err != nil {
		o.queue.drop(c)
		return err
	}
	for k, i := range at {
		o.queue.finish(&waiting{call: c, index: i}, refusals[k])
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		o.queue.drop(c)
		return ctx.Err()
	case <-o.ctx.Done():
		return service.ErrNotConnected
	}
	for _, err := range c.results {
		if errors.Is(err, service.ErrNotConnected) {
			return service.ErrNotConnected // nothing was refused: the engine waits for Connect and calls again
		}
	}
	return c.batchError(batch)
}

// record journals decisions and counts them.
func (o *Output) record(ctx context.Context, entries []entry) error {
	if err := o.journal.write(ctx, entries); err != nil {
		return err
	}
	o.metrics.decided(entries)
	o.tally.add(entries)
	return nil
}

// Close lets go of everything. A job that still runs at SATORI is not lost: the
// ledger knows it, and the next start asks for its outcome.
func (o *Output) Close(ctx context.Context) error {
	o.cancel()
	ended := make(chan struct{})
	go func() { o.group.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	o.connectMu.Lock()
	defer o.connectMu.Unlock()
	if o.closed {
		return nil
	}
	o.closed = true
	if text := o.tally.summary(); text != "" {
		o.log.Info(text)
	}
	if o.store == nil {
		return nil
	}
	return o.store.Close()
}

// persist does what must not fail for a passing reason (a full disk, a database
// that restarts): it tries until it is done or ctx ends. Only a claim that
// another process has taken is given back, as ledger.ErrLost.
func (o *Output) persist(ctx context.Context, do func(context.Context) error) error {
	retry := o.conf.backoff
	retry.MaxElapsed = 0
	again := retry.Start()
	said := ""
	for {
		err := do(ctx)
		if err == nil || ctx.Err() != nil || errors.Is(err, ledger.ErrLost) {
			return errors.Join(err, ctx.Err())
		}
		if text := err.Error(); text != said {
			o.log.Errorf("%s; trying again, nothing is acknowledged meanwhile", text)
			said = text
		}
		o.metrics.retries.Incr(1, "record")
		if err := again.Wait(ctx, 0); err != nil {
			return err
		}
	}
}

// keysRefused: SATORI does not know the keys. A run that was asked for once ends
// here; any other waits, and looks again slowly.
func (o *Output) keysRefused(cause error) error {
	err := fmt.Errorf("SATORI refuses the keys: check user_key, user_secret, company_key and company_secret (%w)", cause)
	o.stop(err, false)
	return err
}

// stop keeps all writing from going on. final stops are not looked at again.
func (o *Output) stop(err error, final bool) {
	o.stopMu.Lock()
	first := o.stopErr == nil
	o.stopErr, o.stopped, o.final = err, time.Now(), final
	o.stopMu.Unlock()
	if oneshot.Fail(err) {
		return
	}
	if first {
		o.log.Error(err.Error())
	}
}

func (o *Output) stillStopped() error {
	o.stopMu.Lock()
	defer o.stopMu.Unlock()
	if o.stopErr != nil && !o.final && time.Since(o.stopped) >= o.conf.backoff.Max {
		o.stopErr = nil
	}
	return o.stopErr
}

func isClass(err error, class satori.Class) bool {
	var e *satori.Error
	return errors.As(err, &e) && e.Class == class
}
