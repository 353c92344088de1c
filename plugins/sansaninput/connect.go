package sansaninput

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"

	"sansansatori/plugins/oneshot"
	"sansansatori/plugins/sansan"
)

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
