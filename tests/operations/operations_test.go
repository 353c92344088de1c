// Package operations tests what operators run beside the link: mails, backups,
// dashboard and alert rules, against the real binary and both simulators.
package operations

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/tests/link"
)

const endsWithin = time.Minute

func TestMain(m *testing.M) {
	code := m.Run()
	link.Clean()
	os.Exit(code)
}

func newWorld(t *testing.T) *link.World {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and runs the binary")
	}
	return link.New(t, nil)
}

// freeAddress is one that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// listening starts a pipeline with its HTTP server on.
func listening(t *testing.T, w *link.World, config string, env ...string) *link.Process {
	t.Helper()
	beside := *w
	if config != "config/sync.yaml" {
		beside.Set = nil
	}
	beside.Set = append(append([]string{}, beside.Set...), "http.enabled=true")
	return beside.Start(t, config, env...)
}

// get gives status and body; 0 when nobody answers.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(body)
}

// letter is a mail as it arrived.
type letter struct{ from, to, data string }

// mailServer is an SMTP server on loopback, as far as RFC 5321 matters here.
type mailServer struct {
	address string
	letters chan letter
	refuses atomic.Bool // takes no mail, for good

	listener net.Listener
	wg       sync.WaitGroup
}

func newMailServer(t *testing.T, address string) *mailServer {
	t.Helper()
	l, err := net.Listen("tcp", address)
	require.NoError(t, err)
	s := &mailServer{address: l.Addr().String(), letters: make(chan letter, 100), listener: l}
	s.wg.Go(s.accept)
	t.Cleanup(s.stop)
	return s
}

func (s *mailServer) stop() {
	_ = s.listener.Close()
	s.wg.Wait()
}

func (s *mailServer) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.wg.Go(func() {
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			s.serve(conn)
		})
	}
}

func (s *mailServer) serve(conn net.Conn) {
	in := bufio.NewReader(conn)
	say := func(answer string) { _, _ = fmt.Fprint(conn, answer+"\r\n") }
	say("220 mail.test ESMTP")
	var l letter
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb, rest, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "EHLO":
			say("250-mail.test\r\n250 8BITMIME")
		case "MAIL":
			l = letter{from: rest}
			if s.refuses.Load() {
				say("550 no")
				continue
			}
			say("250 OK")
		case "RCPT":
			l.to += rest
			say("250 OK")
		case "DATA":
			say("354 go on")
			var data strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				data.WriteString(line)
			}
			l.data = data.String()
			s.letters <- l
			say("250 queued")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 OK")
		}
	}
}
