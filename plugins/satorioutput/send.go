package satorioutput

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"sansansatori/plugins/apicall"
	"sansansatori/plugins/decide"
	"sansansatori/plugins/ledger"
	"sansansatori/plugins/satori"
)

// errStop: SATORI refuses the keys; nothing more is sent until Connect succeeds.
var errStop = errors.New("writing has stopped")

const (
	// lookAgain is how often an outcome that SATORI does not tell is looked for by
	// sending the rows once more.
	lookAgain = 3
	// hopeless is how many requests may be refused as a whole, none accepted,
	// before the rest of the rows is taken to be refused for the same reason.
	hopeless = 12
)

// sending is one set of rows of one verb on its way to SATORI, whatever number
// of requests it takes.
type sending struct {
	o        *Output
	verb     string
	of       map[*decide.Card]*waiting
	accepted int
	refused  int // requests refused as a whole
}

// outcome of a row that was sent. unknown: it may have been written.
type outcome struct {
	err     error
	unknown bool
}

// parts divides rows by the way they are sent. A row without a route cannot go
// through the bulk API, which demands one.
func (o *Output) parts(rows []*decide.Row) [][]*decide.Row {
	if len(rows) == 0 {
		return nil
	}
	if o.conf.api != apiAuto {
		return [][]*decide.Row{rows}
	}
	var bulk, single []*decide.Row
	for _, row := range rows {
		if row.Cells.Get(itemRoute) == "" {
			single = append(single, row)
		} else {
			bulk = append(bulk, row)
		}
	}
	if len(bulk) < o.conf.bulkThreshold {
		return [][]*decide.Row{rows}
	}
	if len(single) == 0 {
		return [][]*decide.Row{bulk}
	}
	return [][]*decide.Row{bulk, single}
}

func (s *sending) send(ctx context.Context, rows []*decide.Row) error {
	if s.o.conf.dryRun {
		return s.pretend(ctx, rows)
	}
	switch {
	case s.o.conf.api == apiSingle,
		s.o.conf.api == apiAuto && (len(rows) < s.o.conf.bulkThreshold || rows[0].Cells.Get(itemRoute) == ""):
		return s.oneByOne(ctx, rows)
	}
	return s.bulk(ctx, rows, 0)
}

// pretend is the dry run: every row is accepted, in memory only.
func (s *sending) pretend(ctx context.Context, rows []*decide.Row) error {
	req, err := s.begin(ctx, rows)
	if err != nil {
		return err
	}
	return s.settle(ctx, req, rows, make([]outcome, len(rows)))
}

// begin records the intents before anything is sent.
func (s *sending) begin(ctx context.Context, rows []*decide.Row) (string, error) {
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return "", err
	}
	req := ledger.Request{ID: hex.EncodeToString(id[:]), Verb: s.verb, Begun: time.Now(), Intents: make([]ledger.Intent, len(rows))}
	for i, row := range rows {
		req.Intents[i] = row.Intent(i)
	}
	return req.ID, s.o.persist(ctx, func(ctx context.Context) error { return s.o.store.Begin(ctx, req) })
}

// oneByOne uses the single API.
func (s *sending) oneByOne(ctx context.Context, rows []*decide.Row) error {
	req, err := s.begin(ctx, rows)
	if err != nil {
		return err
	}
	results := make([]outcome, len(rows))
	stopped := false
	for i, row := range rows {
		err := s.patiently(ctx, "single", func(ctx context.Context) error {
			return s.o.client.Write(ctx, satori.Verb(s.verb), single(row))
		})
		if ctx.Err() != nil {
			return ctx.Err() // the intents stay: rows before this one were written
		}
		if isClass(err, satori.Unauthorized) {
			stopped = true
			_ = s.o.keysRefused(err)
			results = results[:i]
			break
		}
		results[i] = outcome{err: err, unknown: isClass(err, satori.Transient)}
	}
	if err := s.settle(ctx, req, rows[:len(results)], results); err != nil {
		return err
	}
	if stopped {
		return s.withdraw(ctx, req, rows[len(results):])
	}
	return nil
}

// withdraw takes back what was never sent and ends the writing.
func (s *sending) withdraw(ctx context.Context, req string, rows []*decide.Row) error {
	keys := keysOfRows(rows)
	if err := s.o.persist(ctx, func(ctx context.Context) error { return s.o.store.Settle(ctx, req, nil, keys) }); err != nil {
		return err
	}
	return errStop
}

// bulk sends rows as one job and waits for its outcome. tries counts how often
// these very rows were sent without learning it.
func (s *sending) bulk(ctx context.Context, rows []*decide.Row, tries int) error {
	if s.refused >= hopeless && s.accepted == 0 {
		return s.allRefused(ctx, rows)
	}
	req, err := s.begin(ctx, rows)
	if err != nil {
		return err
	}
	job, err := s.job(ctx, req, rows)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	switch {
	case err == nil:
	case isClass(err, satori.Unauthorized):
		_ = s.o.keysRefused(err)
		return s.withdraw(ctx, req, rows)
	case isClass(err, satori.Expired), errors.Is(err, errJobTooLong):
		if tries+1 < lookAgain || errors.Is(err, errJobTooLong) {
			s.o.metrics.retries.Incr(1, "job")
			return s.bulk(ctx, rows, tries+1)
		}
		return s.settle(ctx, req, rows, same(len(rows), outcome{err: err, unknown: true}))
	case isClass(err, satori.Transient): // for longer than backoff allows
		return s.settle(ctx, req, rows, same(len(rows), outcome{err: err, unknown: true}))
	case isClass(err, satori.Forbidden), len(rows) == 1:
		return s.settle(ctx, req, rows, same(len(rows), outcome{err: err}))
	default: // one bad row may have spoilt the request
		s.refused++
		return s.halves(ctx, rows)
	}
	if !job.Trusted {
		if len(rows) == 1 {
			return s.oneByOne(ctx, rows)
		}
		return s.halves(ctx, rows)
	}
	return s.read(ctx, req, rows, job, tries)
}

// read takes a finished job's outcome row by row. Rows it does not mention are
// sent again.
func (s *sending) read(ctx context.Context, req string, rows []*decide.Row, job satori.Job, tries int) error {
	var told, silent []*decide.Row
	var results []outcome
	for i, row := range rows {
		why, failed := job.Failed[i]
		switch {
		case failed:
			results = append(results, outcome{err: &satori.Error{Class: satori.Invalid, Said: why}})
		case job.Succeeded != nil && !job.Succeeded[i] && tries+1 < lookAgain:
			silent = append(silent, row)
			continue
		case job.Succeeded != nil && !job.Succeeded[i]:
			results = append(results, outcome{err: &satori.Error{Class: satori.Refused, Said: "the finished job does not mention this row"}, unknown: true})
		default:
			results = append(results, outcome{})
		}
		told = append(told, row)
	}
	if err := s.settle(ctx, req, told, results); err != nil {
		return err
	}
	if len(silent) == 0 {
		return nil
	}
	return s.bulk(ctx, silent, tries+1)
}

func (s *sending) halves(ctx context.Context, rows []*decide.Row) error {
	half := len(rows) / 2
	if err := s.bulk(ctx, rows[:half], 0); err != nil {
		return err
	}
	return s.bulk(ctx, rows[half:], 0)
}

// allRefused: no request of many was accepted; these rows would fare no better.
func (s *sending) allRefused(ctx context.Context, rows []*decide.Row) error {
	req, err := s.begin(ctx, rows)
	if err != nil {
		return err
	}
	err = &satori.Error{Class: satori.Refused, Said: "SATORI refused every request of this group as a whole"}
	return s.settle(ctx, req, rows, same(len(rows), outcome{err: err}))
}

func same(n int, one outcome) []outcome {
	all := make([]outcome, n)
	for i := range all {
		all[i] = one
	}
	return all
}

// settle journals the outcomes, confirms or withdraws them in the ledger, and
// gives the messages their results. A row of several cards that was refused is
// taken apart: it is not known which card was at fault.
func (s *sending) settle(ctx context.Context, req string, rows []*decide.Row, results []outcome) error {
	var entries []entry
	var confirmed, withdrawn []ledger.Key
	var again []*waiting
	type result struct {
		w   *waiting
		err error
	}
	var finished []result
	for i, row := range rows {
		r := results[i]
		switch {
		case r.err == nil:
			confirmed = append(confirmed, row.Key)
			s.accepted++
		case !r.unknown:
			withdrawn = append(withdrawn, row.Key)
		}
		for _, d := range row.Yields {
			w := s.of[d.Card]
			if r.err != nil {
				again = append(again, w)
				continue
			}
			entries = append(entries, entry{email: w.email, card: d.Card.ID, action: d.Action, reason: d.Reason})
			finished = append(finished, result{w, nil})
		}
		if r.err != nil && !r.unknown && len(row.Cards) > 1 {
			for _, card := range row.Cards {
				card.Alone = true
				again = append(again, s.of[card])
			}
			continue
		}
		sent := names(row.Cells, row.Tags)
		for k, card := range row.Cards {
			d := row.Decisions[k]
			e := entry{email: s.of[card].email, card: card.ID, action: d.Action, reason: d.Reason, items: sent}
			var err error
			if r.err != nil {
				err = perMessage(r.err)
				e.action, e.reason = decide.Failed, reasonOf(err)
			} else if len(row.Cards) > 1 {
				e.items = names(card.Cells, card.Tags)
			}
			entries = append(entries, e)
			finished = append(finished, result{s.of[card], err})
		}
	}
	err := s.o.persist(ctx, func(ctx context.Context) error { return s.o.record(ctx, entries) })
	if err != nil {
		return err
	}
	err = s.o.persist(ctx, func(ctx context.Context) error { return s.o.store.Settle(ctx, req, confirmed, withdrawn) })
	if err != nil {
		return err
	}
	if len(confirmed) > 0 {
		s.o.metrics.rows.Incr(int64(len(confirmed)), s.verb)
		s.o.metrics.lastWrite.Set(time.Now().Unix())
	}
	s.o.queue.again(again)
	for _, f := range finished {
		s.o.queue.finish(f.w, f.err)
	}
	return nil
}

func keysOfRows(rows []*decide.Row) []ledger.Key {
	keys := make([]ledger.Key, len(rows))
	for i, row := range rows {
		keys[i] = row.Key
	}
	return keys
}

// patiently retries what is transient, as long as the configuration allows.
func (s *sending) patiently(ctx context.Context, kind string, do func(context.Context) error) error {
	again := s.o.conf.backoff.Start()
	for {
		err := do(ctx)
		if err == nil || !isClass(err, satori.Transient) {
			return err
		}
		s.o.metrics.retries.Incr(1, kind)
		var e *satori.Error
		errors.As(err, &e)
		if waitErr := again.Wait(ctx, e.RetryAfter); waitErr != nil {
			if errors.Is(waitErr, apicall.ErrGaveUp) {
				return err
			}
			return waitErr
		}
	}
}

// perMessage is the text a refused customer carries into the dead letters.
func perMessage(err error) error {
	var e *satori.Error
	if errors.As(err, &e) {
		return e
	}
	return fmt.Errorf("satori: refused: %w", err)
}

func reasonOf(err error) string {
	var e *satori.Error
	if errors.As(err, &e) {
		return e.Said
	}
	return err.Error()
}

func invalid(err error) error { return fmt.Errorf("satori: invalid: %w", err) }
