package satorioutput

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"sansansatori/plugins/decide"
	"sansansatori/plugins/ledger"
	"sansansatori/plugins/satori"
)

var errJobTooLong = errors.New("satori: transient: the job did not finish within job_timeout")

// job uploads rows and waits until SATORI has finished with them.
func (s *sending) job(ctx context.Context, req string, rows []*decide.Row) (satori.Job, error) {
	select {
	case s.o.jobs <- struct{}{}:
		defer func() { <-s.o.jobs }()
	case <-ctx.Done():
		return satori.Job{}, ctx.Err()
	}
	header, table := tableOf(rows)
	var code string
	err := s.patiently(ctx, "upload", func(ctx context.Context) (err error) {
		code, err = s.o.client.Upload(ctx, satori.Verb(s.verb), header, table)
		return
	})
	if err != nil {
		return satori.Job{}, err
	}
	err = s.o.persist(ctx, func(ctx context.Context) error { return s.o.store.Uploaded(ctx, req, code) })
	if err != nil {
		return satori.Job{}, err
	}
	return s.await(ctx, code, len(rows))
}

// await looks at a job until it is finished.
func (s *sending) await(ctx context.Context, code string, rows int) (satori.Job, error) {
	begun := time.Now()
	wait, again := s.o.pace.first(rows)
	working := time.Duration(0) // it was still at work then
	for {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return satori.Job{}, ctx.Err()
		}
		asked := time.Since(begun)
		var job satori.Job
		err := s.patiently(ctx, "status", func(ctx context.Context) (err error) {
			job, err = s.o.client.Status(ctx, code, rows)
			return
		})
		if err != nil {
			return job, err
		}
		if job.Finished {
			s.o.pace.learn(rows, working, asked)
			return job, nil
		}
		if time.Since(begun) > s.o.conf.jobTimeout {
			return job, errJobTooLong
		}
		working = asked
		wait = s.o.pace.next(asked, again)
	}
}

// tableOf lays rows out for the bulk API: every item any of them carries is a
// column, a blank leaves SATORI's value as it is.
func tableOf(rows []*decide.Row) (header []string, table [][]string) {
	columns := map[string]bool{}
	for _, row := range rows {
		for _, cell := range row.Cells {
			columns[cell.Item] = true
		}
		if len(row.Tags) > 0 {
			columns[itemTags] = true
		}
	}
	delete(columns, itemEmail)
	header = append([]string{itemEmail}, slices.Sorted(maps.Keys(columns))...)
	at := make(map[string]int, len(header))
	for i, name := range header {
		at[name] = i
	}
	table = make([][]string, len(rows))
	for i, row := range rows {
		line := make([]string, len(header))
		for _, cell := range row.Cells {
			line[at[cell.Item]] = cell.Text
		}
		if len(row.Tags) > 0 {
			line[at[itemTags]] = strings.Join(row.Tags, ",")
		}
		table[i] = line
	}
	return header, table
}

// single is a row as the single API takes it.
func single(row *decide.Row) map[string]string {
	cells := make(map[string]string, len(row.Cells)+1)
	for _, cell := range row.Cells {
		cells[cell.Item] = cell.Text
	}
	if len(row.Tags) > 0 {
		cells[itemTags] = strings.Join(row.Tags, ",")
	}
	return cells
}

// resume asks for the outcome of jobs that a process left behind, before
// anything new is written.
func (o *Output) resume(ctx context.Context) error {
	if o.conf.dryRun {
		return nil
	}
	left, err := o.store.Abandoned(ctx)
	if err != nil {
		return err
	}
	for _, req := range left {
		s := &sending{o: o, verb: req.Verb}
		rows := 0
		for _, in := range req.Intents {
			rows = max(rows, in.Row+1)
		}
		job, err := s.await(ctx, req.ProcessCode, rows)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil || !job.Trusted {
			continue // the intents stay open: what may have been written counts as held
		}
		confirmed, withdrawn := told(req.Intents, job)
		if err := o.store.Settle(ctx, req.ID, confirmed, withdrawn); err != nil && !errors.Is(err, ledger.ErrLost) {
			return err
		}
	}
	return nil
}

// told sorts intents by what a finished job says of their rows; of some it may
// say nothing.
func told(intents []ledger.Intent, job satori.Job) (confirmed, withdrawn []ledger.Key) {
	sort.Slice(intents, func(i, k int) bool { return intents[i].Row < intents[k].Row })
	for _, in := range intents {
		if _, failed := job.Failed[in.Row]; failed {
			withdrawn = append(withdrawn, in.Key)
		} else if job.Succeeded == nil || job.Succeeded[in.Row] {
			confirmed = append(confirmed, in.Key)
		}
	}
	return confirmed, withdrawn
}
