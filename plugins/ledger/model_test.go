package ledger_test

import (
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sansansatori/plugins/ledger"
)

// model is a ledger as one would explain it.
type model struct {
	customers map[Key]*ledger.Customer
	waiting   map[Key]string // request whose intent is open
}

func (m *model) of(k Key) *ledger.Customer {
	c := &ledger.Customer{}
	if m.customers[k] != nil {
		*c = *m.customers[k]
	}
	m.customers[k] = c
	return c
}

func (m *model) begin(req ledger.Request) {
	for _, i := range req.Intents {
		m.of(i.Key).Open = &i
		m.waiting[i.Key] = req.ID
	}
}

func (m *model) settle(id string, confirmed, withdrawn []Key) {
	for _, k := range confirmed {
		if m.waiting[k] != id {
			continue
		}
		c := m.of(k)
		applied := Cards{}
		maps.Copy(applied, c.Applied)
		maps.Copy(applied, c.Open.Cards)
		c.Known, c.Held, c.Applied, c.Open = true, c.Open.Held, applied, nil
		delete(m.waiting, k)
	}
	for _, k := range withdrawn {
		if m.waiting[k] != id {
			continue
		}
		c := m.of(k)
		c.Open = c.Open.Prior
		delete(m.waiting, k)
		if c.Open == nil && !c.Known {
			delete(m.customers, k)
		}
	}
}

func (m *model) imported(i ledger.Imported) {
	c := m.of(i.Key)
	c.Known, c.Held = true, i.Held
	if c.Applied == nil {
		c.Applied = Cards{}
	}
}

func (m *model) erase(k Key) bool {
	_, found := m.customers[k]
	delete(m.customers, k)
	delete(m.waiting, k)
	return found
}

var world atomic.Int64 // each check has customers of its own in the one store

// likeAModel does the same at random to the store and to a model.
func likeAModel(t *testing.T, b *bench) {
	rapid.Check(t, func(rt *rapid.T) {
		at := world.Add(1)
		population := make([]Key, 6)
		for i := range population {
			population[i] = key(fmt.Sprintf("world%d-%d", at, i))
		}
		granted, err := b.Claim(t.Context(), population)
		require.NoError(rt, err)
		require.Len(rt, granted, len(population))
		m := &model{customers: map[Key]*ledger.Customer{}, waiting: map[Key]string{}}
		some := func(label string) []Key {
			return rapid.SliceOfNDistinct(rapid.SampledFrom(population), 0, 4, rapid.ID[Key]).Draw(rt, label)
		}
		request := func() string { return fmt.Sprintf("world%d-request%d", at, rapid.IntRange(0, 3).Draw(rt, "request")) }
		rt.Repeat(map[string]func(*rapid.T){
			"begin": func(rt *rapid.T) {
				req := ledger.Request{ID: request(), Verb: "upsert"}
				for row, k := range some("customers") {
					i := ledger.Intent{Key: k, Row: row, Verb: "upsert", Held: values(rt), Cards: cards(rt)}
					if c := m.customers[k]; c != nil {
						i.Prior = c.Open
					}
					req.Intents = append(req.Intents, i)
				}
				_, err := b.Claim(t.Context(), population)
				require.NoError(rt, err)
				require.NoError(rt, b.Begin(t.Context(), req))
				m.begin(req)
			},
			"settle": func(rt *rapid.T) {
				id, confirmed := request(), some("confirmed")
				withdrawn := slices.DeleteFunc(some("withdrawn"), func(k Key) bool { return slices.Contains(confirmed, k) })
				require.NoError(rt, b.Settle(t.Context(), id, confirmed, withdrawn))
				m.settle(id, confirmed, withdrawn)
			},
			"import": func(rt *rapid.T) {
				var list []ledger.Imported
				for _, k := range some("customers") {
					list = append(list, ledger.Imported{Key: k, Held: values(rt)})
				}
				require.NoError(rt, b.Import(t.Context(), list))
				for _, i := range list {
					m.imported(i)
				}
			},
			"erase": func(rt *rapid.T) {
				k := rapid.SampledFrom(population).Draw(rt, "customer")
				found, err := b.Erase(t.Context(), k)
				require.NoError(rt, err)
				require.Equal(rt, m.erase(k), found)
			},
			"": func(rt *rapid.T) {
				got, err := b.Load(t.Context(), population)
				require.NoError(rt, err)
				require.Equal(rt, m.customers, got)
			},
		})
	})
}

func values(rt *rapid.T) Values {
	scalar := rapid.OneOf(rapid.StringMatching(`[a-zあ-お"\\<\t😀 ]{0,6}`).AsAny(), rapid.Float64Range(-1e6, 1e6).AsAny(), rapid.Bool().AsAny(),
		rapid.Just([]any{"x", 1.0}).AsAny())
	return rapid.MapOfN(rapid.SampledFrom([]string{"email", "last_name", `custom:"q"`, "append_tags"}), scalar, 0, 3).Draw(rt, "values")
}

func cards(rt *rapid.T) Cards {
	return rapid.MapOfN(rapid.SampledFrom([]string{"c1", "c2", "c3"}), rapid.StringMatching(`[0-9a-f]{4}`), 0, 2).Draw(rt, "cards")
}
