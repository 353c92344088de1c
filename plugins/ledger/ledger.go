// Package ledger remembers what SATORI is known to hold.
//
// SATORI's public API cannot be asked, so the link keeps one row a customer:
// the values of the readable items, which cards were applied in which form, and
// an intent for every write whose outcome is not known yet. A row is keyed by a
// hash of the customer's e-mail address; the address itself is never stored.
package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"
)

// Key names a customer: the hexadecimal SHA-256 of the normalised e-mail.
type Key string

// KeyOf gives the key of an e-mail address that is normalised already.
func KeyOf(email string) Key {
	sum := sha256.Sum256([]byte(email))
	return Key(hex.EncodeToString(sum[:]))
}

// Values are SATORI items by name, as JSON values (string, number, list).
type Values map[string]any

// Cards maps a card's id to the digest of the form in which it was applied.
type Cards map[string]string

// Customer is all the ledger knows of one customer.
type Customer struct {
	// Known: SATORI confirmed at least one write, or the customer was imported.
	Known bool
	// Held are the readable items SATORI confirmed or exported.
	Held Values
	// Applied are the cards that were written, each in its last form.
	Applied Cards
	// Open is a write that was begun and whose outcome nobody learnt.
	Open *Intent
}

// Intent is one customer's part of a request that is about to be sent. It is
// recorded before the request: what may have been written counts as held.
type Intent struct {
	Key  Key    `json:"key"`
	Row  int    `json:"row"`  // position in the request, the first row is 0
	Verb string `json:"verb"` // "registration" or "upsert"
	// Held are the readable items the customer holds once this is applied.
	Held Values `json:"held"`
	// Cards are applied by this write, each in this form.
	Cards Cards `json:"cards"`
	// Prior is the open intent this one was built on. When this one is
	// withdrawn the prior one is open again.
	Prior *Intent `json:"prior,omitempty"`
}

// Request is what is sent to SATORI in one go.
type Request struct {
	ID   string // ours, random
	Verb string
	// ProcessCode is SATORI's name for a bulk job; empty until it is accepted.
	ProcessCode string
	Begun       time.Time
	Intents     []Intent
}

// Imported is a customer as SATORI exported it.
type Imported struct {
	Key  Key
	Held Values
}

// Stats describes a ledger. Counts are rows.
type Stats struct {
	Driver    string    `json:"driver"`
	Customers int64     `json:"customers"`
	Cards     int64     `json:"cards"`
	Open      int64     `json:"open_intents"`
	LastWrite time.Time `json:"last_write"`
}

// Errors that callers tell apart. Both are final: waiting does not mend them.
var (
	// ErrHeld: another process holds this ledger; the text says who.
	ErrHeld = errors.New("ledger is held by another process")
	// ErrUnusable: the ledger is damaged or of a newer version.
	ErrUnusable = errors.New("ledger cannot be used")
)

// Store is a ledger's storage. All methods work on a whole group in few
// statements, each in one transaction, and are safe for concurrent use.
type Store interface {
	// Claim reserves customers for this process and gives the ones granted.
	// Several processes may share a PostgreSQL ledger; SQLite has one owner and
	// grants all. A claim of a process that died lapses.
	Claim(ctx context.Context, keys []Key) (granted []Key, err error)
	// Release gives up claims on customers for which nothing was begun.
	Release(ctx context.Context, keys []Key) error
	// Load reads customers; unknown ones are absent from the map.
	Load(ctx context.Context, keys []Key) (map[Key]*Customer, error)
	// Begin records a request and its intents, each replacing the customer's
	// open intent (kept in Prior by the caller).
	Begin(ctx context.Context, req Request) error
	// Uploaded notes the process code SATORI gave.
	Uploaded(ctx context.Context, requestID, processCode string) error
	// Settle confirms and withdraws intents of a request by customer and releases
	// their claims. A confirmed one becomes what SATORI holds; a withdrawn
	// one gives way to its Prior. The request is forgotten with its last intent.
	Settle(ctx context.Context, requestID string, confirmed, withdrawn []Key) error
	// Abandoned gives the requests that a process which is gone has left with a
	// process code: their outcome can still be asked for. Requests without a
	// code stay as open intents of their customers. The caller owns what it got.
	Abandoned(ctx context.Context) ([]Request, error)
	// Import sets what SATORI exported: held values are replaced, cards and
	// open intents stay.
	Import(ctx context.Context, customers []Imported) error
	// Erase removes every trace of a customer; false when there was none.
	Erase(ctx context.Context, key Key) (bool, error)
	// Stats counts.
	Stats(ctx context.Context) (Stats, error)
	// Close gives the ledger up. It may be called twice.
	Close() error
}

// Config says where a ledger lives.
type Config struct {
	Driver string // "sqlite" or "postgres"
	DSN    string // a file path or file: URL, or a PostgreSQL URL
	// ReadOnly opens without taking ownership and without writing anything; a
	// ledger that does not exist yet reads as empty. For dry runs and reports.
	ReadOnly bool
}
