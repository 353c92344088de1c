package preview

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
)

// memory lies over a cache: what is written stays here, what is not found here
// is read from below.
type memory struct {
	res   *service.Resources
	below string

	mu    sync.Mutex
	items map[string][]byte // nil: deleted
}

func newMemory(conf *service.ParsedConfig, res *service.Resources) (service.Cache, error) {
	below, err := conf.FieldString("below")
	return &memory{res: res, below: below, items: map[string][]byte{}}, err
}

func (c *memory) Get(ctx context.Context, key string) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.get(ctx, key)
}

func (c *memory) get(ctx context.Context, key string) (value []byte, err error) {
	if value, ok := c.items[key]; ok {
		if value == nil {
			return nil, service.ErrKeyNotFound
		}
		return value, nil
	}
	var getErr error
	err = c.res.AccessCache(ctx, c.below, func(below service.Cache) { value, getErr = below.Get(ctx, key) })
	if err == nil {
		err = getErr
	}
	return value, err
}

func (c *memory) Set(_ context.Context, key string, value []byte, _ *time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.items[key] = append([]byte{}, value...)
	return nil
}

func (c *memory) Add(ctx context.Context, key string, value []byte, _ *time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.get(ctx, key)
	switch {
	case err == nil:
		return service.ErrKeyAlreadyExists
	case !errors.Is(err, service.ErrKeyNotFound):
		return err
	}
	c.items[key] = append([]byte{}, value...)
	return nil
}

func (c *memory) Delete(_ context.Context, key string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.items[key] = nil
	return nil
}

func (c *memory) Close(context.Context) error { return nil }
