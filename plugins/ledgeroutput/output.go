// Package ledgeroutput is the output satori_ledger: it tells the ledger what
// SATORI exported. Nothing is written to SATORI.
package ledgeroutput

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/redpanda-data/benthos/v4/public/service"

	"sansansatori/plugins/items"
	"sansansatori/plugins/ledger"
	"sansansatori/plugins/oneshot"
)

// output imports rows. What it holds of them lasts for one batch.
type output struct {
	conf config
	log  *service.Logger
	rows *service.MetricCounter // by result

	mu     sync.Mutex // guards store and warned
	store  ledger.Store
	warned map[string]bool // columns that were missed
	closed bool

	imported, refused atomic.Int64
}

func newOutput(ctx context.Context, conf config, res *service.Resources) (*output, error) {
	o := &output{
		conf: conf, log: res.Logger(), warned: map[string]bool{},
		rows: res.Metrics().NewCounter("satori_ledger_rows", "result"),
	}
	if conf.ledger.Driver == ledger.DriverSQLite {
		// A ledger that the running link holds ends the start, and says so.
		if err := o.Connect(ctx); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// Connect opens the ledger.
func (o *output) Connect(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.store != nil {
		return nil
	}
	store, err := ledger.Open(ctx, o.conf.ledger)
	if errors.Is(err, ledger.ErrHeld) {
		err = fmt.Errorf("%w: stop the running link, import, and start it again", err)
	}
	if err != nil {
		return fmt.Errorf("opening the ledger: %w", err)
	}
	o.store = store
	return nil
}

// WriteBatch imports a batch in one transaction. Rows that name no customer fail
// alone, each with its line.
func (o *output) WriteBatch(ctx context.Context, batch service.MessageBatch) error {
	o.mu.Lock()
	store := o.store
	o.mu.Unlock()
	if store == nil {
		return service.ErrNotConnected
	}
	rows := make([]row, 0, len(batch))
	refused := map[int]error{} // by place in the batch
	for i, m := range batch {
		r, err := rowOf(m, o.conf.readable)
		if err != nil {
			refused[i] = fmt.Errorf("satori_ledger: %s: %w", placeOf(m, i), err)
			continue
		}
		rows = append(rows, r)
	}
	o.warnMissing(rows)
	if err := o.importRows(ctx, store, rows); err != nil {
		return err
	}
	o.imported.Add(int64(len(rows)))
	o.refused.Add(int64(len(refused)))
	o.rows.Incr(int64(len(rows)), "imported")
	o.rows.Incr(int64(len(refused)), "refused")
	return batchErrorOf(batch, refused)
}

// batchErrorOf gives each refused row its own error; nil when there are none.
func batchErrorOf(batch service.MessageBatch, refused map[int]error) error {
	if len(refused) == 0 {
		return nil
	}
	first := slices.Min(slices.Collect(maps.Keys(refused)))
	all := service.NewBatchError(batch, fmt.Errorf("%d of %d rows refused, the first: %w", len(refused), len(batch), refused[first]))
	for i, err := range refused {
		all.Failed(i, err)
	}
	return all
}

// importRows tries until the ledger has the rows or ctx ends: a disk that is
// full for a moment must not make refused rows of them.
func (o *output) importRows(ctx context.Context, store ledger.Store, rows []row) error {
	if len(rows) == 0 {
		return nil
	}
	again := o.conf.backoff.Start()
	said := ""
	for {
		customers, err := o.customersOf(ctx, store, rows)
		if err == nil {
			err = store.Import(ctx, customers)
		}
		if err == nil {
			return nil
		}
		err = fmt.Errorf("importing: %w", err)
		if errors.Is(err, ledger.ErrUnusable) {
			oneshot.Fail(err)
			return err
		}
		if text := err.Error(); text != said && ctx.Err() == nil {
			o.log.Errorf("%s; trying again", text)
			said = text
		}
		if waitErr := again.Wait(ctx, 0); waitErr != nil {
			return errors.Join(err, waitErr)
		}
	}
}

// customersOf makes the ledger's customers of rows. An import replaces what the
// ledger holds; what the export has no column for stays as the link learnt it:
// without an exchange date any older card would overwrite.
func (o *output) customersOf(ctx context.Context, store ledger.Store, rows []row) ([]ledger.Imported, error) {
	var keys []ledger.Key
	for _, r := range rows {
		if len(r.missing) > 0 {
			keys = append(keys, r.key)
		}
	}
	var known map[ledger.Key]*ledger.Customer
	if len(keys) > 0 {
		var err error
		if known, err = store.Load(ctx, keys); err != nil {
			return nil, err
		}
	}
	customers := make([]ledger.Imported, len(rows))
	for i, r := range rows {
		if c := known[r.key]; c != nil {
			for _, name := range r.missing {
				if value, ok := c.Held[name]; ok {
					r.held[name] = value
				}
			}
		}
		customers[i] = ledger.Imported{Key: r.key, Held: r.held}
	}
	return customers, nil
}

// warnMissing says once of each readable item that the export has no such column.
func (o *output) warnMissing(rows []row) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range rows {
		for _, name := range r.missing {
			if o.warned[name] {
				continue
			}
			o.warned[name] = true
			label := items.Label(name)
			if label != "" {
				label = " (" + label + ")"
			}
			o.log.Warnf("the export has no column `%s`%s, which the link reads: customers that the ledger does not know with it count as having none, and a rule that compares it lets any card overwrite them; export it from SATORI, too, and import again", name, label)
		}
	}
}

// Close says what was imported. It may be called twice.
func (o *output) Close(context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil
	}
	o.closed = true
	if o.store == nil {
		return nil
	}
	o.log.Infof("import: %d rows imported, %d refused", o.imported.Load(), o.refused.Load())
	store := o.store
	o.store = nil
	return store.Close()
}
