package apicall

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// secret stands for whatever must not be seen in an error.
const secret = "s3cr3tCanary"

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func caller(t *testing.T, conf Config) *Caller {
	t.Helper()
	c := New(conf)
	t.Cleanup(c.Close)
	return c
}

func request(t *testing.T, address string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, address+"/path?user_key="+secret, nil)
	require.NoError(t, err)
	req.Header.Set("X-Key", secret)
	return req
}

func TestDoReadsTheAnswer(t *testing.T) {
	var seen []string
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Said", "yes")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, r.URL.Query().Get("user_key"))
	})
	c := caller(t, Config{Observe: func(kind, class string, took time.Duration) {
		require.Positive(t, took)
		seen = append(seen, kind+" "+class)
	}})
	answer, err := c.Do(t.Context(), "tea", request(t, s.URL))
	require.NoError(t, err)
	require.Equal(t, http.StatusTeapot, answer.Status)
	require.Equal(t, "yes", answer.Header.Get("X-Said"))
	require.Equal(t, secret, string(answer.Body))
	require.Equal(t, []string{"tea 4xx"}, seen)
}

func TestDoFollowsNoRedirect(t *testing.T) {
	var elsewhere atomic.Int32
	other := serve(t, func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	for _, location := range []string{other.URL, "http://[bad host/" + secret} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusTemporaryRedirect)
		})
		answer, err := caller(t, Config{}).Do(t.Context(), "x", request(t, s.URL))
		require.NoError(t, err)
		require.Equal(t, http.StatusTemporaryRedirect, answer.Status)
	}
	require.Zero(t, elsewhere.Load())
}

// raw answers each connection with text as it is, or hangs up without.
func raw(t *testing.T, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(conn))
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return "http://" + l.Addr().String()
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestErrorsNameTheCauseAndNothingElse(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	refused := closed.Addr().String()
	require.NoError(t, closed.Close())
	slow := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		fmt.Fprint(w, "a part")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	large := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("x", 101)) })
	chunked := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for range 101 {
			fmt.Fprint(w, "x")
			w.(http.Flusher).Flush()
		}
	})
	says := func(err error) Config {
		return Config{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, err })}
	}
	for name, test := range map[string]struct {
		conf    Config
		address string
		text    string
		is      error
	}{
		"nobody listens":        {address: "http://" + refused, text: "cards: dial tcp " + refused + ": connect: connection refused"},
		"slow body":             {conf: Config{Timeout: 50 * time.Millisecond}, address: slow.URL, text: "cards: context deadline exceeded", is: context.DeadlineExceeded},
		"too large, as said":    {conf: Config{MaxBytes: 100}, address: large.URL, text: "cards: the answer is larger than allowed", is: ErrTooLarge},
		"too large, unsaid":     {conf: Config{MaxBytes: 100}, address: chunked.URL, text: "cards: the answer is larger than allowed", is: ErrTooLarge},
		"hangs up":              {address: raw(t, ""), text: "cards: the connection ended before the answer was complete: unexpected EOF", is: io.ErrUnexpectedEOF},
		"cut in the body":       {address: raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), text: "cards: the connection ended before the answer was complete: unexpected EOF", is: io.ErrUnexpectedEOF},
		"no HTTP":               {address: raw(t, secret+" "+secret+"\r\n\r\n"), text: "cards: net/http: HTTP/1.x transport connection broken"},
		"a bad header":          {address: raw(t, "HTTP/1.1 200 OK\r\n"+secret+"\r\n\r\n"), text: "cards: net/http: HTTP/1.x transport connection broken"},
		"not TLS":               {address: "https" + strings.TrimPrefix(large.URL, "http"), text: "cards: tls: the other end does not speak TLS"},
		"a URL around":          {conf: says(&url.Error{Op: "Get", URL: "http://h/?k=" + secret, Err: io.EOF}), address: "http://h", text: "cards: the connection ended before the answer was complete: unexpected EOF"},
		"unknown, with secrets": {conf: says(errors.New("odd " + secret)), address: "http://h", text: "cards: the request could not be completed (*errors.errorString)"},
		"quoted proxy":          {conf: says(fmt.Errorf("invalid proxy address %q: %w", secret, errors.New("x"))), address: "http://h", text: "cards: the request could not be completed (*fmt.wrapError)"},
		"malformed answer":      {conf: says(errors.New("malformed HTTP response " + secret)), address: "http://h", text: "cards: the answer is not HTTP"},
	} {
		t.Run(name, func(t *testing.T) {
			var class string
			test.conf.Observe = func(_, c string, _ time.Duration) { class = c }
			_, err := caller(t, test.conf).Do(t.Context(), "cards", request(t, test.address))
			require.EqualError(t, err, test.text)
			if test.is != nil {
				require.ErrorIs(t, err, test.is)
			}
			require.Equal(t, "error", class)
			for ; err != nil; err = errors.Unwrap(err) {
				require.NotContains(t, fmt.Sprintf("%+v", err), secret)
			}
		})
	}
}

func TestACancelledContextIsItsOwnError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, conf := range map[string]Config{
		"pace":   {RequestsPerSecond: 1},
		"serial": {Serial: true},
		"wait":   {Wait: func(ctx context.Context) error { return ctx.Err() }},
	} {
		t.Run(name, func(t *testing.T) {
			conf.Transport = roundTrip(func(r *http.Request) (*http.Response, error) { return nil, r.Context().Err() })
			_, err := caller(t, conf).Do(ctx, "x", request(t, "http://h"))
			require.ErrorIs(t, err, context.Canceled)
		})
	}
}

func TestEveryClassIsNamed(t *testing.T) {
	for status, class := range map[int]string{200: "2xx", 204: "2xx", 302: "3xx", 404: "4xx", 429: "429", 503: "5xx", 700: "error"} {
		require.Equal(t, class, classOf(&Answer{Status: status}, nil), status)
	}
}

// answering counts who is on the way at once.
func answering(took time.Duration, most *int) roundTrip {
	var mu sync.Mutex
	under := 0
	return func(*http.Request) (*http.Response, error) {
		mu.Lock()
		under++
		*most = max(*most, under)
		mu.Unlock()
		time.Sleep(took)
		mu.Lock()
		under--
		mu.Unlock()
		return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
	}
}

func TestPaceAndTurnAreKept(t *testing.T) {
	for name, test := range map[string]struct {
		conf    []Config
		most    int           // requests at once
		lasting time.Duration // of six requests that take a second each
	}{
		"freely":                     {conf: []Config{{}, {}}, most: 6, lasting: time.Second},
		"one at a time":              {conf: []Config{{Serial: true}}, most: 1, lasting: 6 * time.Second},
		"one at a time, shared":      {conf: []Config{{Serial: true, Share: "A"}, {Serial: true, Share: "A"}}, most: 1, lasting: 6 * time.Second},
		"two keys, each in its turn": {conf: []Config{{Serial: true, Share: "B"}, {Serial: true, Share: "C"}}, most: 2, lasting: 3 * time.Second},
		"two a second":               {conf: []Config{{RequestsPerSecond: 2}}, most: 2, lasting: 3500 * time.Millisecond},
		"the slower pace is shared":  {conf: []Config{{RequestsPerSecond: 8, Share: "D"}, {RequestsPerSecond: 2, Share: "D"}}, most: 2, lasting: 3500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				most := 0
				transport := answering(time.Second-time.Nanosecond, &most)
				begun := time.Now()
				var wg sync.WaitGroup
				var callers []*Caller
				for _, conf := range test.conf {
					conf.Transport = transport
					if conf.Share != "" {
						conf.Share += name
					}
					callers = append(callers, New(conf))
				}
				for i := range 6 {
					wg.Go(func() {
						_, err := callers[i%len(callers)].Do(t.Context(), "x", request(t, "http://h"))
						require.NoError(t, err)
					})
				}
				wg.Wait()
				require.Equal(t, test.most, most)
				require.InDelta(t, test.lasting.Seconds(), time.Since(begun).Seconds(), 0.01)
			})
		})
	}
}

func TestAFailedWaitSendsNothing(t *testing.T) {
	sent := false
	c := caller(t, Config{
		Wait:      func(context.Context) error { return errors.New("no turn") },
		Transport: roundTrip(func(*http.Request) (*http.Response, error) { sent = true; return nil, io.EOF }),
	})
	_, err := c.Do(t.Context(), "x", request(t, "http://h"))
	require.EqualError(t, err, "no turn")
	require.False(t, sent)
}
