package sansaninput

import (
	"context"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
)

// Progress is how far a reader has come, for those who look at it from outside.
type Progress struct {
	// Position: every card updated up to then was acknowledged. Zero: none was.
	Position time.Time `json:"position,omitzero"`
	LastRun  time.Time `json:"last_run,omitzero"`
	LastFull time.Time `json:"last_full_read,omitzero"`
}

// ReadProgress reads the cursor from a cache resource and leaves it as it is.
func ReadProgress(ctx context.Context, res *service.Resources, cache, key string) (Progress, error) {
	cur, err := load(ctx, res, cache, key)
	return Progress{Position: cur.Position, LastRun: cur.LastRun, LastFull: cur.LastFull}, err
}

// NextRun says when the run after the one begun at last begins; zero with
// schedule once, where something else starts the runs.
func NextRun(text string, last, now time.Time) (time.Time, error) {
	s, err := scheduleOf(text)
	if err != nil || s.once {
		return time.Time{}, err
	}
	return s.next(last, now), nil
}
