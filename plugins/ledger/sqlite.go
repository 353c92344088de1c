package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteStore keeps a ledger in one file. One process owns it.
//
// All work goes through one connection: its page cache stays warm from a
// group's Load to its Settle, and writers never wait for each other in SQLite.
type sqliteStore struct {
	shared
	db    *sql.DB
	path  string
	mode  mode
	lock  *ownership  // nil unless owning
	file  os.FileInfo // the file that was opened
	close func() error
}

// sqlitePath reads a dsn: a path or a file: URL, whose parameters are ignored.
func sqlitePath(dsn string) (string, error) {
	path := dsn
	if rest, isURL := strings.CutPrefix(dsn, "file:"); isURL {
		rest, _, _ = strings.Cut(rest, "?")
		rest, _, _ = strings.Cut(rest, "#")
		if after, ok := strings.CutPrefix(rest, "//"); ok { // file://host/path
			slash := strings.Index(after, "/")
			if slash < 0 {
				return "", errors.New("dsn is a file: URL without a path")
			}
			rest = after[slash:]
		}
		unescaped, err := url.PathUnescape(rest)
		if err != nil {
			return "", fmt.Errorf("dsn is no valid file: URL: %w", err)
		}
		path = unescaped
	}
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return "", errors.New("dsn names no file: a ledger must outlive the process")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real, nil // one file has one lock, by whatever name it is called
	}
	return abs, nil
}

func openSQLite(ctx context.Context, dsn string, m mode) (Store, error) {
	path, err := sqlitePath(dsn)
	if err != nil {
		return nil, fmt.Errorf("opening the ledger: %w", err)
	}
	s := &sqliteStore{shared: newShared(sqliteDialect), path: path, mode: m}
	owner := newOwner()
	s.owner = func() string { return owner }
	s.transact = s.once
	s.insertIntents, s.upsertImported, s.upsertConfirmed = insertIntentRows, upsertImportRows, upsertConfirmedRows
	if m == owning {
		if err := s.take(); err != nil {
			return nil, fmt.Errorf("opening the ledger: %w", err)
		}
	} else if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return empty{driver: DriverSQLite}, nil
	}
	s.db, err = sql.Open("sqlite", s.url())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the ledger: %w", err), s.lock.release())
	}
	s.db.SetMaxOpenConns(1)
	s.close = sync.OnceValue(func() error { return errors.Join(s.db.Close(), s.lock.release()) })
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the ledger: %w", s.explain(err)), s.close())
	}
	return limit(s, m), nil
}

// take makes directory and file, only for this user's eyes, and locks.
func (s *sqliteStore) take() error {
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return err
	}
	lock, err := own(s.path + ".lock")
	if err != nil {
		return err
	}
	// SQLite gives -wal and -shm the mode of the file.
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = errors.Join(f.Chmod(0o600), f.Close())
	}
	if err != nil {
		return errors.Join(err, lock.release())
	}
	s.lock = lock
	return nil
}

// url is how SQLite is told to open the file.
func (s *sqliteStore) url() string {
	q := url.Values{}
	pragma := func(p string) { q.Add("_pragma", p) }
	pragma("busy_timeout(10000)") // ms; a command beside the owner is soon done
	pragma("cache_size(-65536)")  // 64 MiB
	pragma("temp_store(MEMORY)")  // no copies of customers in /tmp
	pragma("synchronous(FULL)")   // a commit survives power loss
	pragma("secure_delete(ON)")   // what is erased is overwritten
	// Pages of 4 KiB at which the write-ahead log is copied into the file. A page
	// that many groups change is copied once, so a longer log writes less.
	pragma("wal_autocheckpoint(32768)")
	switch s.mode {
	case owning:
		q.Set("mode", "rw")
		q.Set("_txlock", "immediate") // a transaction that reads first may write later
	case beside:
		q.Set("mode", "rw")
	case reading:
		q.Set("mode", "ro")
		if info, err := os.Stat(s.path + "-wal"); err != nil || info.Size() == 0 {
			// No one is at work: leave not even a -shm file behind.
			q.Set("immutable", "1")
		}
	}
	return "file:" + (&url.URL{Path: s.path}).EscapedPath() + "?" + q.Encode()
}

// prepare checks the file and makes the tables where there are none.
func (s *sqliteStore) prepare(ctx context.Context) error {
	if s.mode == owning {
		if _, err := s.db.ExecContext(ctx, "PRAGMA journal_mode(WAL)"); err != nil {
			return err
		}
		if err := s.truncateWAL(ctx); err != nil { // what a crash left behind
			return err
		}
		if err := s.whole(ctx, thoroughUpTo); err != nil {
			return err
		}
	}
	info, err := os.Stat(s.path)
	if err != nil {
		return err
	}
	s.file = info
	return s.once(ctx, func(tx *sql.Tx) error {
		version, err := s.version(ctx, tx)
		switch {
		case err != nil:
			return err
		case version > schemaVersion:
			return unusable("%s was written by a newer sansan-satori (schema %d, this program knows %d): use that version, or restore a backup made before the upgrade", s.path, version, schemaVersion)
		case version == 0 && s.mode == owning:
			return s.create(ctx, tx)
		case version == 0 && info.Size() > 0:
			return unusable("%s is no ledger: correct the dsn", s.path)
		}
		return nil
	})
}

// version is 0 in an empty file.
func (s *sqliteStore) version(ctx context.Context, tx *sql.Tx) (int, error) {
	var tables, ours, version int
	err := tx.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(name = 'ledger_meta'), 0) FROM sqlite_master`).Scan(&tables, &ours)
	if err != nil || tables == 0 {
		return 0, err
	}
	if ours == 0 {
		return 0, unusable("%s is a database of something else: correct the dsn", s.path)
	}
	err = tx.QueryRowContext(ctx, `SELECT version FROM ledger_meta`).Scan(&version)
	return version, err
}

func (s *sqliteStore) create(ctx context.Context, tx *sql.Tx) error {
	for _, text := range append(s.schema(),
		fmt.Sprintf(`INSERT INTO ledger_meta (version) VALUES (%d)`, schemaVersion)) {
		if _, err := tx.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// thoroughUpTo is the size in bytes up to which every page is checked at open;
// reading a bigger file would keep the link from starting for seconds.
const thoroughUpTo = 64 << 20

// whole looks for damage: a file cut short always, broken pages in files of
// moderate size. Damage elsewhere shows when a page is read.
func (s *sqliteStore) whole(ctx context.Context, thoroughUpTo int64) error {
	info, err := os.Stat(s.path)
	if err != nil || info.Size() == 0 {
		return err
	}
	var size int64
	err = s.db.QueryRowContext(ctx, `SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()`).Scan(&size)
	if err != nil {
		return err
	}
	if info.Size() < size {
		return s.damaged(fmt.Sprintf("%d bytes are missing", size-info.Size()))
	}
	if info.Size() > thoroughUpTo {
		return nil
	}
	var said string
	if err := s.db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&said); err != nil {
		return err
	}
	if said != "ok" {
		return s.damaged("a check of its pages failed")
	}
	return nil
}

func (s *sqliteStore) damaged(what string) error {
	return unusable("%s is damaged (%s): restore a backup; or move the file away with its -wal and -shm, import SATORI's customer export and read all cards again", s.path, what)
}

// once runs f in one transaction. There is nothing to retry: the file is ours.
func (s *sqliteStore) once(ctx context.Context, f func(*sql.Tx) error) (err error) {
	if err := s.present(); err != nil {
		return err
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return s.explain(err)
	}
	defer func() {
		var broken *sqlite.Error
		if errors.As(err, &broken) {
			// After a full disk or an I/O error a connection may stay broken.
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
			err = s.explain(err)
		}
		conn.Close()
	}()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

// present fails when the file was deleted or replaced while it was open: what
// would be written now were lost.
func (s *sqliteStore) present() error {
	if s.file == nil { // not opened yet
		return nil
	}
	info, err := os.Stat(s.path)
	if err != nil {
		return err
	}
	if !os.SameFile(info, s.file) {
		return fmt.Errorf("%s was replaced while it was in use: start again", s.path)
	}
	return nil
}

// explain gives SQLite's errors the class callers know.
func (s *sqliteStore) explain(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) || errors.Is(err, ErrUnusable) {
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CORRUPT:
		return s.damaged("a page is malformed")
	case sqlite3.SQLITE_NOTADB:
		return s.damaged("it is no SQLite database")
	}
	return err
}

// Claim grants all: the file has one owner.
func (s *sqliteStore) Claim(_ context.Context, keys []Key) ([]Key, error) { return keys, nil }

// Release has nothing to give up.
func (s *sqliteStore) Release(context.Context, []Key) error { return nil }

// Begin records a request and its intents.
func (s *sqliteStore) Begin(ctx context.Context, req Request) error {
	intents, err := sortedIntents(req.Intents)
	if err == nil {
		err = s.once(ctx, func(tx *sql.Tx) error { return s.begin(ctx, tx, req, intents) })
	}
	if err != nil {
		return fmt.Errorf("recording a request: %w", err)
	}
	return nil
}

// Settle confirms and withdraws intents of a request.
func (s *sqliteStore) Settle(ctx context.Context, requestID string, confirmed, withdrawn []Key) error {
	yes, no, err := settling(confirmed, withdrawn)
	if err == nil {
		err = s.once(ctx, func(tx *sql.Tx) error { return s.settle(ctx, tx, requestID, yes, no) })
	}
	if err != nil {
		return fmt.Errorf("settling a request: %w", err)
	}
	return nil
}

// Abandoned gives the requests found at open: whoever wrote them is gone.
func (s *sqliteStore) Abandoned(ctx context.Context) (requests []Request, err error) {
	err = s.once(ctx, func(tx *sql.Tx) error {
		requests, err = s.takeAbandoned(ctx, tx, nil)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("taking over abandoned requests: %w", err)
	}
	return requests, nil
}

// Stats counts. It reads the whole file.
func (s *sqliteStore) Stats(ctx context.Context) (st Stats, err error) {
	err = s.once(ctx, func(tx *sql.Tx) error {
		st, err = s.stats(ctx, tx)
		return err
	})
	if err != nil {
		return Stats{}, fmt.Errorf("counting the ledger: %w", err)
	}
	return st, nil
}

// Close gives the ledger up.
func (s *sqliteStore) Close() error { return s.close() }
