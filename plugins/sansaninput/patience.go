package sansaninput

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"

	"sansansatori/plugins/apicall"
	"sansansatori/plugins/sansan"
)

// patience waits between attempts: with backoff, and when that is used up, as
// long as the schedule allows. A run that was asked for once then ends, any
// other goes on slowly and says so once.
type patience struct {
	in    *Input
	retry *apicall.Retry
	said  bool
}

func (in *Input) patience() *patience {
	return &patience{in: in, retry: in.conf.backoff.Start()}
}

// wait before the next attempt, after err. Its error is err when there is to be
// no next one, or that of the context.
func (p *patience) wait(ctx context.Context, err error) error {
	var hint time.Duration
	if e := (*sansan.Error)(nil); errors.As(err, &e) {
		hint = e.RetryAfter
	}
	waitErr := p.retry.Wait(ctx, hint)
	if !errors.Is(waitErr, apicall.ErrGaveUp) {
		return waitErr
	}
	conf := p.in.conf
	if conf.schedule.once {
		return fmt.Errorf("no usable answer for %s: %w", conf.backoff.MaxElapsed, err)
	}
	if !p.said {
		p.in.log.Warnf("No usable answer for %s, still trying: %v", conf.backoff.MaxElapsed, err)
		p.said = true
	}
	return sleep(ctx, max(hint, conf.backoff.Max))
}

// patiently repeats what fails as long as its trouble may pass.
func (in *Input) patiently(ctx context.Context, do func() error) error {
	p := in.patience()
	for {
		err := do()
		if err == nil || ctx.Err() != nil || !passing(err) {
			return err
		}
		if err := p.wait(ctx, err); err != nil {
			return err
		}
	}
}

// passing: trouble that may be over by itself.
func passing(err error) bool {
	var e *sansan.Error
	return errors.As(err, &e) && e.Temporary() || errors.Is(err, errCache)
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
