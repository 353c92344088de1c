package sansaninput

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSchedules(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 34, 56, 0, time.UTC) // 21:34:56 in Tokyo, a Sunday
	last := now.Add(-10 * time.Minute)
	for text, want := range map[string]struct{ first, next time.Time }{
		"once":                         {now, time.Time{}},
		"@every 15m":                   {now, now.Add(5 * time.Minute)},
		"@every 5m":                    {now, now.Add(-5 * time.Minute)}, // overdue: at once
		"@every 1h30m":                 {now, now.Add(80 * time.Minute)},
		" @every 20ms ":                {now, last.Add(20 * time.Millisecond)},
		"0 2 * * *":                    {at("2026-11-01T17:00:00Z"), at("2026-11-01T17:00:00Z")},
		"30 0 2 * * *":                 {at("2026-11-01T17:00:30Z"), at("2026-11-01T17:00:30Z")},
		"0 9 * * MON-FRI":              {at("2026-11-02T00:00:00Z"), at("2026-11-02T00:00:00Z")},
		"*/15 * * * *":                 {at("2026-11-01T12:45:00Z"), at("2026-11-01T12:45:00Z")},
		"@daily":                       {at("2026-11-01T15:00:00Z"), at("2026-11-01T15:00:00Z")},
		"TZ=UTC 0 2 * * *":             {at("2026-11-02T02:00:00Z"), at("2026-11-02T02:00:00Z")},
		"CRON_TZ=Europe/London @daily": {at("2026-11-02T00:00:00Z"), at("2026-11-02T00:00:00Z")},
		"0 0 29 2 *":                   {at("2028-02-28T15:00:00Z"), at("2028-02-28T15:00:00Z")},
	} {
		t.Run(text, func(t *testing.T) {
			s, err := scheduleOf(text)
			require.NoError(t, err)
			require.Equal(t, want.first.UTC(), s.next(time.Time{}, now).UTC())
			if s.once {
				return
			}
			require.Equal(t, want.next.UTC(), s.next(last, now).UTC())
		})
	}
}

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestWhatIsNoSchedule(t *testing.T) {
	for text, want := range map[string]string{
		"":                        `"" is no schedule: use once, "@every 15m", or cron such as "0 2 * * *" (02:00 in Asia/Tokyo)`,
		"Once":                    `"Once" is no schedule: use once, "@every 15m", or cron such as "0 2 * * *" (02:00 in Asia/Tokyo)`,
		"15m":                     `"15m" is no schedule: use once, "@every 15m", or cron such as "0 2 * * *" (02:00 in Asia/Tokyo)`,
		"0 25 * * *":              `"0 25 * * *" is no schedule: use once, "@every 15m", or cron such as "0 2 * * *" (02:00 in Asia/Tokyo)`,
		"1 2 3 4 5 6 7":           `"1 2 3 4 5 6 7" is no schedule: use once, "@every 15m", or cron such as "0 2 * * *" (02:00 in Asia/Tokyo)`,
		"TZ=Asia/Tokyo":           `"TZ=Asia/Tokyo" is no schedule: use once, "@every 15m", or cron such as "0 2 * * *" (02:00 in Asia/Tokyo)`,
		"TZ= 0 2 * * *":           `"TZ= 0 2 * * *" is no schedule: there is no time zone "", the like of Asia/Tokyo or UTC is wanted`,
		"TZ=Asia/Tokio 0 2 * * *": `"TZ=Asia/Tokio 0 2 * * *" is no schedule: there is no time zone "Asia/Tokio", the like of Asia/Tokyo or UTC is wanted`,
		"@every":                  `"@every" is no schedule: use once, "@every 15m", or cron such as "0 2 * * *" (02:00 in Asia/Tokyo)`,
		"@every 15":               `"@every 15" is no schedule: after @every comes a duration such as 15m`,
		"@every 0s":               `"@every 0s" is no schedule: after @every comes a duration such as 15m`,
		"@every -1m":              `"@every -1m" is no schedule: after @every comes a duration such as 15m`,
		"0 0 30 2 *":              `"0 0 30 2 *" is no schedule: that day never comes`,
	} {
		_, err := scheduleOf(text)
		require.EqualError(t, err, want, text)
	}
}

func TestDue(t *testing.T) {
	weekly, err := scheduleOf("0 3 * * SUN")
	require.NoError(t, err)
	sunday := at("2026-11-08T03:00:00+09:00")
	require.True(t, weekly.due(time.Time{}, sunday), "never done")
	require.False(t, weekly.due(sunday.Add(-time.Hour), sunday.Add(-time.Minute)))
	require.True(t, weekly.due(sunday.Add(-time.Hour), sunday))
	require.False(t, weekly.due(sunday.Add(time.Minute), sunday.Add(6*24*time.Hour)))
	require.False(t, schedule{}.due(time.Time{}, sunday), "none configured")
}

func FuzzSchedule(f *testing.F) {
	for _, s := range []string{"once", "@every 15m", "0 2 * * *", "TZ=UTC 1 2 3 * * *", "TZ=", "@weekly", "*/0 * * * *", "0 0 31 2,4 *"} {
		f.Add(s)
	}
	now := time.Date(2026, 11, 1, 12, 34, 56, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := scheduleOf(text)
		if err != nil || s.once {
			return
		}
		require.False(t, s.next(time.Time{}, now).Before(now))
		require.True(t, s.next(now, now).After(now), "runs never follow without an end")
	})
}

func FuzzCursor(f *testing.F) {
	f.Add([]byte(`{"version":1,"position":"2026-04-01T00:00:00Z","asked":"x","last_full_read":"2026-04-01T00:00:00Z","new":1}`))
	f.Add([]byte(`{"version":1,"position":"`))
	f.Add([]byte(`null`))
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value []byte) {
		cur, err := cursorOf(value, now)
		if err != nil {
			require.Zero(t, cur)
			return
		}
		require.False(t, cur.Position.IsZero())
		require.False(t, cur.Position.After(now.Add(clockSlack)))
	})
}
