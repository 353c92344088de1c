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

// cursorVersion of the form in which a cursor is kept.
const cursorVersion = 1

// cursor is how far the cards were read and acknowledged.
type cursor struct {
	Version int `json:"version"`
	// Position: every card updated up to then was acknowledged.
	Position time.Time `json:"position"`
	// Asked is what was read: other owners or tags need a full read.
	Asked    string    `json:"asked"`
	LastFull time.Time `json:"last_full_read,omitzero"`
	LastRun  time.Time `json:"last_run,omitzero"`
}

var errUnreadableCursor = errors.New("the cursor cannot be read")

// load reads the cursor. A missing one is zero; an unreadable one is
// errUnreadableCursor; anything else is trouble of the cache.
func load(ctx context.Context, res *service.Resources, cache, key string) (cur cursor, err error) {
	var value []byte
	var getErr error
	err = res.AccessCache(ctx, cache, func(c service.Cache) { value, getErr = c.Get(ctx, key) })
	if err == nil {
		err = getErr
	}
	if errors.Is(err, service.ErrKeyNotFound) {
		return cursor{}, nil
	}
	if err != nil {
		return cursor{}, fmt.Errorf("reading the cursor from cache %s: %w", cache, err)
	}
	if err := json.Unmarshal(value, &cur); err != nil {
		return cursor{}, errUnreadableCursor
	}
	if cur.Version != cursorVersion || cur.Position.IsZero() || cur.Position.After(time.Now().Add(24*time.Hour)) {
		return cursor{}, errUnreadableCursor
	}
	return cur, nil
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
		return fmt.Errorf("writing the cursor to cache %s: %w", cache, err)
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
