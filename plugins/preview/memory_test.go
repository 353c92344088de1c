package preview

import (
	"testing"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/require"
)

func TestMemoryLiesOverACache(t *testing.T) {
	res := service.MockResources(service.MockResourcesOptAddCache("below"))
	c := &memory{res: res, below: "below", items: map[string][]byte{}}
	ctx := t.Context()
	below := func(do func(service.Cache)) { require.NoError(t, res.AccessCache(ctx, "below", do)) }
	below(func(b service.Cache) { require.NoError(t, b.Set(ctx, "old", []byte("1"), nil)) })

	got, err := c.Get(ctx, "old")
	require.NoError(t, err)
	require.Equal(t, "1", string(got))
	_, err = c.Get(ctx, "none")
	require.ErrorIs(t, err, service.ErrKeyNotFound)
	require.ErrorIs(t, c.Add(ctx, "old", []byte("2"), nil), service.ErrKeyAlreadyExists)

	require.NoError(t, c.Set(ctx, "old", []byte("2"), nil))
	require.NoError(t, c.Add(ctx, "new", []byte("3"), nil))
	require.ErrorIs(t, c.Add(ctx, "new", []byte("4"), nil), service.ErrKeyAlreadyExists)
	got, err = c.Get(ctx, "old")
	require.NoError(t, err)
	require.Equal(t, "2", string(got))
	require.NoError(t, c.Delete(ctx, "old"))
	_, err = c.Get(ctx, "old")
	require.ErrorIs(t, err, service.ErrKeyNotFound)

	below(func(b service.Cache) {
		got, err := b.Get(ctx, "old")
		require.NoError(t, err)
		require.Equal(t, "1", string(got), "below nothing has changed")
		_, err = b.Get(ctx, "new")
		require.ErrorIs(t, err, service.ErrKeyNotFound)
	})
}
