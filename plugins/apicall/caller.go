// Package apicall does one HTTP call safely: in its turn, within its time and
// size, and with errors that hold neither a URL nor a secret.
package apicall

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

const (
	defaultMaxBytes = 64 << 20
	trustedLength   = 4 << 20
)

// Config of a Caller.
type Config struct {
	// RequestsPerSecond to keep under, evenly spaced; 0 is no limit.
	RequestsPerSecond float64
	// Timeout of one request, from sending to the last byte of the answer.
	Timeout time.Duration
	// MaxBytes of an answer; a longer one is an error. Default 64 MiB.
	MaxBytes int64
	// Transport; nil is a clone of http.DefaultTransport.
	Transport http.RoundTripper
	// Wait is a further turn to wait for, such as a shared rate limit.
	Wait func(context.Context) error
	// Observe is told of each request. class is 2xx, 3xx, 4xx, 429, 5xx or error.
	Observe func(kind, class string, took time.Duration)
	// Serial allows one request at a time.
	Serial bool
	// Share: callers of an equal name share pace and turn within the process.
	Share string
}

// Caller does calls. It is safe for concurrent use.
type Caller struct {
	conf Config
	turn *turn
	last atomic.Int64 // length of the last answer
}

// turn is the pace of one key.
type turn struct {
	pace   *rate.Limiter
	serial chan struct{}
}

var (
	sharedMu sync.Mutex
	shared   = map[string]*turn{}
)

// New makes a caller.
func New(conf Config) *Caller {
	if conf.MaxBytes <= 0 {
		conf.MaxBytes = defaultMaxBytes
	}
	if conf.Transport == nil {
		conf.Transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	return &Caller{conf: conf, turn: turnOf(conf)}
}

// Close gives up idle connections. The caller can still be used.
func (c *Caller) Close() {
	if t, ok := c.conf.Transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

func turnOf(conf Config) *turn {
	limit := rate.Inf
	if conf.RequestsPerSecond > 0 {
		limit = rate.Limit(conf.RequestsPerSecond)
	}
	fresh := &turn{pace: rate.NewLimiter(limit, 1), serial: make(chan struct{}, 1)}
	if conf.Share == "" {
		return fresh
	}
	sharedMu.Lock()
	defer sharedMu.Unlock()
	known, ok := shared[conf.Share]
	if !ok {
		shared[conf.Share] = fresh
		return fresh
	}
	if limit < known.pace.Limit() {
		known.pace.SetLimit(limit) // the more careful of the two
	}
	return known
}

// Answer is what came back, read whole.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// ErrTooLarge: the answer was longer than MaxBytes.
var ErrTooLarge = errors.New("the answer is larger than allowed")

// Do waits its turn, sends once and reads the answer. It follows no redirect: a
// 3xx is an answer. Errors name the kind and the cause, nothing else.
func (c *Caller) Do(ctx context.Context, kind string, req *http.Request) (*Answer, error) {
	if c.conf.Serial {
		select {
		case c.turn.serial <- struct{}{}:
			defer func() { <-c.turn.serial }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if c.conf.Wait != nil {
		if err := c.conf.Wait(ctx); err != nil {
			return nil, err
		}
	}
	if err := c.turn.pace.Wait(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%s: waiting for its turn: %w", kind, err)
	}
	begun := time.Now()
	answer, err := c.once(ctx, req)
	if c.conf.Observe != nil {
		c.conf.Observe(kind, classOf(answer, err), time.Since(begun))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind, speakable(err))
	}
	return answer, nil
}

// once goes by the transport, not by http.Client: that follows redirects, which
// would carry keys elsewhere, and puts URLs into its errors.
func (c *Caller) once(ctx context.Context, req *http.Request) (*Answer, error) {
	if c.conf.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.conf.Timeout)
		defer cancel()
	}
	res, err := c.conf.Transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.ContentLength > c.conf.MaxBytes {
		return nil, ErrTooLarge
	}
	var body bytes.Buffer
	// Grow by what is said, or what the last answer took, within reason: it may
	// not be true.
	if expected := min(max(res.ContentLength, c.last.Load()), trustedLength); expected > 0 {
		body.Grow(int(expected+expected/8) + bytes.MinRead)
	}
	if _, err := body.ReadFrom(io.LimitReader(res.Body, c.conf.MaxBytes+1)); err != nil {
		return nil, err
	}
	if int64(body.Len()) > c.conf.MaxBytes {
		return nil, ErrTooLarge
	}
	c.last.Store(int64(body.Len()))
	return &Answer{Status: res.StatusCode, Header: res.Header, Body: body.Bytes()}, nil
}

func classOf(a *Answer, err error) string {
	switch {
	case err != nil || a == nil:
		return "error"
	case a.Status == http.StatusTooManyRequests:
		return "429"
	case a.Status >= 200 && a.Status < 600:
		return classes[a.Status/100-2]
	}
	return "error"
}

var classes = [...]string{"2xx", "3xx", "4xx", "5xx"}
