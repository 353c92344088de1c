package ledger

import (
	"context"
	"database/sql"
	"time"
)

// OpenWithTerms opens a PostgreSQL ledger with times that a test can wait for.
func OpenWithTerms(ctx context.Context, cfg Config, lease, renew, patience time.Duration) (Store, error) {
	return openPostgres(ctx, cfg.DSN, owning, terms{lease: lease, renew: renew, patience: patience})
}

// SetVersion makes a ledger look as if another program had written it.
func SetVersion(ctx context.Context, s Store, version int) error {
	var transact func(context.Context, func(*sql.Tx) error) error
	switch s := s.(type) {
	case *sqliteStore:
		transact = s.once
	case *postgresStore:
		transact = s.once
	}
	return transact(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE ledger_meta SET version = $1`, version)
		return err
	})
}

// CheckAsBig looks for damage as Open does in a file too big to read.
func CheckAsBig(ctx context.Context, path string) error {
	s := &sqliteStore{path: path, mode: owning}
	db, err := sql.Open("sqlite", s.url())
	if err != nil {
		return err
	}
	defer db.Close()
	s.db = db
	return s.explain(s.whole(ctx, 0))
}
