package sansaninput

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// japanZone is where times and schedules without a zone are.
const japanZone = "Asia/Tokyo"

// schedule says when runs begin (連携タイミング).
type schedule struct {
	once bool
	cron cron.Schedule
	// every: the first run begins at the start, not after the first interval.
	every bool
}

var cronParser = cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// scheduleOf reads "once", "@every 15m", or a cron expression of 5 or 6 fields
// with an optional "TZ=Area/City " before it.
func scheduleOf(text string) (schedule, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "once":
		return schedule{once: true}, nil
	case strings.HasPrefix(text, "@every "):
		d, err := time.ParseDuration(strings.TrimSpace(strings.TrimPrefix(text, "@every ")))
		if err != nil || d <= 0 {
			return schedule{}, fmt.Errorf("%q is no schedule: after @every comes a duration such as 15m", text)
		}
		return schedule{every: true, cron: interval(d)}, nil
	}
	zone, fields := japanZone, text
	for _, prefix := range []string{"TZ=", "CRON_TZ="} {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			zone, fields, _ = strings.Cut(rest, " ")
		}
	}
	if _, err := time.LoadLocation(zone); err != nil || zone == "" {
		return schedule{}, fmt.Errorf("%q is no schedule: there is no time zone %q, the like of Asia/Tokyo or UTC is wanted", text, zone)
	}
	// The parser fails badly on a zone that nothing follows.
	if fields = strings.TrimSpace(fields); fields == "" {
		return schedule{}, noSchedule(text)
	}
	c, err := cronParser.Parse("CRON_TZ=" + zone + " " + fields)
	if err != nil {
		return schedule{}, noSchedule(text)
	}
	if c.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return schedule{}, fmt.Errorf("%q is no schedule: that day never comes", text)
	}
	return schedule{cron: c}, nil
}

func noSchedule(text string) error {
	return fmt.Errorf(`%q is no schedule: use once, "@every 15m", or cron such as "0 2 * * *" (02:00 in %s)`, text, japanZone)
}

// interval is @every without cron's rounding to seconds.
type interval time.Duration

func (i interval) Next(t time.Time) time.Time { return t.Add(time.Duration(i)) }

// next gives when the run after the one begun at last begins; last is zero
// before the first.
func (s schedule) next(last, now time.Time) time.Time {
	switch {
	case last.IsZero() && (s.once || s.every):
		return now
	case s.every:
		return s.cron.Next(last)
	}
	return s.cron.Next(now)
}

// due: has the schedule come round since last?
func (s schedule) due(last, now time.Time) bool {
	return s.cron != nil && !s.cron.Next(last).After(now)
}
