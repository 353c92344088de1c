package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrLost: this process no longer owns the customers or the request, because
// its lease ran out and another process took them. Nothing was changed. The
// caller claims and loads the customers anew and decides again.
var ErrLost = errors.New("the claim was lost to another process")

// shared is what both databases do with the same statements.
type shared struct {
	dialect
	statements
	// transact runs f in one transaction and commits. It may run f again when
	// the first try failed or its commit was not answered.
	transact func(ctx context.Context, f func(*sql.Tx) error) error
	// owner names this process in requests and claims.
	owner func() string
	// insertIntents and upsertImported write rows that are sorted by key, once each.
	insertIntents  func(ctx context.Context, tx *sql.Tx, requestID string, intents []Intent) error
	upsertImported func(ctx context.Context, tx *sql.Tx, customers []Imported) error
	// upsertConfirmed writes what intents of a request hold; all of them when
	// keys is nil.
	upsertConfirmed func(ctx context.Context, tx *sql.Tx, requestID string, keys []Key) error
}

func newShared(d dialect) shared { return shared{dialect: d, statements: d.statements()} }

// Load reads customers in one statement, hence as they were at one moment.
func (s *shared) Load(ctx context.Context, keys []Key) (map[Key]*Customer, error) {
	list := s.list(keyList(keys))
	var found map[Key]*Customer
	err := s.transact(ctx, func(tx *sql.Tx) error {
		found = make(map[Key]*Customer, len(keys))
		rows, err := tx.QueryContext(ctx, s.load, list)
		if err != nil {
			return err
		}
		return eachRow(rows, func() error { return readCustomer(rows, found) })
	})
	if err != nil {
		return nil, fmt.Errorf("loading customers: %w", err)
	}
	return found, nil
}

func readCustomer(rows *sql.Rows, found map[Key]*Customer) error {
	var r intentRow
	if err := rows.Scan(&r.key, &r.held, &r.cards, &r.position, &r.verb, &r.prior); err != nil {
		return err
	}
	c := found[r.key]
	if c == nil {
		c = &Customer{}
		found[r.key] = c
	}
	intent, err := r.intent()
	if err != nil {
		return err
	}
	if r.verb.Valid {
		c.Open = &intent
	} else {
		c.Known, c.Held, c.Applied = true, intent.Held, intent.Cards
	}
	return nil
}

// intentRow is a row of ledger_intent. A row of ledger_customer has its first
// three columns only.
type intentRow struct {
	key                Key
	held, cards, prior sql.RawBytes
	position           sql.NullInt64
	verb               sql.NullString
}

func (r *intentRow) intent() (Intent, error) {
	i := Intent{Key: r.key, Row: int(r.position.Int64), Verb: r.verb.String}
	err := decodeValues(r.held, &i.Held)
	if err == nil {
		err = decodeCards(r.cards, &i.Cards)
	}
	if err == nil && r.prior != nil {
		err = json.Unmarshal(r.prior, &i.Prior)
	}
	if err != nil { // its text would show what the customer holds
		return Intent{}, unusable("customer %s is not readable: erase it, or restore a backup", r.key)
	}
	return i, nil
}

// begin records a request inside a transaction.
func (s *shared) begin(ctx context.Context, tx *sql.Tx, req Request, sorted []Intent) error {
	_, err := tx.ExecContext(ctx, s.beginRequest, req.ID, req.Verb, req.ProcessCode, req.Begun.UnixMicro(), s.owner())
	if err != nil {
		return err
	}
	return s.insertIntents(ctx, tx, req.ID, sorted)
}

// Uploaded notes the process code SATORI gave; ErrLost when the request is not
// this process's any more.
func (s *shared) Uploaded(ctx context.Context, requestID, processCode string) error {
	err := s.transact(ctx, func(tx *sql.Tx) error {
		return changed(tx.ExecContext(ctx, s.uploaded, requestID, processCode, s.owner()))
	})
	if err != nil {
		return fmt.Errorf("noting a process code: %w", err)
	}
	return nil
}

// changed is ErrLost when a statement changed nothing.
func changed(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return ErrLost
}

// settle confirms and withdraws inside a transaction. What was settled already,
// by a try whose answer was lost, is left alone.
func (s *shared) settle(ctx context.Context, tx *sql.Tx, requestID string, confirmed, withdrawn []Key) error {
	var owner string
	err := tx.QueryRowContext(ctx, s.statements.owner, requestID).Scan(&owner)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	open := map[Key]bool{}
	rows, err := tx.QueryContext(ctx, s.open, requestID)
	if err != nil {
		return err
	}
	err = eachRow(rows, func() error {
		var key Key
		err := rows.Scan(&key)
		open[key] = true
		return err
	})
	if err != nil {
		return err
	}
	closed := func(key Key) bool { return !open[key] }
	confirmed = slices.DeleteFunc(confirmed, closed)
	withdrawn = slices.DeleteFunc(withdrawn, closed)
	if len(confirmed)+len(withdrawn) == 0 && len(open) > 0 {
		return nil
	}
	if len(open) > 0 && owner != s.owner() {
		return ErrLost
	}
	if err := s.confirmKeys(ctx, tx, requestID, confirmed, len(confirmed) == len(open)); err != nil {
		return err
	}
	if err := s.withdrawKeys(ctx, tx, requestID, withdrawn); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, s.forget, requestID)
	return err
}

func (s *shared) confirmKeys(ctx context.Context, tx *sql.Tx, requestID string, keys []Key, all bool) error {
	if len(keys) == 0 {
		return nil
	}
	if all { // the common case needs no list
		if err := s.upsertConfirmed(ctx, tx, requestID, nil); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, s.settledAll, requestID)
		return err
	}
	if err := s.upsertConfirmed(ctx, tx, requestID, keys); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, s.settled, requestID, s.list(keys))
	return err
}

// withdrawKeys opens what an intent was built on, or drops it.
func (s *shared) withdrawKeys(ctx context.Context, tx *sql.Tx, requestID string, keys []Key) error {
	if len(keys) == 0 {
		return nil
	}
	list := s.list(keys)
	if _, err := tx.ExecContext(ctx, s.reopen, requestID, list); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, s.settled, requestID, list)
	return err
}

// settling sorts a settlement's keys. A customer cannot be both confirmed and
// withdrawn.
func settling(confirmed, withdrawn []Key) (yes, no []Key, err error) {
	yes, no = keyList(confirmed), keyList(withdrawn)
	for _, k := range no {
		if _, both := slices.BinarySearch(yes, k); both {
			return nil, nil, fmt.Errorf("customer %s is both confirmed and withdrawn", k)
		}
	}
	return yes, no, nil
}

// takeAbandoned makes requests of processes that are gone this process's own.
// also names requests that an earlier try may have taken already.
func (s *shared) takeAbandoned(ctx context.Context, tx *sql.Tx, also []Key) ([]Request, error) {
	if _, err := tx.ExecContext(ctx, s.dropUnsent, s.owner()); err != nil {
		return nil, err
	}
	rows, err := tx.QueryContext(ctx, s.abandoned, s.owner(), s.list(also))
	if err != nil {
		return nil, err
	}
	var requests []Request
	byID := map[string]int{}
	err = eachRow(rows, func() error {
		var r Request
		var begun int64
		if err := rows.Scan(&r.ID, &r.Verb, &r.ProcessCode, &begun); err != nil {
			return err
		}
		r.Begun = time.UnixMicro(begun).UTC()
		byID[r.ID] = len(requests)
		requests = append(requests, r)
		return nil
	})
	if err != nil || len(requests) == 0 {
		return nil, err
	}
	ids := s.list(idsOf(requests))
	if _, err := tx.ExecContext(ctx, s.takeOver, s.owner(), ids); err != nil {
		return nil, err
	}
	rows, err = tx.QueryContext(ctx, s.intentsOf, ids)
	if err != nil {
		return nil, err
	}
	err = eachRow(rows, func() error {
		var id string
		var r intentRow
		if err := rows.Scan(&id, &r.key, &r.held, &r.cards, &r.position, &r.verb, &r.prior); err != nil {
			return err
		}
		intent, err := r.intent()
		if err != nil {
			return err
		}
		req := &requests[byID[id]]
		req.Intents = append(req.Intents, intent)
		return nil
	})
	for _, r := range requests {
		slices.SortFunc(r.Intents, func(a, b Intent) int { return cmp.Compare(a.Row, b.Row) })
	}
	return requests, err
}

func idsOf(requests []Request) []Key {
	ids := make([]Key, len(requests))
	for i, r := range requests {
		ids[i] = Key(r.ID)
	}
	return ids
}

// Import sets what SATORI exported. Of two lines for one customer the later holds.
func (s *shared) Import(ctx context.Context, customers []Imported) error {
	sorted := sortedImport(customers)
	err := s.transact(ctx, func(tx *sql.Tx) error { return s.upsertImported(ctx, tx, sorted) })
	if err != nil {
		return fmt.Errorf("importing customers: %w", err)
	}
	return nil
}

// erase removes a customer inside a transaction by the statements given.
func erase(ctx context.Context, tx *sql.Tx, key Key, texts ...string) (bool, error) {
	found := false
	for _, text := range texts {
		res, err := tx.ExecContext(ctx, text, string(key))
		if err != nil {
			return false, err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return false, err
		}
		found = found || n > 0
	}
	return found, nil
}

// stats counts inside a transaction. It reads the whole ledger.
func (s *shared) stats(ctx context.Context, tx *sql.Tx) (Stats, error) {
	st := Stats{Driver: s.name}
	var last int64
	for _, c := range []struct {
		text string
		to   *int64
	}{{s.countCustomers, &st.Customers}, {s.countCards, &st.Cards}, {s.countOpen, &st.Open}, {s.last, &last}} {
		if err := tx.QueryRowContext(ctx, c.text).Scan(c.to); err != nil {
			return Stats{}, err
		}
	}
	if last > 0 {
		st.LastWrite = time.UnixMicro(last).UTC()
	}
	return st, nil
}

// eachRow calls f for every row and closes rows, whatever happens.
func eachRow(rows *sql.Rows, f func() error) error {
	defer rows.Close()
	for rows.Next() {
		if err := f(); err != nil {
			return err
		}
	}
	return rows.Err()
}
