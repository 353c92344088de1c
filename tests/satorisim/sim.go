// Package satorisim is SATORI over HTTP, as the project's specification has it: single
// and bulk registration and upsert, delete, job status, the four keys. What the
// specification calls unknown is a field of Settings. Control functions watch,
// delay, change or kill requests; the state can be read, seeded, exported and
// looked at in a browser.
//
// Time passes for jobs only when somebody looks: every request and every
// reading method first brings jobs up to the clock. So there is no goroutine
// beside those of the HTTP server, and a test with its own clock is exact.
package satorisim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Sim is a simulated SATORI. All methods may be called concurrently.
type Sim struct {
	mu         sync.Mutex
	set        Settings
	schema     *schema
	table      table
	jobs       jobs
	controls   []*control
	rng        *rand.Rand
	quota      quota
	violations []Violation
	count      Counters
	requests   []*RequestLog
	inFlight   map[string][]*flight // single calls under way, by e-mail
	pages      http.Handler
}

// New makes a SATORI without customers.
func New(set Settings) *Sim {
	s := &Sim{
		set: set, schema: newSchema(set.CustomItems), table: newTable(),
		jobs: jobs{byCode: map[string]*job{}},
		rng:  rand.New(rand.NewPCG(set.Seed, 0x5A7012)), inFlight: map[string][]*flight{},
	}
	s.count.Requests = map[Kind]int{}
	s.pages = newPages(s)
	return s
}

// Change alters settings while the simulator runs. CustomItems may only grow at the end.
func (s *Sim) Change(f func(*Settings)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	before := len(s.set.CustomItems)
	f(&s.set)
	if len(s.set.CustomItems) != before {
		s.schema = newSchema(s.set.CustomItems)
		for _, c := range s.table.byID {
			if c != nil {
				c.values = append(c.values, make([]string, len(s.schema.items)-len(c.values))...)
			}
		}
	}
}

// Keys are the keys that are right.
func (s *Sim) Keys() Keys {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.set.Keys
}

// ServeHTTP is the API under /api/ and the pages everywhere else.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		s.serveAPI(w, r)
		return
	}
	s.pages.ServeHTTP(w, r)
}

// Pages are the web pages: what SATORI now holds.
func (s *Sim) Pages() http.Handler { return s.pages }

// Start serves on a free port of the loopback. It panics when there is none.
// stop breaks what is open, waits for all handlers and may be called again.
func (s *Sim) Start() (baseURL string, stop func()) {
	baseURL, stop, err := s.StartAt("127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	return baseURL, stop
}

// StartAt serves on an address.
func (s *Sim) StartAt(addr string) (baseURL string, stop func(), err error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", nil, fmt.Errorf("listening: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var (
		gate     sync.Mutex // orders handlers.Add before handlers.Wait
		closed   bool
		handlers sync.WaitGroup
	)
	srv := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			gate.Lock()
			if closed {
				gate.Unlock()
				panic(http.ErrAbortHandler)
			}
			handlers.Add(1)
			gate.Unlock()
			defer handlers.Done()
			s.ServeHTTP(w, r)
		}),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 10 * time.Second,
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	stop = sync.OnceFunc(func() {
		gate.Lock()
		closed = true
		gate.Unlock()
		cancel()
		_ = srv.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			panic(err)
		}
		handlers.Wait()
	})
	return "http://" + l.Addr().String(), stop, nil
}
