package ledger_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/plugins/ledger"
	"sansansatori/plugins/ledger/pgtest"
)

func postgresConfig(dsn string) ledger.Config {
	return ledger.Config{Driver: ledger.DriverPostgres, DSN: dsn}
}

func TestPostgres(t *testing.T) {
	dsn, server := pgtest.Start(t)
	conformance(t, func(t testing.TB) ledger.Store { return openStore(t, postgresConfig(server.Database(t))) })
	for _, c := range []struct {
		name string
		run  func(*testing.T, *pgtest.Server)
	}{
		{"a customer is granted to one process", grantedToOne},
		{"a process that is gone is succeeded", goneIsSucceeded},
		{"a process that was only slow goes on", slowGoesOn},
		{"a lease is kept alive", leaseIsKept},
		{"only its own claims let a process begin", beginNeedsClaim},
		{"processes contend for the same customers", contention},
		{"the server is restarted", serverRestarts},
		{"connections break", connectionsBreak},
		{"the server is away", serverIsAway},
		{"reading writes nothing", readingPostgres},
		{"a newer schema is refused", newerPostgres},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, server) })
	}
	_ = dsn
}

func claim(t *testing.T, s ledger.Store, names ...string) []Key {
	t.Helper()
	granted, err := s.Claim(t.Context(), keys(names...))
	require.NoError(t, err)
	return granted
}

func grantedToOne(t *testing.T, server *pgtest.Server) {
	cfg := postgresConfig(server.Database(t))
	one, two := openStore(t, cfg), openStore(t, cfg)
	require.ElementsMatch(t, keys("a", "b"), claim(t, one, "a", "b", "a"))
	require.ElementsMatch(t, keys("a", "b"), claim(t, one, "b", "a"), "what it has it may have again")
	require.ElementsMatch(t, keys("c"), claim(t, two, "b", "c"))
	require.NoError(t, two.Release(t.Context(), keys("a", "b")), "another's claims stay")
	require.Empty(t, claim(t, two, "a", "b"))
	require.NoError(t, one.Release(t.Context(), keys("a")))
	require.Equal(t, keys("a"), claim(t, two, "a", "b"))

	b := &bench{Store: one, t: t}
	b.begin("r", intent("b", "1"))
	require.Empty(t, claim(t, two, "b"))
	b.settle("r", keys("b"), nil)
	require.Equal(t, keys("b"), claim(t, two, "b"), "a settlement releases")
	require.Equal(t, held("b", "1"), (&bench{Store: two, t: t}).of("b"), "and shows what was written")

	require.NoError(t, two.Close())
	require.Len(t, claim(t, one, "a", "b", "c"), 3, "who leaves keeps nothing")
}

// quick is a lease short enough to wait for, and long enough for a busy machine.
const quick = 2 * time.Second

// openQuick opens with a short lease; with no heartbeat when it is to be silent.
func openQuick(t *testing.T, cfg ledger.Config, silent bool) ledger.Store {
	t.Helper()
	renew := quick / 10
	if silent {
		renew = time.Hour
	}
	s, err := ledger.OpenWithTerms(t.Context(), cfg, quick, renew, 20*time.Second)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func goneIsSucceeded(t *testing.T, server *pgtest.Server) {
	cfg := postgresConfig(server.Database(t))
	dead, heir := openQuick(t, cfg, true), openStore(t, cfg)
	d := &bench{Store: dead, t: t}
	d.begin("asked", intent("a", "1"), intent("b", "2"))
	require.NoError(t, dead.Uploaded(t.Context(), "asked", "code"))
	d.begin("unsent", intent("c", "3"))
	claim(t, dead, "d")

	requests, err := heir.Abandoned(t.Context())
	require.NoError(t, err)
	require.Empty(t, requests, "it may be alive")
	require.Eventually(t, func() bool {
		requests, err = heir.Abandoned(t.Context())
		require.NoError(t, err)
		return len(requests) > 0
	}, 10*time.Second, quick/3)
	require.Len(t, requests, 1)
	require.Equal(t, "asked", requests[0].ID)
	require.Equal(t, "code", requests[0].ProcessCode)
	require.Equal(t, "upsert", requests[0].Verb)
	require.WithinDuration(t, time.Now(), requests[0].Begun, time.Minute)
	second := intent("b", "2")
	second.Row = 1
	require.Equal(t, []ledger.Intent{intent("a", "1"), second}, requests[0].Intents)

	require.ErrorIs(t, dead.Settle(t.Context(), "asked", keys("a", "b"), nil), ledger.ErrLost)
	require.ErrorIs(t, dead.Uploaded(t.Context(), "unsent", "code"), ledger.ErrLost)
	require.ErrorIs(t, dead.Begin(t.Context(), ledger.Request{ID: "late", Intents: []ledger.Intent{intent("d", "4")}}), ledger.ErrLost)
	require.Len(t, claim(t, heir, "c", "d"), 2)
	require.NotNil(t, (&bench{Store: heir, t: t}).of("c").Open, "what was never asked for stays open")

	require.Empty(t, claim(t, dead, "a"), "it goes on, as another: the heir has this one")
	(&bench{Store: heir, t: t}).settle("asked", keys("a"), keys("b"))
	require.Equal(t, held("a", "1"), d.of("a"))
	require.Nil(t, d.of("b"))
	d.begin("again", intent("a", "5"))
	d.settle("again", keys("a"), nil)
	require.Equal(t, held("a", "5"), d.of("a"))
	requests, err = heir.Abandoned(t.Context())
	require.NoError(t, err)
	require.Empty(t, requests)
}

func slowGoesOn(t *testing.T, server *pgtest.Server) {
	s := &bench{Store: openQuick(t, postgresConfig(server.Database(t)), true), t: t}
	s.begin("r", intent("a", "1"))
	time.Sleep(2 * quick) // the lease runs out; nobody minds
	s.settle("r", keys("a"), nil)
	s.begin("r2", intent("a", "2"))
	s.settle("r2", keys("a"), nil)
	require.Equal(t, held("a", "2"), s.of("a"))
}

func leaseIsKept(t *testing.T, server *pgtest.Server) {
	cfg := postgresConfig(server.Database(t))
	alive, other := openQuick(t, cfg, false), openStore(t, cfg)
	claim(t, alive, "a")
	for end := time.Now().Add(4 * quick); time.Now().Before(end); time.Sleep(quick / 4) {
		require.Empty(t, claim(t, other, "a"))
	}
}

func beginNeedsClaim(t *testing.T, server *pgtest.Server) {
	s := openStore(t, postgresConfig(server.Database(t)))
	req := ledger.Request{ID: "r", Intents: []ledger.Intent{intent("a", "1"), intent("b", "1")}}
	claim(t, s, "a")
	require.ErrorIs(t, s.Begin(t.Context(), req), ledger.ErrLost)
	claim(t, s, "b")
	require.NoError(t, s.Begin(t.Context(), req))
}

// contention has processes add one to the same customers, each when it is
// granted them. No addition is lost.
func contention(t *testing.T, server *pgtest.Server) {
	cfg := postgresConfig(server.Database(t))
	const processes, callers, rounds = 3, 3, 6
	names := []string{"a", "b", "c"}
	errs := make(chan error, processes*callers)
	var all sync.WaitGroup
	for p := range processes {
		s := openStore(t, cfg)
		var own sync.Mutex // within a process the output sees to it
		for c := range callers {
			all.Go(func() { errs <- additions(t.Context(), s, &own, fmt.Sprintf("%d-%d", p, c), rounds, names) })
		}
	}
	all.Wait()
	for range processes * callers {
		require.NoError(t, <-errs)
	}
	b := &bench{Store: openStore(t, cfg), t: t}
	for _, name := range names {
		require.EqualValues(t, processes*callers*rounds, b.of(name).Held["v"], name)
	}
}

func additions(ctx context.Context, s ledger.Store, own *sync.Mutex, caller string, rounds int, names []string) error {
	add := func(id string, k Key) (done bool, err error) {
		own.Lock()
		defer own.Unlock()
		granted, err := s.Claim(ctx, []Key{k})
		if err != nil || len(granted) == 0 {
			return false, err
		}
		known, err := s.Load(ctx, granted)
		if err != nil {
			return false, err
		}
		before := 0.0
		if c := known[k]; c != nil {
			if c.Open != nil {
				return false, fmt.Errorf("granted a customer with an open intent")
			}
			before = c.Held["v"].(float64)
		}
		i := ledger.Intent{Key: k, Held: Values{"v": before + 1}}
		if err := s.Begin(ctx, ledger.Request{ID: id, Intents: []ledger.Intent{i}}); err != nil {
			return false, err
		}
		return true, s.Settle(ctx, id, granted, nil)
	}
	for r := range rounds {
		for _, name := range names {
			for {
				done, err := add(fmt.Sprintf("%s-%d-%s", caller, r, name), key(name))
				if err != nil {
					return err
				}
				if done {
					break
				}
			}
		}
	}
	return nil
}

func serverRestarts(t *testing.T, server *pgtest.Server) {
	b := &bench{Store: openStore(t, postgresConfig(server.Database(t))), t: t}
	b.begin("r", intent("a", "1"))
	server.Restart(t)
	require.NoError(t, b.Uploaded(t.Context(), "r", "code"))
	server.Crash(t)
	done := make(chan error, 1)
	go func() { done <- b.Settle(t.Context(), "r", keys("a"), nil) }()
	server.Run(t)
	require.NoError(t, <-done)
	require.Equal(t, held("a", "1"), b.of("a"))
}

// connectionsBreak closes all connections again and again while many write.
func connectionsBreak(t *testing.T, server *pgtest.Server) {
	s := openStore(t, postgresConfig(server.Database(t)))
	done := make(chan error, 1)
	go func() {
		var all sync.WaitGroup
		errs := make(chan error, 4)
		for c := range 4 {
			all.Go(func() { errs <- manyRounds(t.Context(), s, c, 8) })
		}
		all.Wait()
		for range 4 {
			if err := <-errs; err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for broken := 0; ; broken++ {
		select {
		case err := <-done:
			require.NoError(t, err)
			require.Positive(t, broken)
			for c := range 4 {
				name := fmt.Sprintf("caller%d", c)
				require.Equal(t, held(name, "7"), (&bench{Store: s, t: t}).of(name))
			}
			return
		case <-time.After(30 * time.Millisecond):
			server.KillConnections(t)
		}
	}
}

func serverIsAway(t *testing.T, server *pgtest.Server) {
	cfg := postgresConfig(server.Database(t))
	s, err := ledger.OpenWithTerms(t.Context(), cfg, time.Minute, time.Minute, 200*time.Millisecond)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	server.Stop(t)
	defer server.Run(t)
	_, err = s.Load(t.Context(), keys("a"))
	require.Error(t, err)
	require.NotErrorIs(t, err, ledger.ErrUnusable)
	require.NotContains(t, err.Error(), pgtest.Password)
	_, err = ledger.OpenWithTerms(t.Context(), cfg, time.Minute, time.Minute, 200*time.Millisecond)
	require.Error(t, err)
	require.NotContains(t, err.Error(), pgtest.Password)
	server.Run(t)
	require.Nil(t, (&bench{Store: s, t: t}).of("a"))
}

func readingPostgres(t *testing.T, server *pgtest.Server) {
	cfg := postgresConfig(server.Database(t))
	reader := cfg
	reader.ReadOnly = true
	nothing := openStore(t, reader)
	st, err := nothing.Stats(t.Context())
	require.NoError(t, err)
	require.Equal(t, ledger.Stats{Driver: "postgres"}, st)

	b := &bench{Store: openStore(t, cfg), t: t}
	b.begin("r", intent("a", "1"))
	b.settle("r", keys("a"), nil)
	refusesToWrite(t, openStore(t, reader))
	beside, err := ledger.OpenBeside(t.Context(), cfg)
	require.NoError(t, err)
	defer beside.Close()
	erasesBeside(t, beside)
	require.Nil(t, b.of("a"))
}

func newerPostgres(t *testing.T, server *pgtest.Server) {
	cfg := postgresConfig(server.Database(t))
	s, err := ledger.Open(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, ledger.SetVersion(t.Context(), s, 99))
	require.NoError(t, s.Close())
	_, err = ledger.Open(t.Context(), cfg)
	require.ErrorIs(t, err, ledger.ErrUnusable)
	require.ErrorContains(t, err, "schema 99")
	require.NotContains(t, err.Error(), pgtest.Password)
}

// refusesToWrite expects customer a to be held.
func refusesToWrite(t *testing.T, s ledger.Store) {
	t.Helper()
	ctx := t.Context()
	require.Equal(t, held("a", "1"), (&bench{Store: s, t: t}).of("a"))
	require.Error(t, s.Begin(ctx, ledger.Request{ID: "x", Intents: []ledger.Intent{intent("a", "2")}}))
	require.Error(t, s.Settle(ctx, "x", keys("a"), nil))
	require.Error(t, s.Uploaded(ctx, "x", "code"))
	require.Error(t, s.Import(ctx, []ledger.Imported{{Key: key("a")}}))
	_, err := s.Erase(ctx, key("a"))
	require.Error(t, err)
	granted, err := s.Claim(ctx, keys("a"))
	require.NoError(t, err)
	require.Len(t, granted, 1, "a dry run needs no claim")
	require.NoError(t, s.Release(ctx, granted))
	requests, err := s.Abandoned(ctx)
	require.NoError(t, err)
	require.Empty(t, requests)
}

// erasesBeside expects customer a to be held.
func erasesBeside(t *testing.T, s ledger.Store) {
	t.Helper()
	st, err := s.Stats(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, st.Customers)
	require.Equal(t, held("a", "1"), (&bench{Store: s, t: t}).of("a"))
	_, err = s.Claim(t.Context(), keys("a"))
	require.Error(t, err)
	require.Error(t, s.Begin(t.Context(), ledger.Request{ID: "x"}))
	found, err := s.Erase(t.Context(), key("a"))
	require.NoError(t, err)
	require.True(t, found)
}
