package ledger_test

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sansansatori/plugins/ledger"
)

func TestMain(m *testing.M) {
	// Each step of the model is a commit to disk; -rapid.checks asks for more.
	if err := flag.Set("rapid.checks", "25"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

type (
	Key    = ledger.Key
	Values = ledger.Values
	Cards  = ledger.Cards
)

func sqliteConfig(t testing.TB) ledger.Config {
	return ledger.Config{Driver: ledger.DriverSQLite, DSN: filepath.Join(t.TempDir(), "data", "ledger.db")}
}

func openStore(t testing.TB, cfg ledger.Config) ledger.Store {
	t.Helper()
	s, err := ledger.Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestSQLite(t *testing.T) {
	conformance(t, func(t testing.TB) ledger.Store { return openStore(t, sqliteConfig(t)) })
}

func TestOverlay(t *testing.T) {
	conformance(t, func(t testing.TB) ledger.Store { return ledger.Overlay(openStore(t, sqliteConfig(t))) })
	t.Run("over nothing", func(t *testing.T) {
		cfg := sqliteConfig(t)
		cfg.ReadOnly = true
		conformance(t, func(t testing.TB) ledger.Store { return ledger.Overlay(openStore(t, cfg)) })
	})
}

// conformance is what every store promises.
func conformance(t *testing.T, open func(testing.TB) ledger.Store) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *bench)
	}{
		{"an unknown customer is absent", unknownIsAbsent},
		{"an intent is open until it is settled", intentIsOpen},
		{"what is confirmed is held", confirmedIsHeld},
		{"confirming merges cards and replaces values", confirmingMerges},
		{"what is withdrawn gives way to what was before", withdrawnGivesWay},
		{"priors nest", priorsNest},
		{"a settlement may be told in parts and twice", settledInParts},
		{"a settlement leaves other requests alone", settlementIsSeparate},
		{"confirmed and withdrawn at once is refused", contradictionIsRefused},
		{"a customer twice in a request is refused", twiceIsRefused},
		{"a request may be recorded twice", begunTwice},
		{"a process code needs a request", codeNeedsRequest},
		{"import replaces values only", importReplacesValues},
		{"erasing leaves nothing", erasingLeavesNothing},
		{"values come back as JSON", valuesComeBack},
		{"counts", counts},
		{"ten thousand at once", tenThousand},
		{"nothing at once", nothingAtOnce},
		{"many at a time", manyAtATime},
		{"an ended context stops", endedContextStops},
		{"like a model", likeAModel},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, &bench{Store: open(t), t: t}) })
	}
}

// bench is a store with the calls of a test in few words.
type bench struct {
	ledger.Store
	t testing.TB
}

func key(name string) Key { return ledger.KeyOf(name + "@example.com") }

func keys(names ...string) []Key {
	list := make([]Key, len(names))
	for i, name := range names {
		list[i] = key(name)
	}
	return list
}

// intent writes value for name, by a card of that name.
func intent(name string, value any) ledger.Intent {
	return ledger.Intent{Key: key(name), Verb: "upsert", Held: Values{"v": value}, Cards: Cards{"card-" + name: fmt.Sprint(value)}}
}

func (b *bench) begin(id string, intents ...ledger.Intent) {
	b.t.Helper()
	for i := range intents {
		intents[i].Row = i
		granted, err := b.Claim(b.t.Context(), []Key{intents[i].Key})
		require.NoError(b.t, err)
		require.Len(b.t, granted, 1)
	}
	require.NoError(b.t, b.Begin(b.t.Context(), ledger.Request{ID: id, Verb: "upsert", Begun: time.Now(), Intents: intents}))
}

func (b *bench) settle(id string, confirmed, withdrawn []Key) {
	b.t.Helper()
	require.NoError(b.t, b.Settle(b.t.Context(), id, confirmed, withdrawn))
}

// of gives a customer, nil when absent.
func (b *bench) of(name string) *ledger.Customer {
	b.t.Helper()
	got, err := b.Load(b.t.Context(), keys(name))
	require.NoError(b.t, err)
	if len(got) > 0 {
		require.Contains(b.t, got, key(name))
	}
	return got[key(name)]
}

func held(name string, value any) *ledger.Customer {
	return &ledger.Customer{Known: true, Held: Values{"v": value}, Applied: Cards{"card-" + name: fmt.Sprint(value)}}
}

func unknownIsAbsent(t *testing.T, b *bench) {
	require.Nil(t, b.of("a"))
}

func intentIsOpen(t *testing.T, b *bench) {
	i := intent("a", "1")
	b.begin("r", intent("z", "0"), i)
	i.Row = 1
	require.Equal(t, &ledger.Customer{Open: &i}, b.of("a"))
}

func confirmedIsHeld(t *testing.T, b *bench) {
	b.begin("r", intent("a", "1"), intent("b", "2"))
	require.NoError(t, b.Uploaded(t.Context(), "r", "code"))
	b.settle("r", keys("a", "b"), nil)
	require.Equal(t, held("a", "1"), b.of("a"))
	require.Equal(t, held("b", "2"), b.of("b"))
}

func confirmingMerges(t *testing.T, b *bench) {
	b.begin("r1", intent("a", "1"))
	b.settle("r1", keys("a"), nil)
	second := intent("a", "2")
	second.Held = Values{"w": "2"}
	second.Cards = Cards{"other": "2", "card-a": "3"}
	b.begin("r2", second)
	require.Equal(t, "1", b.of("a").Held["v"], "not before it is confirmed")
	b.settle("r2", keys("a"), nil)
	require.Equal(t, &ledger.Customer{Known: true, Held: Values{"w": "2"}, Applied: Cards{"other": "2", "card-a": "3"}}, b.of("a"))
}

func withdrawnGivesWay(t *testing.T, b *bench) {
	b.begin("r1", intent("a", "1"), intent("b", "1"))
	b.settle("r1", nil, keys("a"))
	require.Nil(t, b.of("a"), "nothing was there before")
	b.settle("r1", keys("b"), nil)

	first := intent("b", "2")
	b.begin("r2", first)
	second := intent("b", "3")
	second.Prior = &first
	b.begin("r3", second)
	require.Equal(t, "3", b.of("b").Open.Held["v"])
	b.settle("r3", nil, keys("b"))
	want := held("b", "1")
	want.Open = &first
	require.Equal(t, want, b.of("b"))
}

func priorsNest(t *testing.T, b *bench) {
	first, second, third := intent("a", "1"), intent("a", "2"), intent("a", "3")
	first.Row, second.Row = 7, 8
	second.Prior = &first
	third.Prior = &second
	b.begin("r", third)
	b.settle("r", nil, keys("a"))
	require.Equal(t, &second, b.of("a").Open)
	b.settle("r", nil, keys("a"))
	require.Equal(t, &second, b.of("a").Open, "nobody waits for it: no settlement reaches it")
	third.Prior = b.of("a").Open
	b.begin("r2", third)
	b.settle("r2", keys("a"), nil)
	require.Equal(t, held("a", "3"), b.of("a"))
}

func settledInParts(t *testing.T, b *bench) {
	b.begin("r", intent("a", "1"), intent("b", "1"), intent("c", "1"), intent("d", "1"))
	b.settle("r", keys("a"), keys("b"))
	b.settle("r", keys("a"), keys("b"))
	require.NotNil(t, b.of("c").Open)
	b.settle("r", keys("b", "c"), keys("a", "d"))
	b.settle("r", keys("c"), keys("d"))
	b.settle("never begun", keys("a"), keys("c"))
	require.Equal(t, held("a", "1"), b.of("a"))
	require.Nil(t, b.of("b"))
	require.Equal(t, held("c", "1"), b.of("c"))
	require.Nil(t, b.of("d"))
}

func settlementIsSeparate(t *testing.T, b *bench) {
	b.begin("r1", intent("a", "1"))
	b.begin("r2", intent("b", "2"))
	b.settle("r1", keys("a", "b"), nil)
	require.Nil(t, b.of("a").Open)
	require.NotNil(t, b.of("b").Open)
}

func contradictionIsRefused(t *testing.T, b *bench) {
	b.begin("r", intent("a", "1"))
	require.Error(t, b.Settle(t.Context(), "r", keys("a"), keys("a")))
	require.NotNil(t, b.of("a").Open)
}

func twiceIsRefused(t *testing.T, b *bench) {
	_, err := b.Claim(t.Context(), keys("a"))
	require.NoError(t, err)
	err = b.Begin(t.Context(), ledger.Request{ID: "r", Intents: []ledger.Intent{intent("a", "1"), intent("a", "2")}})
	require.Error(t, err)
	require.Nil(t, b.of("a"))
}

func begunTwice(t *testing.T, b *bench) {
	b.begin("r", intent("a", "1"), intent("b", "2"))
	b.begin("r", intent("a", "1"), intent("b", "2"))
	st, err := b.Stats(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 2, st.Open)
	b.settle("r", keys("a"), keys("b"))
	require.Equal(t, held("a", "1"), b.of("a"))
	require.Nil(t, b.of("b"))
}

func codeNeedsRequest(t *testing.T, b *bench) {
	require.ErrorIs(t, b.Uploaded(t.Context(), "never begun", "code"), ledger.ErrLost)
}

func importReplacesValues(t *testing.T, b *bench) {
	b.begin("r1", intent("a", "1"))
	b.settle("r1", keys("a"), nil)
	open := intent("a", "2")
	b.begin("r2", open)
	require.NoError(t, b.Import(t.Context(), []ledger.Imported{
		{Key: key("a"), Held: Values{"v": "dropped"}}, {Key: key("b"), Held: Values{"v": "first"}},
		{Key: key("a"), Held: Values{"w": "imported"}}, {Key: key("b"), Held: Values{"v": "last"}}, {Key: key("c")},
	}))
	require.Equal(t, &ledger.Customer{Known: true, Held: Values{"w": "imported"}, Applied: Cards{"card-a": "1"}, Open: &open}, b.of("a"))
	require.Equal(t, &ledger.Customer{Known: true, Held: Values{"v": "last"}, Applied: Cards{}}, b.of("b"))
	require.Equal(t, &ledger.Customer{Known: true, Held: Values{}, Applied: Cards{}}, b.of("c"))
}

func erasingLeavesNothing(t *testing.T, b *bench) {
	found, err := b.Erase(t.Context(), key("a"))
	require.NoError(t, err)
	require.False(t, found)

	b.begin("r1", intent("a", "1"), intent("b", "1"))
	b.settle("r1", keys("a", "b"), nil)
	b.begin("r2", intent("a", "2"), intent("c", "2"))
	for _, name := range []string{"a", "c"} {
		found, err = b.Erase(t.Context(), key(name))
		require.NoError(t, err)
		require.True(t, found)
		require.Nil(t, b.of(name))
	}
	b.settle("r2", keys("a", "c"), nil)
	require.Nil(t, b.of("a"), "settling does not bring it back")
	require.Nil(t, b.of("c"))
	require.Equal(t, held("b", "1"), b.of("b"))
}

func valuesComeBack(t *testing.T, b *bench) {
	i := intent("a", "x")
	i.Held = Values{
		"text": `日本語 "quoted" \ / <b>&amp; ` + "\t\n\u2028 😀", "empty": "", "number": 1.5, "int": 12, "list": []any{"a", "b", 1.0},
		"yes": true, "null": nil, `odd "name" \u0000`: "v", "backslashes": `\\u0000 \u0000`, "object": map[string]any{"k": []any{}},
		"nul": "a\x00b", "broken": "\xff", "big": 1e21,
	}
	i.Cards = Cards{`c"1`: "digest", "": ""}
	want := Values{
		"text": i.Held["text"], "empty": "", "number": 1.5, "int": 12.0, "list": []any{"a", "b", 1.0},
		"yes": true, "null": nil, `odd "name" \u0000`: "v", "backslashes": `\\u0000 \u0000`, "object": map[string]any{"k": []any{}},
		"nul": "ab", "broken": "\ufffd", "big": 1e21,
	}
	prior := intent("a", "before")
	i.Prior = &prior
	b.begin("r", i)
	require.Equal(t, want, b.of("a").Open.Held)
	require.Equal(t, i.Cards, b.of("a").Open.Cards)
	require.Equal(t, &prior, b.of("a").Open.Prior)
	b.settle("r", keys("a"), nil)
	require.Equal(t, &ledger.Customer{Known: true, Held: want, Applied: i.Cards}, b.of("a"))
	require.NoError(t, b.Import(t.Context(), []ledger.Imported{{Key: key("b"), Held: i.Held}}))
	require.Equal(t, want, b.of("b").Held)
}

func counts(t *testing.T, b *bench) {
	st, err := b.Stats(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, st.Driver)
	require.Equal(t, ledger.Stats{Driver: st.Driver}, st)

	b.begin("r1", intent("a", "1"), intent("b", "1"))
	b.settle("r1", keys("a", "b"), nil)
	more := intent("a", "2")
	more.Cards = Cards{"another": "2"}
	b.begin("r2", more)
	b.settle("r2", keys("a"), nil)
	b.begin("r3", intent("b", "2"), intent("c", "2"))
	st, err = b.Stats(t.Context())
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), st.LastWrite, time.Minute)
	st.LastWrite = time.Time{}
	require.Equal(t, ledger.Stats{Driver: st.Driver, Customers: 2, Cards: 3, Open: 2}, st)
}

func tenThousand(t *testing.T, b *bench) {
	const n = 10_000
	all, intents := make([]Key, n), make([]ledger.Intent, n)
	for i := range n {
		intents[i] = intent(fmt.Sprint(i), fmt.Sprint(i))
		intents[i].Row = i
		all[i] = intents[i].Key
	}
	granted, err := b.Claim(t.Context(), all)
	require.NoError(t, err)
	require.ElementsMatch(t, all, granted)
	require.NoError(t, b.Begin(t.Context(), ledger.Request{ID: "big", Verb: "upsert", Intents: intents}))
	b.settle("big", all[:n-1], all[n-1:])
	got, err := b.Load(t.Context(), append(all, all...))
	require.NoError(t, err)
	require.Len(t, got, n-1)
	for i, k := range all[:n-1] {
		require.Equal(t, held(fmt.Sprint(i), fmt.Sprint(i)), got[k])
	}
}

func nothingAtOnce(t *testing.T, b *bench) {
	granted, err := b.Claim(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, granted)
	require.NoError(t, b.Release(t.Context(), nil))
	got, err := b.Load(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, got)
	require.NoError(t, b.Import(t.Context(), nil))
	require.NoError(t, b.Settle(t.Context(), "r", nil, nil))
	requests, err := b.Abandoned(t.Context())
	require.NoError(t, err)
	require.Empty(t, requests)
}

// manyAtATime has each of many callers write its own customers and one that all
// import.
func manyAtATime(t *testing.T, b *bench) {
	const callers, rounds = 8, 5
	var all sync.WaitGroup
	errs := make(chan error, callers)
	for c := range callers {
		all.Go(func() { errs <- manyRounds(t.Context(), b.Store, c, rounds) })
	}
	all.Wait()
	for range callers {
		require.NoError(t, <-errs)
	}
	for c := range callers {
		name := fmt.Sprintf("caller%d", c)
		require.Equal(t, held(name, fmt.Sprint(rounds-1)), b.of(name))
	}
	require.True(t, b.of("all").Known)
}

func manyRounds(ctx context.Context, s ledger.Store, caller, rounds int) error {
	name := fmt.Sprintf("caller%d", caller)
	for r := range rounds {
		id := fmt.Sprintf("%s-%d", name, r)
		if granted, err := s.Claim(ctx, keys(name)); err != nil || len(granted) != 1 {
			return fmt.Errorf("claiming %s: %v, %w", name, granted, err)
		}
		if err := s.Begin(ctx, ledger.Request{ID: id, Intents: []ledger.Intent{intent(name, fmt.Sprint(r))}}); err != nil {
			return err
		}
		if err := s.Import(ctx, []ledger.Imported{{Key: key("all"), Held: Values{"by": name}}}); err != nil {
			return err
		}
		if _, err := s.Load(ctx, slices.Concat(keys(name), keys("all"))); err != nil {
			return err
		}
		if err := s.Settle(ctx, id, keys(name), nil); err != nil {
			return err
		}
	}
	return nil
}

func endedContextStops(t *testing.T, b *bench) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := b.Import(ctx, []ledger.Imported{{Key: key("a")}})
	if err == nil { // it is in memory
		require.NotNil(t, b.of("a"))
		return
	}
	require.ErrorIs(t, err, context.Canceled)
	require.Nil(t, b.of("a"), "nothing was written and nothing is broken")
}
