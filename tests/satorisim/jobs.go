package satorisim

import (
	"fmt"
	"slices"
	"time"
)

// job is one upload on its way.
type job struct {
	code    string
	verb    Verb
	cols    *columns
	byHash  bool
	rows    [][]string // nil once applied
	n       int        // number of rows
	failed  map[int]string
	hashes  map[int]string // hash codes of applied rows, kept only for RowObjects
	emails  map[string]struct{}
	applyAt JobMoment
	// excused: the client cannot know that the job runs (its answer was lost, or its status expired).
	excused bool

	uploaded, started, finished time.Time
	duration                    time.Duration
	minPolls, polls             int
	never, done                 bool
	told                        int // finished answers given
}

func (j *job) codeOf() string {
	if j == nil {
		return ""
	}
	return j.code
}

// jobs are all uploads; active ones in order of upload.
type jobs struct {
	byCode  map[string]*job
	all     []*job
	active  []*job
	lastEnd time.Time // of the last finished job
}

func (s *Sim) newJob(c *call, cols *columns, byHash bool, rows [][]string) *job {
	set := &s.set
	n := len(s.jobs.all) + 1
	j := &job{
		code: fmt.Sprintf("%08x%08x", uint32(n), uint32((uint64(n)+set.Seed)*2654435761)), verb: Upsert,
		cols: cols, byHash: byHash, rows: rows, n: len(rows), failed: map[int]string{}, applyAt: set.ApplyAt,
		excused: c.lost, uploaded: set.Now(),
		duration: set.JobDuration + time.Duration(len(rows))*set.JobPerRow, minPolls: set.JobPolls,
	}
	if c.kind == BulkRegistration {
		j.verb = Registration
	}
	if set.JobJitter > 0 {
		j.duration += time.Duration(s.rng.Int64N(int64(set.JobJitter)))
	}
	if set.SucceededRows == RowObjects {
		j.hashes = map[int]string{}
	}
	return j
}

// queue accepts a job, recording e-mails that are under way already.
func (s *Sim) queue(j *job) {
	j.emails = make(map[string]struct{}, j.n)
	if j.cols.email >= 0 {
		for _, row := range j.rows {
			mail := s.key(cell(row, j.cols.email))
			if mail == "" {
				continue
			}
			if _, twice := j.emails[mail]; twice {
				s.violate(Violation{Kind: SameEmailTwice, At: j.uploaded, Job: j.code, Email: mail, Detail: "two rows of one upload"})
			}
			j.emails[mail] = struct{}{}
			if other := s.jobWith(mail); other != nil {
				s.violate(Violation{Kind: SameEmailTwice, At: j.uploaded, Job: j.code, Email: mail, Excused: other.excused, Detail: "two jobs at once, the other is " + other.code})
			}
		}
	}
	s.jobs.byCode[j.code] = j
	s.jobs.all = append(s.jobs.all, j)
	s.jobs.active = append(s.jobs.active, j)
	s.count.Jobs++
	s.count.Rows += j.n
	s.count.FailedRows += len(j.failed)
	if j.applyAt == AtUpload {
		s.apply(j, j.uploaded)
	}
	s.advance()
}

// jobWith finds an unfinished job that holds the e-mail.
func (s *Sim) jobWith(mail string) *job {
	for _, j := range s.jobs.active {
		if _, ok := j.emails[mail]; ok {
			return j
		}
	}
	return nil
}

// advance brings jobs up to the clock. Everything that looks at the state calls it first.
func (s *Sim) advance() {
	if len(s.jobs.active) == 0 {
		return
	}
	now := s.set.Now()
	for {
		s.startJobs()
		var next *job
		for _, j := range s.jobs.active {
			if !j.started.IsZero() && j.polls >= j.minPolls && !j.end().After(now) && (next == nil || j.end().Before(next.end())) {
				next = j
			}
		}
		if next == nil {
			return
		}
		at := next.end()
		if next.minPolls > 0 {
			at = now
		}
		s.finish(next, at)
	}
}

// end is when a started job is finished by the clock.
func (j *job) end() time.Time { return j.started.Add(j.duration) }

func (s *Sim) startJobs() {
	for i := 0; i < len(s.jobs.active); i++ {
		j := s.jobs.active[i]
		if !j.started.IsZero() {
			continue
		}
		if i > 0 && s.set.Jobs == Serial {
			return
		}
		j.started = j.uploaded
		if s.set.Jobs == Serial && s.jobs.lastEnd.After(j.started) {
			j.started = s.jobs.lastEnd
		}
		if j.applyAt == AtStart {
			s.apply(j, j.started)
		}
		if s.set.JobNever {
			// A dead job blocks no queue and counts no longer as under way.
			j.never = true
			s.jobs.active = slices.Delete(s.jobs.active, i, i+1)
			i--
		}
	}
}

func (s *Sim) finish(j *job, at time.Time) {
	if j.applyAt == AtFinish {
		s.apply(j, at)
	}
	j.done, j.finished, j.emails = true, at, nil
	s.jobs.lastEnd = at
	s.jobs.active = slices.DeleteFunc(s.jobs.active, func(o *job) bool { return o == j })
}

func (s *Sim) apply(j *job, at time.Time) {
	for i, row := range j.rows {
		if _, bad := j.failed[i]; bad {
			continue
		}
		c, words := s.write(j.verb, j.cols, row, j.byHash, at, j, i)
		if words != "" {
			j.failed[i] = words
			s.count.FailedRows++
		} else if j.hashes != nil {
			j.hashes[i] = s.hashcode(c.id)
		}
	}
	j.rows = nil
}

// Job is one upload as a test sees it.
type Job struct {
	ProcessCode string
	Verb        Verb
	Rows        int
	Failed      map[int]string // 0-based row → SATORI's words
	Uploaded    time.Time
	Finished    time.Time // zero: not yet
	Polls       int
}

// Jobs lists all accepted uploads, oldest first.
func (s *Sim) Jobs() []Job {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	out := make([]Job, len(s.jobs.all))
	for i, j := range s.jobs.all {
		failed := make(map[int]string, len(j.failed))
		for row, words := range j.failed {
			failed[row] = words
		}
		out[i] = Job{j.code, j.verb, j.n, failed, j.uploaded, j.finished, j.polls}
	}
	return out
}
