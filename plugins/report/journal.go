// Package report tells people what the link decided: it reads the journal and
// gives counts, a text summary, and one HTML file for a business user's
// acceptance (検収) that needs no network.
package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Entry is one decision, a line of the journal.
type Entry struct {
	Time   time.Time `json:"time"`
	Email  string    `json:"email"`
	CardID string    `json:"card_id"`
	Action string    `json:"action"`
	Reason string    `json:"reason"`
	Items  []string  `json:"items"`
	DryRun bool      `json:"dry_run"`
}

// Japan is the time zone of times without one.
var Japan = time.FixedZone("JST", 9*60*60)

// longestLine bounds what one journal line may take in memory.
const longestLine = 4 << 20

// Period limits which entries are read; a zero time is no limit. From is
// inclusive, To is not.
type Period struct{ From, To time.Time }

func (p Period) holds(t time.Time) bool {
	return (p.From.IsZero() || !t.Before(p.From)) && (p.To.IsZero() || t.Before(p.To))
}

// Read hands the entries of a journal to each, line by line. Lines that are no
// entries are counted as bad and left out; blank ones are what an erasure leaves.
// A last line without its end is being written at this moment, and is left out.
func Read(r io.Reader, period Period, each func(Entry) error) (bad int, err error) {
	lines := bufio.NewReaderSize(r, 64<<10)
	for {
		line, long, err := nextLine(lines)
		if errors.Is(err, io.EOF) {
			return bad, nil
		}
		if err != nil {
			return bad, fmt.Errorf("reading the journal: %w", err)
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 && !long {
			continue
		}
		var e Entry
		if long || json.Unmarshal(line, &e) != nil || e.Action == "" {
			bad++
			continue
		}
		if !period.holds(e.Time) {
			continue
		}
		if err := each(e); err != nil {
			return bad, err
		}
	}
}

// nextLine gives a line that has its end; long says that it was too long to keep.
func nextLine(r *bufio.Reader) (line []byte, long bool, err error) {
	line, err = r.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, false, err
	}
	kept := bytes.Clone(line)
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = r.ReadSlice('\n')
		if len(kept) <= longestLine {
			kept = append(kept, line...)
		}
	}
	if len(kept) > longestLine {
		return nil, true, err
	}
	return kept, false, err
}

// ParseSince reads the start of a period: a duration before now ("24h", "7d"), a
// date ("2026-11-01", in Japan) or a time in RFC 3339. Empty is no limit.
func ParseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		if _, err := fmt.Sscanf(days, "%d", &n); err == nil && n >= 0 && fmt.Sprint(n) == days {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, Japan); err == nil {
		return t, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("since: %q is neither a duration (24h, 7d) nor a date (2026-11-01) nor a time (2026-11-01T09:00:00+09:00)", text)
}
