package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/lib/pq"
)

// postgresStore keeps a ledger in a database that several processes share. Who
// works on a customer is said by claims; see lease.go.
type postgresStore struct {
	shared
	terms
	db  *sql.DB
	who tenant
	// close stops the heartbeat and gives the claims up, once.
	close func() error
}

// terms are the times a PostgreSQL ledger keeps.
type terms struct {
	lease    time.Duration // a process that is silent for so long is gone, by the server's clock
	renew    time.Duration // between signs of life
	patience time.Duration // how long one call tries again while the server is away
}

var defaultTerms = terms{lease: 60 * time.Second, renew: 15 * time.Second, patience: 30 * time.Second}

// attemptTimeout limits one try of a transaction: a connection that is half
// open would never answer.
const attemptTimeout = time.Minute

func openPostgres(ctx context.Context, dsn string, m mode, t terms) (Store, error) {
	connector, err := newConnector(dsn, m)
	if err != nil {
		return nil, fmt.Errorf("opening the ledger: %w", err)
	}
	s := &postgresStore{shared: newShared(postgresDialect), terms: t, db: sql.OpenDB(connector)}
	s.owner = s.who.name
	s.transact = s.retrying
	s.insertIntents, s.upsertImported, s.upsertConfirmed = insertIntentList, upsertImportList, upsertConfirmedList
	s.db.SetMaxOpenConns(8)
	s.db.SetMaxIdleConns(4)
	s.close = s.db.Close
	exists, err := s.prepare(ctx, m)
	if err == nil && m == owning {
		err = s.moveIn(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the ledger: %w", err), s.close())
	}
	s.close = sync.OnceValue(s.close)
	if !exists {
		return empty{driver: DriverPostgres}, s.close()
	}
	return limit(s, m), nil
}

// newConnector reads a DSN. Its errors never quote it: it holds a password.
func newConnector(dsn string, m mode) (driver.Connector, error) {
	cfg, err := pq.NewConfig(dsn)
	if err != nil {
		return nil, errors.New("dsn is not valid: it should be like postgres://user:password@host:5432/database?sslmode=verify-full, with special characters of the password percent-encoded")
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = 10 * time.Second
	}
	if cfg.ApplicationName == "" {
		cfg.ApplicationName = "sansan-satori"
	}
	c, err := pq.NewConnectorConfig(cfg)
	if err != nil {
		return nil, errors.New("dsn is not valid")
	}
	return &sessions{Connector: c, reading: m == reading}, nil
}

// sessions sets up each connection.
type sessions struct {
	driver.Connector
	reading bool
}

func (s *sessions) Connect(ctx context.Context) (driver.Conn, error) {
	// A process that stops in the middle of a transaction must not keep its locks;
	// and what is acknowledged is on disk, whatever the server's default.
	setup := `SELECT set_config('idle_in_transaction_session_timeout', '60s', false),
		CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END`
	if s.reading {
		setup = `SET default_transaction_read_only = on`
	}
	conn, err := s.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := conn.(driver.QueryerContext).QueryContext(ctx, setup, nil)
	if err == nil {
		err = rows.Close()
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// schemaLock keeps two processes from making the tables at once. The number
// means nothing.
const schemaLock = 7253411

// prepare checks the version and, for an owner, makes the tables.
func (s *postgresStore) prepare(ctx context.Context, m mode) (exists bool, err error) {
	err = s.retrying(ctx, func(tx *sql.Tx) error {
		if m == owning {
			if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, schemaLock); err != nil {
				return err
			}
		}
		err := tx.QueryRowContext(ctx, `SELECT to_regclass('ledger_meta') IS NOT NULL`).Scan(&exists)
		if err != nil {
			return err
		}
		if !exists && m == owning {
			exists = true
			return s.create(ctx, tx)
		}
		if !exists {
			return nil
		}
		var version int
		if err := tx.QueryRowContext(ctx, `SELECT version FROM ledger_meta`).Scan(&version); err != nil {
			return err
		}
		if version > schemaVersion {
			return unusable("the database was written by a newer sansan-satori (schema %d, this program knows %d): use that version, or restore a backup made before the upgrade", version, schemaVersion)
		}
		return nil
	})
	return exists, err
}

func (s *postgresStore) create(ctx context.Context, tx *sql.Tx) error {
	for _, text := range append(s.schema(),
		`CREATE INDEX ledger_intent_request ON ledger_intent (request)`,
		`CREATE TABLE ledger_lease (owner TEXT PRIMARY KEY, expires TIMESTAMPTZ)`,
		`CREATE TABLE ledger_claim (customer TEXT COLLATE "C" PRIMARY KEY, owner TEXT)`,
		fmt.Sprintf(`INSERT INTO ledger_meta (version) VALUES (%d)`, schemaVersion)) {
		if _, err := tx.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// retrying runs f in a transaction and runs it again when the server was away,
// or when transactions stood in each other's way, until ctx ends or patience
// has passed. So f must bear that a commit took place whose answer was lost.
func (s *postgresStore) retrying(ctx context.Context, f func(*sql.Tx) error) error {
	deadline := time.Now().Add(s.patience)
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		err := s.once(ctx, f)
		if err == nil || ctx.Err() != nil || !passing(err) || time.Now().Add(wait).After(deadline) {
			return err
		}
		if pause(ctx, wait) != nil {
			return err
		}
	}
}

func (s *postgresStore) once(ctx context.Context, f func(*sql.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

// passing reports whether the same transaction may succeed in a moment.
func passing(err error) bool {
	var said *pq.Error
	if errors.As(err, &said) {
		switch said.SQLState() {
		case "40001", "40P01", // serialization failure, deadlock
			"57P01", "57P02", "57P03", // the server ends, has crashed, starts
			"25006",          // a standby that is not promoted yet
			"25P03", "53300": // idle too long; too many connections
			return true
		}
		if strings.HasPrefix(said.SQLState(), "08") { // the connection
			return true
		}
		return false
	}
	var network net.Error
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, sql.ErrConnDone) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.As(err, &network)
}

func insertIntentList(ctx context.Context, tx *sql.Tx, requestID string, intents []Intent) error {
	if len(intents) == 0 {
		return nil
	}
	list, err := encode(intents)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO ledger_intent (customer, request, position, verb, held, cards, prior)
		SELECT e->>'key', CAST($2 AS TEXT), CAST(e->>'row' AS INTEGER), e->>'verb', e->'held', e->'cards', e->'prior'
		FROM jsonb_array_elements($1::jsonb) AS list(e) ORDER BY 1
		ON CONFLICT (customer) DO UPDATE SET request = excluded.request, position = excluded.position, verb = excluded.verb,
			held = excluded.held, cards = excluded.cards, prior = excluded.prior`, list, requestID)
	return err
}

func upsertImportList(ctx context.Context, tx *sql.Tx, customers []Imported) error {
	if len(customers) == 0 {
		return nil
	}
	list, err := encode(customers)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO ledger_customer (key, held, applied, written_at)
		SELECT e->>'Key', e->'Held', '{}', CAST($2 AS BIGINT) FROM jsonb_array_elements($1::jsonb) AS list(e) ORDER BY 1
		ON CONFLICT (key) DO UPDATE SET held = excluded.held, written_at = excluded.written_at`, list, time.Now().UnixMicro())
	return err
}

func upsertConfirmedList(ctx context.Context, tx *sql.Tx, requestID string, keys []Key) error {
	args := []any{requestID, time.Now().UnixMicro()}
	which := ``
	if keys != nil {
		which = ` AND customer` + postgresDialect.among("$3")
		args = append(args, arrayList(keys))
	}
	// Who locks in one order never deadlocks.
	_, err := tx.ExecContext(ctx, `INSERT INTO ledger_customer (key, held, applied, written_at)
		SELECT customer, held, cards, CAST($2 AS BIGINT) FROM ledger_intent WHERE request = $1`+which+` ORDER BY customer
		ON CONFLICT (key) DO UPDATE SET held = excluded.held, written_at = excluded.written_at, applied = ledger_customer.applied || excluded.applied`, args...)
	return err
}

// Erase removes a customer's rows. Their bytes leave the server's files with its
// next VACUUM and its write-ahead log with its retention: the server's matter.
func (s *postgresStore) Erase(ctx context.Context, key Key) (bool, error) {
	found := false
	err := s.retrying(ctx, func(tx *sql.Tx) error {
		n, err := erase(ctx, tx, key, s.eraseCustomer, s.eraseIntent)
		found = found || n // a try whose answer was lost may have found it
		return err
	})
	if err != nil {
		return false, fmt.Errorf("erasing a customer: %w", err)
	}
	return found, nil
}

// Stats counts. It reads the whole table.
func (s *postgresStore) Stats(ctx context.Context) (st Stats, err error) {
	err = s.retrying(ctx, func(tx *sql.Tx) error {
		st, err = s.stats(ctx, tx)
		return err
	})
	if err != nil {
		return Stats{}, fmt.Errorf("counting the ledger: %w", err)
	}
	return st, nil
}

// Close gives the ledger up. Claims that cannot be given up, because the server
// is away, lapse.
func (s *postgresStore) Close() error { return s.close() }
