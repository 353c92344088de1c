package smtpoutput

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/mail"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("go.opencensus.io/stats/view.(*worker).start"))
}

// outputOf builds an output from YAML on top of what s needs; s may be nil.
func outputOf(t *testing.T, s *mailServer, yaml string) *Output {
	t.Helper()
	base := "from: SATORI連携 <link@example.co.jp>\nbackoff: { initial_interval: 1ms, max_interval: 5ms }\n"
	if !strings.HasPrefix(yaml, "to:") {
		base += "to: [ ops@example.co.jp ]\n"
	}
	if s != nil {
		base += fmt.Sprintf("address: %s\nroot_cas_file: %s\n", s.address(), s.caFile)
	}
	parsed, err := outputSpec().ParseYAML(base+yaml, nil)
	require.NoError(t, err)
	conf, err := configFromParsed(parsed)
	require.NoError(t, err)
	o := newOutput(conf, service.MockResources())
	require.NoError(t, o.Connect(t.Context()))
	t.Cleanup(func() { require.NoError(t, o.Close(context.WithoutCancel(t.Context()))) })
	return o
}

func batchOf(contents ...string) (batch service.MessageBatch) {
	for _, content := range contents {
		batch = append(batch, service.NewMessage([]byte(content)))
	}
	return batch
}

func arrived(t *testing.T, s *mailServer) received {
	t.Helper()
	select {
	case m := <-s.arrived:
		return m
	case <-time.After(10 * time.Second):
		require.Fail(t, "no mail came")
		return received{}
	}
}

// parts reads a mail as a mail program does.
func (r received) parts(t *testing.T) (header mail.Header, subject, body string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(r.data))
	require.NoError(t, err)
	subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	require.NoError(t, err)
	require.Equal(t, "base64", m.Header.Get("Content-Transfer-Encoding"))
	text, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, m.Body))
	require.NoError(t, err)
	return m.Header, subject, string(text)
}

const failed1 = `{"email":"yamada@example.co.jp","card_id":"0A1B","error":"satori: invalid: 企業名が長すぎます","time":"2026-04-01T00:00:00Z"}`
const failed2 = `{"email":"sato@example.co.jp","card_id":"0C2D","error":"satori: refused: no"}`

func TestOneMailAPeriod(t *testing.T) {
	s := newMailServer(t, nil)
	o := outputOf(t, s, "period: 100ms")
	require.NoError(t, o.WriteBatch(t.Context(), batchOf(failed1, failed2)))
	require.NoError(t, o.WriteBatch(t.Context(), batchOf(failed1)))
	got := arrived(t, s)
	require.True(t, got.encrypted)
	header, subject, body := got.parts(t)
	require.Equal(t, "[Sansan→SATORI] 連携のお知らせ 3件", subject)
	require.Contains(t, body, "  2件  satori: invalid: 企業名が長すぎます\r\n  1件  satori: refused: no\r\n")
	require.Contains(t, body, "名刺ID 0A1B : satori: invalid: 企業名が長すぎます")
	require.NotContains(t, got.data+body, "yamada", "the built-in digest names no persons")
	require.Equal(t, "auto-generated", header.Get("Auto-Submitted"))
	require.Equal(t, "<ops@example.co.jp>", header.Get("To"))
	from, err := header.AddressList("From")
	require.NoError(t, err)
	require.Equal(t, &mail.Address{Name: "SATORI連携", Address: "link@example.co.jp"}, from[0])
	require.Regexp(t, `^<[A-Z0-9]+@example\.co\.jp>$`, header.Get("Message-Id"))
	_, err = header.Date()
	require.NoError(t, err)
	require.Equal(t, `text/plain; charset=UTF-8`, header.Get("Content-Type"))

	require.NoError(t, o.WriteBatch(t.Context(), batchOf(failed2)))
	_, subject, _ = arrived(t, s).parts(t)
	require.Equal(t, "[Sansan→SATORI] 連携のお知らせ 1件", subject)
}

func TestCloseSendsWhatIsLeft(t *testing.T) {
	s := newMailServer(t, nil)
	o := outputOf(t, s, "period: 1h\nlanguage: en")
	require.NoError(t, o.WriteBatch(t.Context(), batchOf(failed1)))
	require.NoError(t, o.Close(t.Context()))
	_, subject, body := arrived(t, s).parts(t)
	require.Equal(t, "[Sansan→SATORI] 1 notice(s) from the link", subject)
	require.Contains(t, body, "  1 x satori: invalid: 企業名が長すぎます\r\n")
	require.NoError(t, o.Close(t.Context()))
	require.ErrorIs(t, o.WriteBatch(t.Context(), batchOf(failed1)), service.ErrNotConnected)
	require.Empty(t, s.arrived)
}

func TestNothingHappenedNoMail(t *testing.T) {
	s := newMailServer(t, nil)
	o := outputOf(t, s, "period: 1ms")
	require.NoError(t, o.Close(t.Context()))
	require.Empty(t, s.commands)
}

func TestWaysToTheServer(t *testing.T) {
	for name, test := range map[string]struct {
		set  func(*mailServer)
		yaml string
		want func(*testing.T, received)
	}{
		"starttls": {nil, "tls: starttls", func(t *testing.T, m received) { require.True(t, m.encrypted) }},
		"implicit": {func(s *mailServer) { s.implicit = true }, "tls: implicit", func(t *testing.T, m received) { require.True(t, m.encrypted) }},
		"none":     {nil, "tls: none", func(t *testing.T, m received) { require.False(t, m.encrypted) }},
		"PLAIN": {func(s *mailServer) { s.mechanisms, s.password = "LOGIN PLAIN", "pass word" }, "username: link\npassword: pass word",
			func(t *testing.T, m received) { require.Equal(t, "link by PLAIN", m.user) }},
		"LOGIN over implicit": {func(s *mailServer) { s.mechanisms, s.password, s.implicit = "LOGIN", "秘密", true }, "username: link\npassword: 秘密\ntls: implicit",
			func(t *testing.T, m received) { require.Contains(t, m.user, "link by ") }},
		"PLAIN in clear on this machine": {func(s *mailServer) { s.mechanisms, s.password, s.starttls = "PLAIN", "pw", false }, "username: link\npassword: pw\ntls: none",
			func(t *testing.T, m received) { require.Contains(t, m.user, "link by ") }},
		"CRAM-MD5": {func(s *mailServer) { s.mechanisms, s.password = "PLAIN CRAM-MD5", "pw" }, "username: link\npassword: pw",
			func(t *testing.T, m received) { require.Equal(t, "link by CRAM-MD5", m.user) }},
		"several recipients": {nil, `to: [ "a@example.jp, B <b@example.jp>", "", c@example.jp ]`, func(t *testing.T, m received) {
			require.Equal(t, []string{"TO:<a@example.jp>", "TO:<b@example.jp>", "TO:<c@example.jp>"}, m.to)
		}},
		"one recipient refused": {func(s *mailServer) {
			s.reply = func(line string) string {
				if strings.Contains(line, "<b@") {
					return "550 5.1.1 b@example.jp unknown"
				}
				return ""
			}
		}, `to: [ a@example.jp, b@example.jp ]`, func(t *testing.T, m received) { require.Equal(t, []string{"TO:<a@example.jp>"}, m.to) }},
		"server that does not say good-bye": {func(s *mailServer) {
			s.reply = func(line string) string { return map[string]string{"QUIT": "554 no"}[line] }
		}, "", func(*testing.T, received) {}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newMailServer(t, test.set)
			o := outputOf(t, s, test.yaml+"\nperiod: 0s")
			require.NoError(t, o.WriteBatch(t.Context(), batchOf(failed1)))
			test.want(t, arrived(t, s))
		})
	}
}

func TestTroubleWithMailStopsNothing(t *testing.T) {
	refuse := func(stage, answer string) func(*mailServer) {
		return func(s *mailServer) {
			s.reply = func(line string) string {
				if strings.HasPrefix(line, stage) {
					return answer
				}
				return ""
			}
		}
	}
	inTurn := func(stage string, answers ...string) func(*mailServer) {
		return func(s *mailServer) {
			s.reply = func(line string) (answer string) {
				if strings.HasPrefix(line, stage) && len(answers) > 0 { // one connection at a time
					answer, answers = answers[0], answers[1:]
				}
				return answer
			}
		}
	}
	withLogin := func(s *mailServer) { s.mechanisms, s.password = "PLAIN", "right" }
	for name, test := range map[string]struct {
		set      func(*mailServer)
		yaml     string
		want     string // of the warning
		attempts string // regexp
	}{
		"greeting refused":         {refuse("CONNECT", "554 go away"), "", `greeting: 554 go away`, "^1$"},
		"sender refused":           {refuse("MAIL", "550 5.7.1 <link@example.co.jp> not yours"), "", `MAIL FROM: 550 5\.7\.1 \*\*\* not yours"`, "^1$"},
		"recipient refused":        {refuse("RCPT", "550 5.1.1 no such user ops@example.co.jp"), "", `RCPT TO: 550 5\.1\.1 no such user \*\*\*"`, "^1$"},
		"data refused":             {refuse("DATA", "554 no"), "", "DATA: 554 no", "^1$"},
		"content refused":          {refuse("END", "554 spam"), "", "DATA: 554 spam", "^1$"},
		"busy, then refused":       {inTurn("MAIL", "451 later", "421 closing", "554 no"), "", "MAIL FROM: 554 no", "^3$"},
		"greylisted, then refused": {inTurn("RCPT", "450 later", "550 no"), "", "RCPT TO: 550 no", "^2$"},
		"stalls at greeting":       {refuse("CONNECT", stall), "timeout: 400ms\nmax_elapsed: 1ms", "greeting: .*(timeout|closed)", "^1$"},
		"stalls at EHLO":           {refuse("EHLO", stall), "timeout: 400ms\nmax_elapsed: 1ms", "EHLO: .*(timeout|closed)", "^1$"},
		"stalls at STARTTLS":       {refuse("STARTTLS", stall), "timeout: 400ms\nmax_elapsed: 1ms", "STARTTLS: .*(timeout|closed)", "^1$"},
		"stalls at the end":        {refuse("END", stall), "timeout: 400ms\nmax_elapsed: 1ms", "DATA: .*(timeout|closed)", "^1$"},
		"no STARTTLS":              {func(s *mailServer) { s.starttls = false }, "", "STARTTLS: the server does not offer it", "^1$"},
		"TLS where none is":        {nil, "tls: implicit\nmax_elapsed: 20ms", "TLS: ", "."},
		"login required":           {withLogin, "", "MAIL FROM: 530 5.7.0 authentication required", "^1$"},
		"login refused":            {withLogin, "username: link\npassword: canaryword", `AUTH: 535"`, "^1$"},
		"login not offered":        {nil, "username: link\npassword: canaryword", "AUTH: the server does not take passwords on this connection", "^1$"},
		"login unknown":            {func(s *mailServer) { s.mechanisms = "GSSAPI" }, "username: link\npassword: canaryword", "AUTH: the server offers no way", "^1$"},
	} {
		t.Run(name, func(t *testing.T) {
			o := outputOf(t, newMailServer(t, test.set), "period: 0s\n"+test.yaml)
			w := watch(o)
			require.NoError(t, o.WriteBatch(t.Context(), batchOf(failed1, failed2)))
			require.Regexp(t, "mail about 2 messages dropped: .*"+test.want, w.text())
			for _, never := range []string{"@", "canaryword", "yamada", base64.StdEncoding.EncodeToString([]byte("\x00link\x00canaryword"))} {
				require.NotContains(t, w.text(), never)
			}
			require.EqualValues(t, 1, w.drops.n.Load())
			require.Zero(t, w.sent.n.Load())
			require.Regexp(t, test.attempts, fmt.Sprint(w.fails.n.Load()))
		})
	}
}

type tally struct{ n atomic.Int64 }

func (c *tally) Incr(n int64, _ ...string) { c.n.Add(n) }

// watched is what an output logs and counts.
type watched struct {
	mu                 sync.Mutex
	lines              strings.Builder
	sent, fails, drops tally
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lines.Write(p)
}

func (w *watched) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lines.String()
}

func watch(o *Output) *watched {
	w := &watched{}
	o.log = service.NewLoggerFromSlog(slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})))
	o.sent, o.fails, o.drops = &w.sent, &w.fails, &w.drops
	return w
}

func TestServerThatIsDown(t *testing.T) {
	s := newMailServer(t, nil)
	s.stop()
	o := outputOf(t, s, "period: 10ms\nmax_elapsed: 20ms")
	w := watch(o)
	require.Error(t, o.ConnectionTest(t.Context())[0].Err)
	for range 100 {
		require.NoError(t, o.WriteBatch(t.Context(), batchOf(failed1)))
	}
	require.Eventually(t, func() bool { return w.drops.n.Load() > 0 }, 5*time.Second, time.Millisecond)
	require.Contains(t, w.text(), "connection refused")
}

func TestMissedIsToldWhenMailWorksAgain(t *testing.T) {
	var healthy atomic.Bool
	s := newMailServer(t, func(s *mailServer) {
		s.reply = func(line string) string {
			if strings.HasPrefix(line, "MAIL") && !healthy.Load() {
				return "550 no"
			}
			return ""
		}
	})
	o := outputOf(t, s, "period: 0s")
	w := watch(o)
	require.NoError(t, o.WriteBatch(t.Context(), batchOf(failed1, failed2)))
	require.EqualValues(t, 1, w.drops.n.Load())
	healthy.Store(true)
	require.NoError(t, o.WriteBatch(t.Context(), batchOf(failed1)))
	_, _, body := arrived(t, s).parts(t)
	require.Contains(t, body, "お知らせできなかったものが 2件")
	require.NoError(t, o.WriteBatch(t.Context(), batchOf(failed1)))
	_, _, body = arrived(t, s).parts(t)
	require.NotContains(t, body, "お知らせできなかったもの")
	require.EqualValues(t, 2, w.sent.n.Load())
}

func TestBusyOnce(t *testing.T) {
	var lost atomic.Bool
	s := newMailServer(t, func(s *mailServer) {
		s.reply = func(line string) string {
			if line == "MAIL FROM:<link@example.co.jp> BODY=8BITMIME" && lost.CompareAndSwap(false, true) {
				return "421 closing"
			}
			return ""
		}
	})
	o := outputOf(t, s, "period: 0s")
	w := watch(o)
	require.NoError(t, o.WriteBatch(t.Context(), batchOf(failed1)))
	arrived(t, s)
	require.EqualValues(t, 1, w.fails.n.Load())
	require.EqualValues(t, 1, w.sent.n.Load())
}

func TestCloseDuringRetriesKeepsBothDigests(t *testing.T) {
	var healthy atomic.Bool
	tried := make(chan struct{}, 1000)
	s := newMailServer(t, func(s *mailServer) {
		s.reply = func(line string) string {
			if strings.HasPrefix(line, "MAIL") && !healthy.Load() {
				tried <- struct{}{}
				return "451 later"
			}
			return ""
		}
	})
	o := outputOf(t, s, "period: 1ms\nmax_elapsed: 0s")
	require.NoError(t, o.WriteBatch(t.Context(), batchOf(failed1)))
	<-tried
	require.NoError(t, o.WriteBatch(t.Context(), batchOf(failed1, failed2)))
	o.end() // as Close does; then the server recovers
	o.loop.Wait()
	healthy.Store(true)
	require.NoError(t, o.Close(t.Context()))
	_, subject, body := arrived(t, s).parts(t)
	require.Contains(t, subject, "3件")
	require.Contains(t, body, "  2件  satori: invalid")
}

func TestCloseWithAStallingServerEnds(t *testing.T) {
	s := newMailServer(t, func(s *mailServer) { s.reply = func(string) string { return stall } })
	o := outputOf(t, s, "period: 1h\ntimeout: 50ms")
	w := watch(o)
	require.NoError(t, o.WriteBatch(t.Context(), batchOf(failed1)))
	require.NoError(t, o.Close(t.Context()))
	require.Contains(t, w.text(), "mail about 1 messages dropped")
}

func TestWriteEndsWithItsContext(t *testing.T) {
	s := newMailServer(t, func(s *mailServer) { s.reply = func(string) string { return "421 later" } })
	o := outputOf(t, s, "period: 0s\nmax_elapsed: 0s")
	o.conf.backoff.Initial = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, o.WriteBatch(ctx, batchOf(failed1)), context.DeadlineExceeded)
}

func TestConnectionTest(t *testing.T) {
	s := newMailServer(t, func(s *mailServer) { s.mechanisms, s.password = "PLAIN", "right" })
	o := outputOf(t, s, "username: link\npassword: right")
	require.NoError(t, o.ConnectionTest(t.Context())[0].Err)
	o.conf.server.password = "wrong"
	require.EqualError(t, o.ConnectionTest(t.Context())[0].Err, "AUTH: 535")
	require.Empty(t, s.arrived)
}
