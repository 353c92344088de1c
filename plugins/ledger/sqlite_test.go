package ledger_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sansansatori/plugins/ledger"
)

func TestOwnership(t *testing.T) {
	cfg := sqliteConfig(t)
	s, err := ledger.Open(t.Context(), cfg)
	require.NoError(t, err)
	for _, dsn := range []string{cfg.DSN, "file:" + cfg.DSN, "file://" + cfg.DSN + "?mode=memory", filepath.Dir(cfg.DSN) + "/./ledger.db"} {
		_, err = ledger.Open(t.Context(), ledger.Config{Driver: ledger.DriverSQLite, DSN: dsn})
		require.ErrorIs(t, err, ledger.ErrHeld, dsn)
		require.ErrorContains(t, err, fmt.Sprintf("process %d on ", os.Getpid()))
	}
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "closing twice")
	s, err = ledger.Open(t.Context(), cfg)
	require.NoError(t, err, "and it is free")
	require.NoError(t, s.Close())
}

func TestOwnershipThroughALink(t *testing.T) {
	cfg := sqliteConfig(t)
	openStore(t, cfg)
	link := filepath.Join(t.TempDir(), "link.db")
	require.NoError(t, os.Symlink(cfg.DSN, link))
	_, err := ledger.Open(t.Context(), ledger.Config{Driver: ledger.DriverSQLite, DSN: link})
	require.ErrorIs(t, err, ledger.ErrHeld)
}

func TestConfigIsRefused(t *testing.T) {
	for _, cfg := range []ledger.Config{
		{}, {Driver: "sqlite"}, {Driver: "mysql", DSN: "x"}, {Driver: "sqlite", DSN: ":memory:"},
		{Driver: "sqlite", DSN: "file:"}, {Driver: "sqlite", DSN: "file:%zz"}, {Driver: "sqlite", DSN: "file://host"},
	} {
		_, err := ledger.Open(t.Context(), cfg)
		require.Error(t, err, "%+v", cfg)
	}
}

// TestOddNames: characters that mean something in a URL are part of the path.
func TestOddNames(t *testing.T) {
	for _, name := range []string{"a b.db", "a?b.db", "a#b.db", "a%41.db", "台帳.db"} {
		path := filepath.Join(t.TempDir(), name)
		openStore(t, ledger.Config{Driver: ledger.DriverSQLite, DSN: path})
		_, err := os.Stat(path)
		require.NoError(t, err)
	}
}

func TestFilesAreForTheOwnerOnly(t *testing.T) {
	cfg := sqliteConfig(t)
	b := &bench{Store: openStore(t, cfg), t: t}
	b.begin("r", intent("a", "1"))
	dir := filepath.Dir(cfg.DSN)
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
	names := []string{}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), e.Name())
		names = append(names, e.Name())
	}
	require.ElementsMatch(t, []string{"ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db.lock"}, names)
}

func TestAbandonedInSQLite(t *testing.T) {
	cfg := sqliteConfig(t)
	s, err := ledger.Open(t.Context(), cfg)
	require.NoError(t, err)
	b := &bench{Store: s, t: t}
	b.begin("asked", intent("a", "1"), intent("b", "2"))
	require.NoError(t, s.Uploaded(t.Context(), "asked", "code"))
	b.begin("unsent", intent("c", "3"))
	requests, err := s.Abandoned(t.Context())
	require.NoError(t, err)
	require.Empty(t, requests, "its own are not abandoned")
	require.NoError(t, s.Close())

	for range 2 { // whoever takes them over may go too
		s, err = ledger.Open(t.Context(), cfg)
		require.NoError(t, err)
		requests, err = s.Abandoned(t.Context())
		require.NoError(t, err)
		require.Len(t, requests, 1)
		second := intent("b", "2")
		second.Row = 1
		require.Equal(t, []ledger.Intent{intent("a", "1"), second}, requests[0].Intents)
		require.Equal(t, "code", requests[0].ProcessCode)
		again, err := s.Abandoned(t.Context())
		require.NoError(t, err)
		require.Empty(t, again, "they are owned now")
		require.NoError(t, s.Close())
	}
	b.Store = openStore(t, cfg)
	_, err = b.Abandoned(t.Context())
	require.NoError(t, err)
	b.settle("asked", keys("a"), keys("b"))
	require.Equal(t, held("a", "1"), b.of("a"))
	require.Nil(t, b.of("b"))
	require.NotNil(t, b.of("c").Open)
}

// files gives names and contents of a ledger's directory.
func files(t *testing.T, cfg ledger.Config) map[string]string {
	t.Helper()
	found := map[string]string{}
	entries, err := os.ReadDir(filepath.Dir(cfg.DSN))
	require.NoError(t, err)
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(cfg.DSN), e.Name()))
		require.NoError(t, err)
		found[e.Name()] = string(text)
	}
	return found
}

func TestReadingSQLite(t *testing.T) {
	cfg := sqliteConfig(t)
	reader := cfg
	reader.ReadOnly = true
	nothing := openStore(t, reader)
	st, err := nothing.Stats(t.Context())
	require.NoError(t, err)
	require.Equal(t, ledger.Stats{Driver: "sqlite"}, st)
	require.NoDirExists(t, filepath.Dir(cfg.DSN))

	s, err := ledger.Open(t.Context(), cfg)
	require.NoError(t, err)
	b := &bench{Store: s, t: t}
	b.begin("r", intent("a", "1"))
	b.settle("r", keys("a"), nil)
	during, err := ledger.Open(t.Context(), reader)
	require.NoError(t, err)
	refusesToWrite(t, during) // while the owner is at work
	require.NoError(t, during.Close())
	require.NoError(t, s.Close())

	before := files(t, cfg)
	alone := openStore(t, reader)
	refusesToWrite(t, alone)
	require.Equal(t, before, files(t, cfg))
	require.NoError(t, alone.Close())
	require.Equal(t, before, files(t, cfg))
}

// TestReadingAfterACrash: what is in the write-ahead log is seen and stays.
func TestReadingAfterACrash(t *testing.T) {
	cfg := sqliteConfig(t)
	b := &bench{Store: openStore(t, cfg), t: t}
	b.begin("r", intent("a", "1"))
	b.settle("r", keys("a"), nil)
	copied := sqliteConfig(t)
	copied.ReadOnly = true
	require.NoError(t, os.CopyFS(filepath.Dir(copied.DSN), os.DirFS(filepath.Dir(cfg.DSN))))
	require.NoError(t, os.Remove(copied.DSN+"-shm"))
	before := files(t, copied)
	require.NotEmpty(t, before["ledger.db-wal"])
	s, err := ledger.Open(t.Context(), copied)
	require.NoError(t, err)
	require.Equal(t, held("a", "1"), (&bench{Store: s, t: t}).of("a"))
	require.NoError(t, s.Close())
	after := files(t, copied)
	require.Equal(t, before["ledger.db"], after["ledger.db"])
	require.Equal(t, before["ledger.db-wal"], after["ledger.db-wal"])
}

func TestErasedBytesAreGone(t *testing.T) {
	cfg := sqliteConfig(t)
	s := openStore(t, cfg)
	fill := func(from, to int) {
		var rows []ledger.Imported
		for i := from; i < to; i++ {
			rows = append(rows, ledger.Imported{Key: key(fmt.Sprint(i)), Held: Values{"v": strings.Repeat("x", i%700)}})
		}
		require.NoError(t, s.Import(t.Context(), rows))
	}
	const canary = "canary-value"
	b := &bench{Store: s, t: t}
	fill(0, 500)
	b.begin("r", intent("person", canary), intent("other", "1"))
	fill(500, 1000) // pages split around it
	b.settle("r", keys("person", "other"), nil)
	b.begin("r2", intent("person", canary+"2"))
	fill(0, 2000)

	traces := func() (n int) {
		for _, text := range files(t, cfg) {
			n += strings.Count(text, canary) + strings.Count(text, string(key("person")))
		}
		return n
	}
	require.Positive(t, traces())
	beside, err := ledger.OpenBeside(t.Context(), cfg)
	require.NoError(t, err)
	defer beside.Close()
	found, err := beside.Erase(t.Context(), key("person"))
	require.NoError(t, err)
	require.True(t, found)
	require.Zero(t, traces())
	require.Nil(t, b.of("person"))
	b.settle("r2", keys("person"), nil)
	require.Nil(t, b.of("person"))
	require.Zero(t, traces())
}

// TestErasedBytesAreGoneFromAnyPage erases from a file whose pages were split,
// merged and overflown at random.
func TestErasedBytesAreGoneFromAnyPage(t *testing.T) {
	cfg := sqliteConfig(t)
	s := openStore(t, cfg)
	random := rand.New(rand.NewPCG(1, 2))
	canary := func(n int) string { return fmt.Sprintf("canary%03d", n) }
	for range 10 {
		var rows []ledger.Imported
		for range 100 {
			n := random.IntN(300)
			value := strings.Repeat(canary(n), 1+random.IntN(1+random.IntN(1000)))
			rows = append(rows, ledger.Imported{Key: key(canary(n)), Held: Values{"v": value}})
		}
		require.NoError(t, s.Import(t.Context(), rows))
	}
	erased := 0
	for n := range 60 {
		found, err := s.Erase(t.Context(), key(canary(n)))
		require.NoError(t, err)
		if found {
			erased++
		}
		for name, text := range files(t, cfg) {
			require.Zero(t, strings.Count(text, canary(n))+strings.Count(text, string(key(canary(n)))), "%s in %s", canary(n), name)
		}
	}
	require.Greater(t, erased, 40)
}

func TestBesideSQLite(t *testing.T) {
	cfg := sqliteConfig(t)
	none, err := ledger.OpenBeside(t.Context(), cfg)
	require.NoError(t, err)
	found, err := none.Erase(t.Context(), key("a"))
	require.NoError(t, err)
	require.False(t, found)
	require.NoError(t, none.Close())
	require.NoDirExists(t, filepath.Dir(cfg.DSN))

	b := &bench{Store: openStore(t, cfg), t: t}
	b.begin("r", intent("a", "1"))
	b.settle("r", keys("a"), nil)
	beside, err := ledger.OpenBeside(t.Context(), cfg)
	require.NoError(t, err)
	defer beside.Close()
	done := make(chan error, 1)
	go func() { done <- manyRounds(t.Context(), b.Store, 1, 20) }()
	erasesBeside(t, beside)
	require.NoError(t, <-done, "the owner works on")
	require.Nil(t, b.of("a"))
}

func TestBackup(t *testing.T) {
	cfg := sqliteConfig(t)
	to := filepath.Join(t.TempDir(), "backup.db")
	require.Error(t, ledger.Backup(t.Context(), cfg, to), "there is none yet")
	b := &bench{Store: openStore(t, cfg), t: t}
	b.begin("r", intent("a", "1"))
	b.settle("r", keys("a"), nil)
	b.begin("r2", intent("b", "2"))
	require.NoError(t, ledger.Backup(t.Context(), cfg, to))
	require.Error(t, ledger.Backup(t.Context(), cfg, to), "it overwrites nothing")
	entries, err := os.ReadDir(filepath.Dir(to))
	require.NoError(t, err)
	require.Len(t, entries, 1)
	info, err := os.Stat(to)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	restored := &bench{Store: openStore(t, ledger.Config{Driver: ledger.DriverSQLite, DSN: to}), t: t}
	require.Equal(t, held("a", "1"), restored.of("a"))
	require.NotNil(t, restored.of("b").Open)
}

// ruined makes a ledger of some pages, closes it and has spoil change its bytes.
func ruined(t *testing.T, spoil func([]byte) []byte) ledger.Config {
	t.Helper()
	cfg := sqliteConfig(t)
	s, err := ledger.Open(t.Context(), cfg)
	require.NoError(t, err)
	var rows []ledger.Imported
	for i := range 2000 {
		rows = append(rows, ledger.Imported{Key: key(fmt.Sprint(i)), Held: Values{"v": "value"}})
	}
	require.NoError(t, s.Import(t.Context(), rows))
	require.NoError(t, s.Close())
	text, err := os.ReadFile(cfg.DSN)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(cfg.DSN, spoil(text), 0o600))
	return cfg
}

func TestDamaged(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{
		"cut short":          func(b []byte) []byte { return b[:len(b)/2] },
		"cut in a page":      func(b []byte) []byte { return b[:len(b)-100] },
		"a page of noise":    func(b []byte) []byte { copy(b[4096*9:], bytes.Repeat([]byte{0xa5}, 4096)); return b },
		"header overwritten": func(b []byte) []byte { copy(b, "not a database at all"); return b },
		"a text file":        func([]byte) []byte { return []byte(strings.Repeat("hello\n", 1000)) },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := ruined(t, spoil)
			_, err := ledger.Open(t.Context(), cfg)
			require.ErrorIs(t, err, ledger.ErrUnusable)
			require.ErrorContains(t, err, cfg.DSN)
			require.ErrorContains(t, err, "restore a backup")
		})
	}
}

// TestBigFileCutShort: of a big file not every page is checked, but its length is.
func TestBigFileCutShort(t *testing.T) {
	cfg := ruined(t, func(b []byte) []byte { return b })
	require.NoError(t, ledger.CheckAsBig(t.Context(), cfg.DSN))
	for _, missing := range []int{1, 100, 4096, 100_000} {
		cfg = ruined(t, func(b []byte) []byte { return b[:len(b)-missing] })
		require.ErrorIs(t, ledger.CheckAsBig(t.Context(), cfg.DSN), ledger.ErrUnusable, "%d bytes", missing)
	}
}

func TestNewerSQLite(t *testing.T) {
	cfg := sqliteConfig(t)
	s, err := ledger.Open(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, ledger.SetVersion(t.Context(), s, 99))
	require.NoError(t, s.Close())
	for _, open := range []func(context.Context, ledger.Config) (ledger.Store, error){ledger.Open, ledger.OpenBeside} {
		_, err = open(t.Context(), cfg)
		require.ErrorIs(t, err, ledger.ErrUnusable)
		require.ErrorContains(t, err, "schema 99")
		require.ErrorContains(t, err, cfg.DSN)
	}
}

func TestReplacedWhileInUse(t *testing.T) {
	cfg := sqliteConfig(t)
	b := &bench{Store: openStore(t, cfg), t: t}
	b.begin("r", intent("a", "1"))
	require.NoError(t, os.Rename(cfg.DSN, cfg.DSN+".moved"))
	require.Error(t, b.Settle(t.Context(), "r", keys("a"), nil), "what is written into a file without a name is lost")
	require.NoError(t, os.WriteFile(cfg.DSN, nil, 0o600))
	require.ErrorContains(t, b.Settle(t.Context(), "r", keys("a"), nil), "replaced")
	require.NoError(t, os.Rename(cfg.DSN+".moved", cfg.DSN))
	b.settle("r", keys("a"), nil)
	require.Equal(t, held("a", "1"), b.of("a"))
}

// TestFullDisk needs a small file system of its own.
func TestFullDisk(t *testing.T) {
	dir := smallDisk(t, 2<<20)
	cfg := ledger.Config{Driver: ledger.DriverSQLite, DSN: filepath.Join(dir, "ledger.db")}
	b := &bench{Store: openStore(t, cfg), t: t}
	b.begin("r", intent("a", "1"))
	ballast := filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	require.NoError(t, err)
	_, err = f.Write(make([]byte, 4<<20))
	require.Error(t, err, "the disk is full")
	require.NoError(t, f.Close())

	var rows []ledger.Imported
	for i := range 500 {
		rows = append(rows, ledger.Imported{Key: key(fmt.Sprint(i)), Held: Values{"v": strings.Repeat("x", 500)}})
	}
	err = b.Import(t.Context(), rows)
	require.Error(t, err)
	require.NotErrorIs(t, err, ledger.ErrUnusable, "it is no damage")
	require.NotNil(t, b.of("a").Open, "reading goes on")
	require.NoError(t, os.Remove(ballast))
	require.NoError(t, b.Import(t.Context(), rows))
	b.settle("r", keys("a"), nil)
	require.Equal(t, held("a", "1"), b.of("a"))
	require.NotNil(t, b.of("499"))
}

func TestReadOnlyDirectory(t *testing.T) {
	if os.Geteuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("root may write everywhere")
	}
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o500))
	_, err := ledger.Open(t.Context(), ledger.Config{Driver: ledger.DriverSQLite, DSN: filepath.Join(dir, "ledger.db")})
	require.ErrorIs(t, err, fs.ErrPermission)
	require.NotErrorIs(t, err, ledger.ErrUnusable)
}
