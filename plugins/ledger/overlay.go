package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// overlay answers as its base would if all that was written to it had been
// written there.
type overlay struct {
	base Store

	mu       sync.Mutex
	layer    map[Key]*layered
	requests map[string]*pending
}

// pending is a request and how many of its intents, which stand in the layer,
// are open.
type pending struct {
	processCode string
	open        int
}

// layered is a customer that was touched: how the base has it and how it is now.
// nil means there is none.
type layered struct {
	base, now *Customer
	request   string // whose intent is open; empty when nobody waits for it
	written   time.Time
}

// Overlay lays memory over a ledger, for dry runs: reads fall through, writes
// stay in memory and are gone at Close, which closes the ledger below too.
// Requests that a gone process left behind stay where they are.
func Overlay(base Store) Store {
	return &overlay{base: base, layer: map[Key]*layered{}, requests: map[string]*pending{}}
}

// touch brings customers into the layer; mu is held.
func (o *overlay) touch(ctx context.Context, keys []Key) error {
	missing := keyList(keys)
	missing = slices.DeleteFunc(missing, func(k Key) bool { return o.layer[k] != nil })
	if len(missing) == 0 {
		return nil
	}
	found, err := o.base.Load(ctx, missing)
	if err != nil {
		return err
	}
	for _, k := range missing {
		o.layer[k] = &layered{base: found[k], now: found[k]}
	}
	return nil
}

// edit gives a copy of the customer that may be changed: what Load gave out
// stays as it was.
func (l *layered) edit() *Customer {
	c := &Customer{}
	if l.now != nil {
		*c = *l.now
	}
	l.now = c
	return c
}

func (o *overlay) Claim(_ context.Context, keys []Key) ([]Key, error) { return keys, nil }
func (o *overlay) Release(context.Context, []Key) error               { return nil }

func (o *overlay) Load(ctx context.Context, keys []Key) (map[Key]*Customer, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	found := make(map[Key]*Customer, len(keys))
	var below []Key
	for _, k := range keys {
		if l := o.layer[k]; l == nil {
			below = append(below, k)
		} else if l.now != nil {
			found[k] = l.now
		}
	}
	if len(below) == 0 {
		return found, nil
	}
	rest, err := o.base.Load(ctx, below)
	maps.Copy(found, rest)
	return found, err
}

func (o *overlay) Begin(ctx context.Context, req Request) error {
	if _, err := sortedIntents(req.Intents); err != nil { // what a database refuses
		return fmt.Errorf("recording a request: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	keys := make([]Key, len(req.Intents))
	for i, intent := range req.Intents {
		keys[i] = intent.Key
	}
	if err := o.touch(ctx, keys); err != nil {
		return fmt.Errorf("recording a request: %w", err)
	}
	stored := make([]Intent, len(req.Intents))
	for i, intent := range req.Intents {
		var err error
		if stored[i], err = roundTrip(filled(intent)); err != nil {
			return fmt.Errorf("recording a request: %w", err)
		}
	}
	if o.requests[req.ID] == nil {
		o.requests[req.ID] = &pending{processCode: req.ProcessCode}
	}
	for i := range stored {
		l := o.layer[stored[i].Key]
		o.close(l)
		l.edit().Open = &stored[i]
		l.request = req.ID
		o.requests[req.ID].open++
	}
	return nil
}

// close parts a customer from the request that waits for it, if one does. A
// request without customers is forgotten when it is settled.
func (o *overlay) close(l *layered) {
	if req := o.requests[l.request]; req != nil && l.request != "" {
		req.open--
	}
	l.request = ""
}

// roundTrip gives a value the shape in which a database would return it.
func roundTrip[T any](v T) (stored T, err error) {
	text, err := encode(v)
	if err == nil {
		err = json.Unmarshal([]byte(text), &stored)
	}
	return stored, err
}

func (o *overlay) Uploaded(_ context.Context, requestID, processCode string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	req := o.requests[requestID]
	if req == nil {
		return fmt.Errorf("noting a process code: %w", ErrLost)
	}
	req.processCode = processCode
	return nil
}

func (o *overlay) Settle(_ context.Context, requestID string, confirmed, withdrawn []Key) error {
	if _, _, err := settling(confirmed, withdrawn); err != nil {
		return fmt.Errorf("settling a request: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	req := o.requests[requestID]
	if req == nil {
		return nil // settled already
	}
	for _, k := range confirmed {
		if l := o.layer[k]; l != nil && l.request == requestID {
			o.close(l)
			l.confirm()
		}
	}
	for _, k := range withdrawn {
		if l := o.layer[k]; l != nil && l.request == requestID {
			o.close(l)
			l.withdraw()
		}
	}
	if req.open == 0 {
		delete(o.requests, requestID)
	}
	return nil
}

func (l *layered) confirm() {
	c := l.edit()
	applied := make(Cards, len(c.Applied)+len(c.Open.Cards))
	maps.Copy(applied, c.Applied)
	maps.Copy(applied, c.Open.Cards)
	c.Known, c.Held, c.Applied, c.Open = true, c.Open.Held, applied, nil
	l.written = time.Now()
}

func (l *layered) withdraw() {
	c := l.edit()
	c.Open = c.Open.Prior
	if c.Open == nil && !c.Known {
		l.now = nil
	}
}

func (o *overlay) Abandoned(context.Context) ([]Request, error) { return nil, nil }

func (o *overlay) Import(ctx context.Context, customers []Imported) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	keys := make([]Key, len(customers))
	for i, c := range customers {
		keys[i] = c.Key
	}
	if err := o.touch(ctx, keys); err != nil {
		return fmt.Errorf("importing customers: %w", err)
	}
	for _, imported := range customers {
		held, err := roundTrip(imported.Held)
		if err != nil {
			return fmt.Errorf("importing customers: %w", err)
		}
		if held == nil {
			held = Values{}
		}
		l := o.layer[imported.Key]
		c := l.edit()
		c.Known, c.Held, l.written = true, held, time.Now()
		if c.Applied == nil {
			c.Applied = Cards{}
		}
	}
	return nil
}

func (o *overlay) Erase(ctx context.Context, key Key) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.touch(ctx, []Key{key}); err != nil {
		return false, fmt.Errorf("erasing a customer: %w", err)
	}
	l := o.layer[key]
	found := l.now != nil
	o.close(l)
	l.now = nil
	return found, nil
}

// Stats are the base's, with what the layer adds and takes.
func (o *overlay) Stats(ctx context.Context) (Stats, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	st, err := o.base.Stats(ctx)
	if err != nil {
		return Stats{}, err
	}
	for _, l := range o.layer {
		st.add(l.base, -1)
		st.add(l.now, 1)
		if l.written.After(st.LastWrite) {
			st.LastWrite = l.written.UTC()
		}
	}
	return st, nil
}

func (st *Stats) add(c *Customer, n int64) {
	if c == nil {
		return
	}
	if c.Known {
		st.Customers += n
		st.Cards += n * int64(len(c.Applied))
	}
	if c.Open != nil {
		st.Open += n
	}
}

// Close forgets all and closes the ledger below.
func (o *overlay) Close() error { return o.base.Close() }
