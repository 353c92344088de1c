package ledger

import (
	"context"
	"database/sql"
	"time"
)

// In SQLite a prepared statement a row takes half the time of one statement for
// all: that parses a JSON list, and keeps a copy of every page it changes, for
// the case that it fails in the middle. Fewer calls within a process save nothing.

// insertIntentRows writes intents, each instead of the customer's former one.
func insertIntentRows(ctx context.Context, tx *sql.Tx, requestID string, intents []Intent) error {
	keys := make([]Key, len(intents))
	for i := range intents {
		keys[i] = intents[i].Key
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM ledger_intent WHERE customer IN (SELECT value FROM json_each($1))`, jsonList(keys))
	if err != nil {
		return err
	}
	const insert = `INSERT INTO ledger_intent (customer, request, position, verb, held, cards, prior) VALUES ($1, $2, $3, $4, $5, $6, $7)`
	return eachStatement(ctx, tx, insert, len(intents), func(n int) ([]any, error) {
		i := &intents[n]
		held, err := encodeValues(i.Held)
		if err != nil {
			return nil, err
		}
		var prior any
		if i.Prior != nil {
			if prior, err = encode(i.Prior); err != nil {
				return nil, err
			}
		}
		return []any{string(i.Key), requestID, i.Row, i.Verb, held, encodeCards(i.Cards), prior}, nil
	})
}

// upsertImportRows sets held values and leaves applied cards.
func upsertImportRows(ctx context.Context, tx *sql.Tx, customers []Imported) error {
	const upsert = `INSERT INTO ledger_customer (key, held, applied, written_at) VALUES ($1, $2, '{}', $3)
		ON CONFLICT (key) DO UPDATE SET held = excluded.held, written_at = excluded.written_at`
	now := time.Now().UnixMicro()
	return eachStatement(ctx, tx, upsert, len(customers), func(n int) ([]any, error) {
		held, err := encodeValues(customers[n].Held)
		return []any{string(customers[n].Key), held, now}, err
	})
}

// upsertConfirmedRows sets held values and adds applied cards.
func upsertConfirmedRows(ctx context.Context, tx *sql.Tx, requestID string, keys []Key) error {
	which, args := ``, []any{requestID}
	if keys != nil {
		which = ` AND customer IN (SELECT value FROM json_each($2))`
		args = append(args, jsonList(keys))
	}
	rows, err := tx.QueryContext(ctx, `SELECT customer, held, cards FROM ledger_intent WHERE request = $1`+which, args...)
	if err != nil {
		return err
	}
	type confirmed struct{ key, held, cards string }
	var list []confirmed
	err = eachRow(rows, func() error {
		var c confirmed
		err := rows.Scan(&c.key, &c.held, &c.cards)
		list = append(list, c)
		return err
	})
	if err != nil {
		return err
	}
	const upsert = `INSERT INTO ledger_customer (key, held, applied, written_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (key) DO UPDATE SET held = excluded.held, written_at = excluded.written_at, applied = json_patch(ledger_customer.applied, excluded.applied)`
	now := time.Now().UnixMicro()
	return eachStatement(ctx, tx, upsert, len(list), func(n int) ([]any, error) {
		return []any{list[n].key, list[n].held, list[n].cards, now}, nil
	})
}

// eachStatement runs one prepared statement n times.
func eachStatement(ctx context.Context, tx *sql.Tx, text string, n int, args func(int) ([]any, error)) error {
	st, err := tx.PrepareContext(ctx, text)
	if err != nil {
		return err
	}
	defer st.Close()
	quiet := context.WithoutCancel(ctx) // the driver starts a goroutine a call for one that can be cancelled
	for i := range n {
		if i%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		row, err := args(i)
		if err != nil {
			return err
		}
		if _, err := st.ExecContext(quiet, row...); err != nil {
			return err
		}
	}
	return nil
}
