package smtpoutput

import (
	"context"
	"sync"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
)

func init() {
	service.MustRegisterBatchOutput("smtp", outputSpec(),
		func(p *service.ParsedConfig, res *service.Resources) (service.BatchOutput, service.BatchPolicy, int, error) {
			conf, err := configFromParsed(p)
			if err != nil {
				return nil, service.BatchPolicy{}, 0, err
			}
			return newOutput(conf, res), service.BatchPolicy{}, 1, nil
		})
}

type counter interface {
	Incr(n int64, labels ...string)
}

// Output tells people by mail what messages reached it. It never fails one.
type Output struct {
	conf               config
	log                *service.Logger
	sent, fails, drops counter

	mu      sync.Mutex
	open    *digest // gathered since the last mail; nil: nothing
	missed  int     // messages of dropped mails
	running bool
	closed  bool

	begun chan struct{} // has one entry when open became non-nil
	end   context.CancelFunc
	loop  sync.WaitGroup
}

func newOutput(conf config, res *service.Resources) *Output {
	o := &Output{
		conf:  conf,
		log:   res.Logger(),
		sent:  res.Metrics().NewCounter("smtp_sent"),
		fails: res.Metrics().NewCounter("smtp_failed"),
		drops: res.Metrics().NewCounter("smtp_dropped"),
		begun: make(chan struct{}, 1),
	}
	// They exist before their first event, which Prometheus' increase() would not
	// see otherwise.
	for _, c := range []counter{o.sent, o.fails, o.drops} {
		c.Incr(0)
	}
	return o
}

// Connect does not call the server: one that is down must not stop the pipeline.
// ConnectionTest does.
func (o *Output) Connect(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.running || o.closed || o.conf.period <= 0 {
		return nil
	}
	// The sender outlives this call and ends with Close.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	o.running, o.end = true, cancel
	o.loop.Go(func() { o.send(ctx) })
	return nil
}

// ConnectionTest goes as far as logging in; it sends nothing.
func (o *Output) ConnectionTest(ctx context.Context) service.ConnectionTestResults {
	if err := o.conf.server.check(ctx); err != nil {
		return service.ConnectionTestFailed(err).AsList()
	}
	return service.ConnectionTestSucceeded().AsList()
}

// WriteBatch takes note of messages; with period 0 it sends their mail.
func (o *Output) WriteBatch(ctx context.Context, batch service.MessageBatch) error {
	d := &digest{}
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return service.ErrNotConnected
	}
	gather := o.conf.period > 0
	if gather {
		if o.open == nil {
			o.open = d
			o.begun <- struct{}{}
		}
		d = o.open
	}
	now := time.Now()
	for _, msg := range batch {
		d.add(msg, now, o.conf.reason, o.conf.maxExamples)
	}
	o.mu.Unlock()
	if gather {
		return nil
	}
	if !o.mail(ctx, d, true) {
		return ctx.Err()
	}
	return nil
}

// send mails a digest whenever a period is over.
func (o *Output) send(ctx context.Context) {
	for {
		select {
		case <-o.begun:
		case <-ctx.Done():
			return
		}
		timer := time.NewTimer(o.conf.period)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		d := o.take()
		if !o.mail(ctx, d, true) {
			o.giveBack(d)
			return
		}
	}
}

func (o *Output) take() *digest {
	o.mu.Lock()
	defer o.mu.Unlock()
	d := o.open
	o.open = nil
	return d
}

// mail sends d, trying again as configured, or drops it. It is false when ctx
// ended before either. Without again one try is all.
func (o *Output) mail(ctx context.Context, d *digest, again bool) bool {
	o.mu.Lock()
	d.missed = o.missed
	o.mu.Unlock()
	letter := o.conf.letter(d, time.Now())
	retry := o.conf.backoff.Start()
	for {
		refused, err := o.conf.server.send(ctx, letter)
		if err == nil {
			o.sent.Incr(1)
			o.forget(d.missed)
			if refused > 0 {
				o.log.Warnf("mail sent, but the server refused %d of its recipients", refused)
			}
			return true
		}
		o.fails.Incr(1)
		if again && !permanent(err) {
			if retry.Wait(ctx, 0) == nil {
				continue
			}
			if ctx.Err() != nil {
				return false
			}
		}
		o.drop(d, err)
		return true
	}
}

func (o *Output) forget(told int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.missed -= told
}

func (o *Output) drop(d *digest, err error) {
	o.mu.Lock()
	o.missed += d.count
	o.mu.Unlock()
	o.drops.Incr(1)
	o.log.Warnf("mail about %d messages dropped: %v", d.count, err)
}

// giveBack puts a digest that Close interrupted before what came after it.
func (o *Output) giveBack(d *digest) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if later := o.open; later != nil {
		d.join(later)
	}
	o.open = d
}

// farewell is what the last mail may take out of the engine's shutdown_timeout.
const farewell = 10 * time.Second

// Close sends what was gathered, trying once.
func (o *Output) Close(ctx context.Context) error {
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return nil
	}
	o.closed = true
	end := o.end
	o.mu.Unlock()
	if end != nil {
		end()
		o.loop.Wait()
	}
	if d := o.take(); d != nil {
		ctx, cancel := context.WithTimeout(ctx, farewell)
		defer cancel()
		o.mail(ctx, d, false)
	}
	return nil
}
