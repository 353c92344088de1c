package sansaninput

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
)

const (
	// cursorVersion of the form in which a cursor is kept.
	cursorVersion = 1
	// clockSlack is how far clocks may differ. A cursor further ahead than this
	// would hide all that changes until then.
	clockSlack = time.Minute
)

// cursor is how far the cards were read and acknowledged.
type cursor struct {
	Version int `json:"version"`
	// Position: every card updated up to then was acknowledged.
	Position time.Time `json:"position"`
	// Asked is what was read: other owners or tags need a full read.
	Asked string `json:"asked"`
	// LastFull is when the last full read began that came to its end.
	LastFull time.Time `json:"last_full_read,omitzero"`
	// LastRun is when the last run began that came to its end.
	LastRun time.Time `json:"last_run,omitzero"`
}

var (
	errUnreadableCursor = errors.New("the cursor cannot be read")
	// errCache is trouble of the cache itself, which may pass.
	errCache = errors.New("the cursor's cache")
)

// cursorOf reads a cursor as it was kept. Unknown fields are ignored.
func cursorOf(value []byte, now time.Time) (cursor, error) {
	var cur cursor
	if err := json.Unmarshal(value, &cur); err != nil {
		return cursor{}, errUnreadableCursor
	}
	if cur.Version != cursorVersion || cur.Position.IsZero() || cur.ahead(now) {
		return cursor{}, errUnreadableCursor
	}
	return cur, nil
}

// ahead of the clock: the cursor is of no use.
func (c cursor) ahead(now time.Time) bool { return c.Position.After(now.Add(clockSlack)) }

// load reads the cursor. A missing one is zero; one that cannot be read is
// errUnreadableCursor; anything else is errCache.
func load(ctx context.Context, res *service.Resources, cache, key string) (cursor, error) {
	var value []byte
	var getErr error
	err := res.AccessCache(ctx, cache, func(c service.Cache) { value, getErr = c.Get(ctx, key) })
	if err == nil {
		err = getErr
	}
	if errors.Is(err, service.ErrKeyNotFound) {
		return cursor{}, nil
	}
	if err != nil {
		return cursor{}, fmt.Errorf("%w %s: reading: %w", errCache, cache, err)
	}
	return cursorOf(value, time.Now())
}

func store(ctx context.Context, res *service.Resources, cache, key string, cur cursor) error {
	cur.Version = cursorVersion
	value, err := json.Marshal(cur)
	if err != nil {
		return err
	}
	var setErr error
	err = res.AccessCache(ctx, cache, func(c service.Cache) { setErr = c.Set(ctx, key, value, nil) })
	if err == nil {
		err = setErr
	}
	if err != nil {
		return fmt.Errorf("%w %s: writing: %w", errCache, cache, err)
	}
	return nil
}

// asked names what a configuration reads. The key is not part of it: keys are
// renewed.
func asked(c config) string {
	host := ""
	if u, err := url.Parse(c.client.BaseURL); err == nil {
		host = u.Host
	}
	text, _ := json.Marshal([]any{host, c.rng, c.owners, c.tags, c.includePast, c.start.Unix()})
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}
