package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
)

// Drivers of Config.Driver.
const (
	DriverSQLite   = "sqlite"
	DriverPostgres = "postgres"
)

// Open opens a ledger and takes ownership of it; with ReadOnly it only reads.
// It gives ErrHeld when another process owns an SQLite ledger, ErrUnusable when
// the ledger is damaged or of a newer version, and a plain error, which may go
// away, when the disk or the server does not answer.
func Open(ctx context.Context, cfg Config) (Store, error) {
	mode := owning
	if cfg.ReadOnly {
		mode = reading
	}
	return open(ctx, cfg, mode)
}

// OpenBeside opens a ledger that another process may own at this moment, for a
// command beside the running link. Only Load, Stats, Erase and Close work;
// the other methods fail. A ledger that does not exist reads as empty.
func OpenBeside(ctx context.Context, cfg Config) (Store, error) {
	if cfg.ReadOnly {
		return open(ctx, cfg, reading)
	}
	return open(ctx, cfg, beside)
}

// mode is how much of a ledger a process wants.
type mode int

const (
	owning mode = iota
	beside
	reading
)

func open(ctx context.Context, cfg Config, m mode) (Store, error) {
	if cfg.DSN == "" {
		return nil, errors.New("opening the ledger: dsn is empty")
	}
	switch cfg.Driver {
	case DriverSQLite:
		return openSQLite(ctx, cfg.DSN, m)
	case DriverPostgres:
		return openPostgres(ctx, cfg.DSN, m, defaultTerms)
	}
	return nil, fmt.Errorf("opening the ledger: driver %q is neither %s nor %s", cfg.Driver, DriverSQLite, DriverPostgres)
}

var (
	errReadOnly = errors.New("the ledger was opened for reading only")
	errBeside   = errors.New("the ledger was opened beside its owner: it can be read and customers can be erased, no more")
)

// unusable words an ErrUnusable.
func unusable(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnusable, fmt.Sprintf(format, args...))
}

// newOwner names a process for as long as it has the ledger open.
func newOwner() string { return rand.Text() }

// limited lets only reading through, and erasing when erasing is set.
type limited struct {
	Store
	refusal  error
	erasable bool
}

func limit(s Store, m mode) Store {
	switch m {
	case reading:
		return &limited{Store: s, refusal: errReadOnly}
	case beside:
		return &limited{Store: s, refusal: errBeside, erasable: true}
	}
	return s
}

// Claim grants all when reading: a dry run changes nothing and needs no claim.
func (l *limited) Claim(ctx context.Context, keys []Key) ([]Key, error) {
	if l.erasable {
		return nil, l.refusal
	}
	return keys, nil
}
func (l *limited) Release(context.Context, []Key) error               { return nil }
func (l *limited) Begin(context.Context, Request) error               { return l.refusal }
func (l *limited) Uploaded(context.Context, string, string) error     { return l.refusal }
func (l *limited) Settle(context.Context, string, []Key, []Key) error { return l.refusal }
func (l *limited) Import(context.Context, []Imported) error           { return l.refusal }

// Abandoned gives none: the requests belong to the owner.
func (l *limited) Abandoned(context.Context) ([]Request, error) { return nil, nil }

func (l *limited) Erase(ctx context.Context, key Key) (bool, error) {
	if !l.erasable {
		return false, l.refusal
	}
	return l.Store.Erase(ctx, key)
}

// empty is a ledger that does not exist yet, for those who only read.
type empty struct{ driver string }

func (empty) Claim(_ context.Context, keys []Key) ([]Key, error)     { return keys, nil }
func (empty) Release(context.Context, []Key) error                   { return nil }
func (empty) Load(context.Context, []Key) (map[Key]*Customer, error) { return map[Key]*Customer{}, nil }
func (empty) Begin(context.Context, Request) error                   { return errReadOnly }
func (empty) Uploaded(context.Context, string, string) error         { return errReadOnly }
func (empty) Settle(context.Context, string, []Key, []Key) error     { return errReadOnly }
func (empty) Abandoned(context.Context) ([]Request, error)           { return nil, nil }
func (empty) Import(context.Context, []Imported) error               { return errReadOnly }
func (empty) Erase(context.Context, Key) (bool, error)               { return false, nil }
func (e empty) Stats(context.Context) (Stats, error)                 { return Stats{Driver: e.driver}, nil }
func (empty) Close() error                                           { return nil }
