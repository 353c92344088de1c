package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// truncateWAL copies the log into the file and empties it, so that no old copy
// of a page remains. Readers beside are waited for.
func (s *sqliteStore) truncateWAL(ctx context.Context) error {
	for try := 0; ; try++ {
		var busy, log, done int
		err := s.db.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &log, &done)
		if err != nil || busy == 0 {
			return err
		}
		if try == 3 { // each try waits as long as busy_timeout
			return errors.New("another process reads the ledger without end")
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// Erase removes a customer, and every byte of it from the files: secure_delete
// overwrites them in the file, and the log with its old pages is emptied.
func (s *sqliteStore) Erase(ctx context.Context, key Key) (found bool, err error) {
	err = s.once(ctx, func(tx *sql.Tx) error {
		found, err = erase(ctx, tx, key, s.eraseCustomer, s.eraseIntent)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("erasing a customer: %w", err)
	}
	if err := s.truncateWAL(ctx); err != nil {
		return found, fmt.Errorf("overwriting the bytes of an erased customer: %w", s.explain(err))
	}
	return found, nil
}

// Backup copies an SQLite ledger, as it is at one moment, to a new file (mode
// 0600). The owner may be at work. It fails when path exists.
func Backup(ctx context.Context, cfg Config, path string) (err error) {
	if cfg.Driver != DriverSQLite {
		return fmt.Errorf("backing up the ledger: use pg_dump for driver %q", cfg.Driver)
	}
	store, err := open(ctx, cfg, reading)
	if err != nil {
		return fmt.Errorf("backing up the ledger: %w", err)
	}
	defer store.Close()
	l, ok := store.(*limited)
	if !ok {
		return errors.New("backing up the ledger: there is none yet")
	}
	if err := l.Store.(*sqliteStore).copyTo(ctx, path); err != nil {
		return fmt.Errorf("backing up the ledger: %w", err)
	}
	return nil
}

// copyTo writes beside path first: what bears the name is complete.
func (s *sqliteStore) copyTo(ctx context.Context, path string) (err error) {
	part := path + ".part"
	if _, err := os.Stat(path); err == nil {
		return fmt.Errorf("%s exists", path)
	}
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			_ = os.Remove(part)
		}
	}()
	if _, err := s.db.ExecContext(ctx, `VACUUM INTO $1`, part); err != nil {
		return s.explain(err)
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// pause waits, or gives the context's error.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
