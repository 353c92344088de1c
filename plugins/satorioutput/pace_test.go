package satorioutput

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestJobPace: whatever jobs take, looks are few once that is known, and late by
// little.
func TestJobPace(t *testing.T) {
	for name, takes := range map[string]func(rows int) time.Duration{
		"at once":       func(int) time.Duration { return 0 },
		"a fixed time":  func(int) time.Duration { return 3 * second },
		"by rows":       func(rows int) time.Duration { return time.Duration(rows) * time.Millisecond / 4 },
		"very long":     func(int) time.Duration { return 60 * second },
		"time and rows": func(rows int) time.Duration { return second + time.Duration(rows)*time.Millisecond/5 },
	} {
		t.Run(name, func(t *testing.T) {
			p := newJobPace(5 * second)
			looks, late := 0, time.Duration(0)
			for job := range 100 {
				rows := []int{9000, 300, 6000, 500}[job%4]
				needs := takes(rows)
				wait, part := p.first(rows)
				at, working := wait, time.Duration(0)
				for n := 1; ; n++ {
					if job >= 10 {
						looks++
					}
					if at >= needs {
						break
					}
					working = at
					at += p.next(at, part)
				}
				p.learn(rows, working, at)
				late = max(late, at-needs)
			}
			if name == "very long" {
				require.LessOrEqual(t, looks, 90*14, "a look each poll_interval")
			} else {
				require.LessOrEqual(t, looks, 90*3/2)
			}
			require.LessOrEqual(t, late, 5*second)
		})
	}
}
