package satori

import (
	"context"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/Jeffail/gabs/v2"
)

// Job is how far a bulk job is and, once finished, what became of each row.
type Job struct {
	Finished bool
	State    string // SATORI's process_status
	// Failed rows by index (0 = first data row) with SATORI's words. The other
	// rows of the job are applied all the same.
	Failed map[int]string
	// Succeeded rows by index; nil when SATORI gave no list.
	Succeeded map[int]bool
	// Trusted is false when the row numbers contradict themselves or the upload,
	// or there are none: the caller must find out another way.
	Trusted bool
}

var (
	brokenStates  = []string{"failed", "failure", "error", "errored", "canceled", "cancelled", "aborted", "rejected", "interrupted"}
	unknownStates = []string{"expired", "unknown", "not_found"}
	// forgotten are the words for a job whose status can no longer be fetched;
	// SATORI keeps it for a limited, undocumented time.
	forgotten = regexp.MustCompile(`(?i)expired|not[ _]found|no such|unknown process|does(?: not|n't) exist|invalid process|存在し|見つかり|期限|不明`)
)

// longEnough for all reasons of one row, in bytes.
const longEnough = 1000

// Status asks for a job. rows is how many data rows were uploaded. A job that
// SATORI no longer knows is an *Error of class Expired, one that it gave up as a
// whole of class Refused.
func (c *Client) Status(ctx context.Context, processCode string, rows int) (Job, error) {
	a, err := c.get(ctx, kindStatus, processCode)
	if err != nil {
		return Job{}, err
	}
	at := a.payload("process_status")
	if err := c.judge(a, anyOK); err != nil {
		return Job{}, asExpired(err.(*Error)) //nolint:errorlint // judge returns nothing else
	}
	no := &Error{HTTP: a.http, Status: a.status, Said: c.said(a)}
	if at == nil {
		no.Class = Transient
		if forgotten.MatchString(no.Said) {
			no.Class = Expired
		}
		return Job{}, no
	}
	job := Job{State: c.clean(text(at.Search("process_status").Data()))}
	switch state := strings.ToLower(job.State); {
	case slices.Contains(unknownStates, state):
		no.Class, no.Said = Expired, "process_status "+state
		return job, no
	case slices.Contains(brokenStates, state):
		no.Class, no.Said = Refused, "the job ended as "+state+": "+c.saidOf(at, a)
		return job, no
	case state == "finished":
		job.Finished = true
		c.rows(&job, at, rows)
	}
	return job, nil
}

func (c *Client) saidOf(at *gabs.Container, a answer) string {
	for _, field := range []string{"message", "error", "error_message", "reason"} {
		if s := c.clean(text(at.Search(field).Data())); s != "" {
			return s
		}
	}
	return c.said(a)
}

func asExpired(e *Error) *Error {
	for _, status := range []int{e.HTTP, e.Status} {
		if (e.Class == Refused || e.Class == Invalid) && (status == http.StatusNotFound || status == http.StatusGone) {
			e.Class = Expired
		}
	}
	if (e.Class == Refused || e.Class == Invalid) && e.HTTP/100 != 3 && forgotten.MatchString(e.Said) {
		e.Class = Expired
	}
	return e
}

// rows reads a finished job's lists.
func (c *Client) rows(job *Job, at *gabs.Container, n int) {
	r := rowLists{trusted: true, failed: map[int]string{}, succeeded: map[int]bool{}}
	gaveFailed := r.each(at.Search("failed_rows").Data(), func(number int, row any) {
		why := c.why(row)
		if before, twice := r.failed[number]; twice { // two items of one row are wrong
			if strings.Contains(before, why) || len(before) > longEnough {
				return
			}
			why = before + "; " + why
		}
		r.failed[number] = why
	})
	gaveSucceeded := r.each(at.Search("succeeded_rows").Data(), func(number int, _ any) {
		r.succeeded[number] = true
	})
	if !gaveFailed && !gaveSucceeded {
		r.trusted = false
	}
	first := r.base(n, c.firstRow)
	job.Failed = make(map[int]string, len(r.failed))
	for number, why := range r.failed {
		job.Failed[number-first] = why
		r.check(number-first, n)
		if r.succeeded[number] {
			r.trusted = false
		}
	}
	if len(r.succeeded) > 0 || len(r.failed) == n {
		job.Succeeded = make(map[int]bool, len(r.succeeded))
	}
	for number := range r.succeeded {
		job.Succeeded[number-first] = true
		r.check(number-first, n)
	}
	job.Trusted = r.trusted
}

func (c *Client) why(row any) string {
	if fields, ok := row.(map[string]any); ok {
		for _, field := range []string{"message", "messages", "error", "errors", "reason"} {
			said := text(fields[field])
			if said == "" && fields[field] != nil {
				said = plain(fields[field])
			}
			if said = c.clean(said); said != "" {
				return said
			}
		}
	}
	return "no reason given"
}

// rowLists are succeeded_rows and failed_rows by SATORI's row number.
type rowLists struct {
	trusted   bool
	failed    map[int]string
	succeeded map[int]bool
}

// each calls do with every row of a list; false when there is no list. A row
// is {"row_number": n, ...}, n or "n".
func (r *rowLists) each(list any, do func(number int, row any)) bool {
	if list == nil {
		return false
	}
	rows, ok := list.([]any)
	if !ok {
		r.trusted = false
		return false
	}
	for _, row := range rows {
		number, ok := rowNumber(row)
		if !ok {
			r.trusted = false
			continue
		}
		do(number, row)
	}
	return true
}

func rowNumber(row any) (int, bool) {
	if fields, ok := row.(map[string]any); ok {
		return number(fields["row_number"])
	}
	return number(row)
}

// base is the number of the first data row: the smallest one when the lists
// name n rows (with a gap among them check finds one out of range), the
// configured one otherwise.
func (r *rowLists) base(n, configured int) int {
	least, distinct := math.MaxInt, len(r.succeeded)
	for number := range r.succeeded {
		least = min(least, number)
	}
	for number := range r.failed {
		least = min(least, number)
		if !r.succeeded[number] {
			distinct++
		}
	}
	if distinct == 0 || distinct != n {
		return configured
	}
	return least
}

func (r *rowLists) check(index, n int) {
	if index < 0 || index >= n {
		r.trusted = false
	}
}
