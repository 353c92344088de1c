package ledger

import (
	"cmp"
	"context"
	"database/sql"
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
}

func newShared(d dialect) shared { return shared{dialect: d, statements: d.statements()} }

// Load reads customers in one statement, hence as they were at one moment.
func (s *shared) Load(ctx context.Context, keys []Key) (map[Key]*Customer, error) {
	list, err := encodeKeys(keyList(keys))
	if err != nil {
		return nil, err
	}
	var found map[Key]*Customer
	err = s.transact(ctx, func(tx *sql.Tx) error {
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
	var key Key
	var held, applied, payload sql.RawBytes
	if err := rows.Scan(&key, &held, &applied, &payload); err != nil {
		return err
	}
	if payload == nil {
		c, err := decodeCustomer(held, applied)
		if err != nil {
			return err
		}
		if before := found[key]; before != nil {
			c.Open = before.Open
		}
		found[key] = c
		return nil
	}
	intent, err := decodeIntent(payload)
	if err != nil {
		return err
	}
	if found[key] == nil {
		found[key] = &Customer{}
	}
	found[key].Open = intent
	return nil
}

// begin records a request inside a transaction.
func (s *shared) begin(ctx context.Context, tx *sql.Tx, req Request, intents string) error {
	_, err := tx.ExecContext(ctx, s.beginRequest, req.ID, req.Verb, req.ProcessCode, req.Begun.UnixMicro(), s.owner())
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, s.beginIntents, intents, req.ID)
	return err
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
func (s *shared) settle(ctx context.Context, tx *sql.Tx, requestID, confirmed, withdrawn, all string) error {
	var owner string
	err := tx.QueryRowContext(ctx, s.statements.owner, requestID).Scan(&owner)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if owner != s.owner() {
		var waiting int
		if err := tx.QueryRowContext(ctx, s.waiting, requestID, all).Scan(&waiting); err != nil {
			return err
		}
		if waiting > 0 {
			return ErrLost
		}
		return nil
	}
	now := time.Now().UnixMicro()
	for _, step := range []struct {
		text string
		args []any
	}{
		{s.confirm, []any{requestID, confirmed, now}},
		{s.settled, []any{requestID, confirmed}},
		{s.reopen, []any{requestID, withdrawn}},
		{s.settled, []any{requestID, withdrawn}},
		{s.forget, []any{requestID}},
	} {
		if len(step.args) > 1 && step.args[1] == "[]" {
			continue
		}
		if _, err := tx.ExecContext(ctx, step.text, step.args...); err != nil {
			return err
		}
	}
	return nil
}

// settling encodes a settlement's keys. A customer cannot be both confirmed and
// withdrawn.
func settling(confirmed, withdrawn []Key) (c, w, all string, err error) {
	union := keyList(slices.Concat(confirmed, withdrawn))
	yes, no := keyList(confirmed), keyList(withdrawn)
	if len(yes)+len(no) != len(union) {
		return "", "", "", errors.New("a customer is both confirmed and withdrawn")
	}
	for _, list := range []struct {
		to   *string
		keys []Key
	}{{&c, yes}, {&w, no}, {&all, union}} {
		if *list.to, err = encodeKeys(list.keys); err != nil {
			return "", "", "", err
		}
	}
	return c, w, all, nil
}

// takeAbandoned makes requests of processes that are gone this process's own.
// also names requests that an earlier try may have taken already.
func (s *shared) takeAbandoned(ctx context.Context, tx *sql.Tx, also []Key) ([]Request, error) {
	if _, err := tx.ExecContext(ctx, s.dropUnsent, s.owner()); err != nil {
		return nil, err
	}
	earlier, err := encodeKeys(keyList(also))
	if err != nil {
		return nil, err
	}
	rows, err := tx.QueryContext(ctx, s.abandoned, s.owner(), earlier)
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
	ids, err := encodeKeys(idsOf(requests))
	if err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, s.takeOver, s.owner(), ids); err != nil {
		return nil, err
	}
	rows, err = tx.QueryContext(ctx, s.intentsOf, ids)
	if err != nil {
		return nil, err
	}
	err = eachRow(rows, func() error {
		var id string
		var payload sql.RawBytes
		if err := rows.Scan(&id, &payload); err != nil {
			return err
		}
		intent, err := decodeIntent(payload)
		if err != nil {
			return err
		}
		r := &requests[byID[id]]
		r.Intents = append(r.Intents, *intent)
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
	rows, err := encodeImported(customers)
	if err != nil {
		return err
	}
	err = s.transact(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, s.imported, rows, time.Now().UnixMicro())
		return err
	})
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
