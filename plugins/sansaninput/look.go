package sansaninput

import (
	"context"
	"encoding/json"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"

	"sansansatori/plugins/sansan"
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

// WantsOwner says whether the field `owners` lets an owner's cards pass.
func WantsOwner(list []string, owner sansan.Person) bool { return newOwners(list).want(owner) }

// WantsTag says whether the field `tags` asks for a tag.
func WantsTag(list []string, tag sansan.Tag) bool {
	for _, wanted := range list {
		if comparable(wanted) == comparable(tag.Name) || comparable(wanted) == comparable(tag.ID) {
			return true
		}
	}
	return false
}

// Client makes the API client of a configuration, for those who ask Sansan
// beside a run.
func Client(conf map[string]any) (*sansan.Client, error) {
	text, err := json.Marshal(conf)
	if err != nil {
		return nil, err
	}
	parsed, err := inputSpec().ParseYAML(string(text), service.GlobalEnvironment())
	if err != nil {
		return nil, err
	}
	c, err := configFromParsed(parsed)
	if err != nil {
		return nil, err
	}
	return sansan.New(c.client)
}
