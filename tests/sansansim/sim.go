// Package sansansim is a simulator of the Sansan Open API (v3.1, v3.2, v6.0), written from the specification and from
// nothing else: it imports no client. Whatever the specification leaves open is a field of [Settings]; whatever can go
// wrong is a [Control] that a test puts before a kind of request.
//
//	sim := sansansim.New()
//	sim.LoadSample(300, 1)
//	base, stop := sim.Start()
//	defer stop()
//	sim.Control(sansansim.Cards, sansansim.Times(2, sansansim.FaultStatus(503)))
//	// client with base + "/v3.2" and sansansim.Key
package sansansim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Sim is one simulated Sansan. It is safe for concurrent use. It is an [http.Handler]: the API under /v…, the pages elsewhere.
type Sim struct {
	mu           sync.RWMutex // guards the settings and what Sansan holds
	set          Settings
	cards        map[string]*card
	byUpdated    index
	byRegistered index
	tags         []*tag
	tagByID      map[string]*tag
	owners       map[string]map[string]any // every owner ever seen, by id

	tokens tokens
	rate   quota
	log    requestLog
	ctl    controls
	pages  http.Handler
}

// New gives a simulator with [Defaults] and without cards.
func New() *Sim {
	s := &Sim{
		set: Defaults(), cards: map[string]*card{}, tagByID: map[string]*tag{}, owners: map[string]map[string]any{},
		byUpdated:    index{at: func(c *card) int64 { return c.updated }},
		byRegistered: index{at: func(c *card) int64 { return c.registered }},
	}
	s.pages = s.newPages()
	return s
}

// Start serves on a free port of loopback. The URL has no version and no slash at its end: clients append "/v3.2".
// stop ends every connection at once and may be called again. Without any free port, Start panics.
func (s *Sim) Start() (baseURL string, stop func()) {
	baseURL, stop, err := s.StartAt("127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	return baseURL, stop
}

// StartAt serves on the given address, host and port.
func (s *Sim) StartAt(address string) (baseURL string, stop func(), err error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", nil, fmt.Errorf("starting the Sansan simulator: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	srv := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			panic(err)
		}
	})
	return "http://" + l.Addr().String(), sync.OnceFunc(func() {
		cancel() // wakes stalled answers
		_ = srv.Close()
		serving.Wait()
		s.log.wait()
	}), nil
}

func (s *Sim) now() time.Time { return s.Settings().Now() }
