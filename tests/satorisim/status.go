package satorisim

import (
	"encoding/json"
	"strconv"
)

// status handles status.json.
func (s *Sim) status(c *call) *answer {
	code := c.form.Get("process_code")
	if code == "" {
		return s.refuse(s.set.BadUpload, "process_codeを入力してください")
	}
	j := s.jobs.byCode[code]
	if j == nil {
		return s.refuse(s.set.UnknownJob, "該当する処理が存在しません")
	}
	if !j.started.IsZero() {
		j.polls++
		s.advance()
	}
	if j.done && (s.set.StatusPolls > 0 && j.told >= s.set.StatusPolls ||
		s.set.StatusFor > 0 && s.set.Now().Sub(j.finished) > s.set.StatusFor) {
		j.excused = true
		return s.refuse(s.set.UnknownJob, "該当する処理が存在しません")
	}
	payload := map[string]any{"process_code": j.code}
	switch {
	case j.done:
		j.told++
		payload["process_status"] = s.set.FinishedWord
		s.rows(j, payload)
	case j.started.IsZero():
		payload["process_status"] = s.set.WaitingWord
	default:
		payload["process_status"] = s.set.WorkingWord
	}
	return s.accept(200, 200, "OK", s.set.StatusIn, payload)
}

// rows writes succeeded_rows and failed_rows. The lists are built by hand:
// they hold up to 10,000 rows and are asked for while a client works on the same cores.
func (s *Sim) rows(j *job, payload map[string]any) {
	failed := make([]byte, 0, 64*len(j.failed)+2)
	failed = append(failed, '[')
	stray := s.set.StrayRows
	for i := range j.n {
		words, bad := j.failed[i]
		if !bad {
			continue
		}
		n := i + s.set.RowBase
		if stray > 0 {
			stray--
			n += j.n + 1000
		}
		if len(failed) > 1 {
			failed = append(failed, ',')
		}
		failed = append(failed, `{"row_number":`...)
		failed = s.appendNumber(failed, n)
		failed = append(failed, `,"message":`...)
		said, _ := json.Marshal(words) // a string cannot fail
		failed = append(failed, said...)
		failed = append(failed, '}')
	}
	payload["failed_rows"] = json.RawMessage(append(failed, ']'))

	if s.set.SucceededRows == RowsAbsent {
		return
	}
	good := make([]byte, 0, 7*j.n+2)
	good = append(good, '[')
	for i := range j.n {
		if _, bad := j.failed[i]; bad && !s.set.DoubledRows || s.set.SucceededRows == RowsEmpty {
			continue
		}
		if len(good) > 1 {
			good = append(good, ',')
		}
		if s.set.SucceededRows != RowObjects {
			good = s.appendNumber(good, i+s.set.RowBase)
			continue
		}
		good = append(good, `{"row_number":`...)
		good = s.appendNumber(good, i+s.set.RowBase)
		if h := j.hashes[i]; h != "" {
			good = append(good, `,"hashcode":"`+h+`"`...)
		}
		good = append(good, '}')
	}
	payload["succeeded_rows"] = json.RawMessage(append(good, ']'))
}

func (s *Sim) appendNumber(b []byte, n int) []byte {
	if s.set.NumbersQuoted {
		return append(strconv.AppendInt(append(b, '"'), int64(n), 10), '"')
	}
	return strconv.AppendInt(b, int64(n), 10)
}
