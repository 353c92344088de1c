package sansaninput

import (
	"context"
	"time"
)

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
