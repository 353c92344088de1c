package satorioutput

import (
	"math/bits"
	"sync"
	"time"
)

// firstLook is when a job is looked at while nothing is known of how long jobs take.
const firstLook = 20 * time.Millisecond

// jobPace remembers how long jobs of a size take, so that the first look at the
// next one finds it finished, but not for long: each look is a request.
type jobPace struct {
	most time.Duration // poll_interval

	mu   sync.Mutex
	took map[int]time.Duration // by the magnitude of rows
}

func newJobPace(most time.Duration) *jobPace {
	return &jobPace{most: most, took: map[int]time.Duration{}}
}

func magnitude(rows int) int { return bits.Len(uint(rows)) / 2 }

// first gives the time of the first look, and which part of the time gone by to
// wait after each look.
func (p *jobPace) first(rows int) (wait, part time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.took) == 0 {
		return min(firstLook, p.most), 2
	}
	// The nearest size known: the time of a job is not all in its rows.
	want, nearest := magnitude(rows), -1
	for m := range p.took {
		if nearest < 0 || max(m-want, want-m) < max(nearest-want, want-nearest) {
			nearest = m
		}
	}
	return min(max(firstLook, p.took[nearest]), p.most), 4
}

// next gives the wait after a look that found the job at work.
func (p *jobPace) next(asked, part time.Duration) time.Duration {
	if asked >= p.most {
		return p.most
	}
	return max(firstLook, asked/part)
}

// learn that a job was at work at one time and finished at another. One that the
// first look found finished may have taken less.
func (p *jobPace) learn(rows int, working, finished time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if working > 0 {
		p.took[magnitude(rows)] = (working + finished) / 2
	} else {
		p.took[magnitude(rows)] = finished * 15 / 16
	}
}
