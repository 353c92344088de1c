package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Processes that share a PostgreSQL ledger say who works on which customer.
//
//   - A process has a lease: a row that it renews. All its claims and requests
//     bear the lease's name.
//   - Whoever claims first buries leases that ran out: deletes them and their
//     claims in one transaction. So a process is gone as a whole or not at all.
//   - A process whose lease ran out but was not buried just renews it. One that
//     was buried gets ErrLost for what it had and goes on under a new name.
//   - Begin locks its claims while it records, so nobody can bury this process
//     meanwhile. Who claims after that sees what it recorded.

// tenant is the name under which a process has its lease.
type tenant struct {
	mu sync.Mutex
	id string
}

func (t *tenant) name() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.id
}

func (t *tenant) rename(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.id = id
}

// moveIn takes a lease and keeps it alive until close.
func (s *postgresStore) moveIn(ctx context.Context) error {
	if err := s.register(ctx); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx)) // outlives the call that opens
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.beat(ctx)
	}()
	s.close = func() error {
		stop()
		<-done
		leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = s.once(leaving, func(tx *sql.Tx) error { return s.moveOut(leaving, tx) })
		return s.db.Close()
	}
	return nil
}

// register takes a lease under a new name.
func (s *postgresStore) register(ctx context.Context) error {
	id := newOwner()
	err := s.retrying(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO ledger_lease (owner, expires)
			VALUES ($1, clock_timestamp() + make_interval(secs => $2)) ON CONFLICT (owner) DO NOTHING`, id, s.lease.Seconds())
		return err
	})
	if err == nil {
		s.who.rename(id)
	}
	return err
}

func (s *postgresStore) moveOut(ctx context.Context, tx *sql.Tx) error {
	for _, text := range []string{`DELETE FROM ledger_claim WHERE owner = $1`, `DELETE FROM ledger_lease WHERE owner = $1`} {
		if _, err := tx.ExecContext(ctx, text, s.owner()); err != nil {
			return err
		}
	}
	return nil
}

// beat renews the lease. While the server is away it asks more often, to be
// back before others count it as gone.
func (s *postgresStore) beat(ctx context.Context) {
	wait := s.renew
	for pause(ctx, wait) == nil {
		err := s.once(ctx, func(tx *sql.Tx) error {
			return changed(tx.ExecContext(ctx, `UPDATE ledger_lease SET expires = clock_timestamp() + make_interval(secs => $2)
				WHERE owner = $1`, s.owner(), s.lease.Seconds()))
		})
		wait = s.renew
		switch {
		case errors.Is(err, ErrLost):
			if s.register(ctx) != nil {
				wait = s.renew / 8
			}
		case err != nil:
			wait = s.renew / 8
		}
	}
}

// alive holds the lease for the rest of the transaction: nobody can bury it.
func (s *postgresStore) alive(ctx context.Context, tx *sql.Tx) error {
	var one int
	err := tx.QueryRowContext(ctx, `SELECT 1 FROM ledger_lease WHERE owner = $1 FOR KEY SHARE`, s.owner()).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrLost
	}
	return err
}

// bury removes processes that are gone.
func (s *postgresStore) bury(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, `DELETE FROM ledger_lease WHERE owner <> $1 AND expires <= clock_timestamp() RETURNING owner`, s.owner())
	if err != nil {
		return err
	}
	var gone []Key
	err = eachRow(rows, func() error {
		var owner Key
		err := rows.Scan(&owner)
		gone = append(gone, owner)
		return err
	})
	if err != nil || len(gone) == 0 {
		return err
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM ledger_claim WHERE owner`+s.among("$1"), s.list(gone))
	return err
}

// asTenant runs a transaction that takes something for this process: with the
// dead buried and this process's lease held. A process that was buried itself
// starts under a new name.
func (s *postgresStore) asTenant(ctx context.Context, f func(*sql.Tx) error) error {
	for try := 0; ; try++ {
		err := s.retrying(ctx, func(tx *sql.Tx) error {
			if err := s.alive(ctx, tx); err != nil {
				return err
			}
			if err := s.bury(ctx, tx); err != nil {
				return err
			}
			return f(tx)
		})
		if !errors.Is(err, ErrLost) || try == 3 {
			return err
		}
		if err := s.register(ctx); err != nil {
			return err
		}
	}
}

func (s *postgresStore) insertClaims(ctx context.Context, tx *sql.Tx, list string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO ledger_claim (customer, owner) SELECT k, CAST($2 AS TEXT)
		FROM unnest(CAST($1 AS TEXT[])) AS list(k) ORDER BY k COLLATE "C" ON CONFLICT (customer) DO NOTHING`, list, s.owner())
	return err
}

// Claim reserves customers; it grants those that no living process has.
func (s *postgresStore) Claim(ctx context.Context, keys []Key) ([]Key, error) {
	list := s.list(keyList(keys))
	var granted []Key
	err := s.asTenant(ctx, func(tx *sql.Tx) error {
		granted = granted[:0]
		if err := s.insertClaims(ctx, tx, list); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `SELECT customer FROM ledger_claim WHERE owner = $2 AND customer`+s.among("$1"), list, s.owner())
		if err != nil {
			return err
		}
		return eachRow(rows, func() error {
			var key Key
			err := rows.Scan(&key)
			granted = append(granted, key)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("claiming customers: %w", err)
	}
	return granted, nil
}

// Release gives up claims of this process.
func (s *postgresStore) Release(ctx context.Context, keys []Key) error {
	list := s.list(keyList(keys))
	err := s.retrying(ctx, func(tx *sql.Tx) error { return s.release(ctx, tx, list) })
	if err != nil {
		return fmt.Errorf("releasing customers: %w", err)
	}
	return nil
}

func (s *postgresStore) release(ctx context.Context, tx *sql.Tx, list string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM ledger_claim WHERE owner = $2 AND customer`+s.among("$1"), list, s.owner())
	return err
}

// Begin records a request for customers that this process has claimed; ErrLost
// when it has not, or no longer.
func (s *postgresStore) Begin(ctx context.Context, req Request) error {
	intents, err := sortedIntents(req.Intents)
	if err != nil {
		return fmt.Errorf("recording a request: %w", err)
	}
	keys := make([]Key, len(intents))
	for i := range intents {
		keys[i] = intents[i].Key
	}
	list := s.list(keys)
	err = s.retrying(ctx, func(tx *sql.Tx) error {
		var mine int
		err := tx.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT 1 FROM ledger_claim
			WHERE owner = $2 AND customer`+s.among("$1")+` ORDER BY customer FOR SHARE) AS mine`, list, s.owner()).Scan(&mine)
		if err != nil {
			return err
		}
		if mine != len(keys) {
			return ErrLost
		}
		return s.begin(ctx, tx, req, intents)
	})
	if err != nil {
		return fmt.Errorf("recording a request: %w", err)
	}
	return nil
}

// Settle confirms and withdraws intents of a request of this process and
// releases the customers; ErrLost when another process has taken it over.
func (s *postgresStore) Settle(ctx context.Context, requestID string, confirmed, withdrawn []Key) error {
	yes, no, err := settling(confirmed, withdrawn)
	if err == nil {
		list := s.list(keyList(slices.Concat(yes, no)))
		err = s.retrying(ctx, func(tx *sql.Tx) error {
			// settle cuts its lists, and this may run again.
			if err := s.settle(ctx, tx, requestID, slices.Clone(yes), slices.Clone(no)); err != nil {
				return err
			}
			return s.release(ctx, tx, list)
		})
	}
	if err != nil {
		return fmt.Errorf("settling a request: %w", err)
	}
	return nil
}

// Abandoned takes over the requests of processes that are gone, and claims their
// customers.
func (s *postgresStore) Abandoned(ctx context.Context) (requests []Request, err error) {
	var taken []Key // by a try whose answer was lost
	err = s.asTenant(ctx, func(tx *sql.Tx) error {
		requests, err = s.takeAbandoned(ctx, tx, taken)
		if err != nil {
			return err
		}
		taken = idsOf(requests)
		var keys []Key
		for _, r := range requests {
			for _, i := range r.Intents {
				keys = append(keys, i.Key)
			}
		}
		return s.insertClaims(ctx, tx, s.list(keyList(keys)))
	})
	if err != nil {
		return nil, fmt.Errorf("taking over abandoned requests: %w", err)
	}
	return requests, nil
}
