package operations

import (
	"encoding/base64"
	"mime"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/tests/link"
	"sansansatori/tests/sansansim"
	"sansansatori/tests/satorisim"
)

const arrivesWithin = 30 * time.Second

// mailProcess looks several times a second at the link on address.
func mailProcess(t *testing.T, w *link.World, address, server string, env ...string) *link.Process {
	t.Helper()
	beside := *w
	beside.Set = nil
	p := beside.Start(t, "config/operations/mail.yaml", append([]string{
		"LINK_URL=http://" + address, "MAIL_EVERY=@every 300ms", "MAIL_SERVER=" + server, "MAIL_TLS=none",
		"MAIL_FROM=link@example.co.jp", "MAIL_TO=ops@example.co.jp, Marketing <marketing@example.co.jp>",
	}, env...)...)
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			out, _ := p.End(t, endsWithin)
			t.Log(out)
			state, _ := os.ReadFile(filepath.Join(w.Dir, "mail_state"))
			t.Logf("%s", state)
		}
	})
	return p
}

// arrives gives the next mail's subject and text.
func (s *mailServer) arrives(t *testing.T) (subject, text string) {
	t.Helper()
	select {
	case l := <-s.letters:
		require.Contains(t, l.to, "ops@example.co.jp")
		require.Contains(t, l.to, "marketing@example.co.jp")
		m, err := mail.ReadMessage(strings.NewReader(l.data))
		require.NoError(t, err)
		subject, err = (&mime.WordDecoder{}).DecodeHeader(m.Header.Get("Subject"))
		require.NoError(t, err)
		_, body, _ := strings.Cut(l.data, "\r\n\r\n")
		plain, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(body, "\r\n", ""))
		require.NoError(t, err)
		return subject, string(plain)
	case <-time.After(arrivesWithin):
		require.FailNow(t, "no mail came")
	}
	return "", ""
}

// until skips reminders of what is known and gives the first mail whose subject
// holds the words.
func (s *mailServer) until(t *testing.T, words string) string {
	t.Helper()
	for range 5 {
		if subject, text := s.arrives(t); strings.Contains(subject, words) {
			return text
		}
	}
	require.FailNow(t, "no mail says "+words)
	return ""
}

func (s *mailServer) quiet(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case l := <-s.letters:
		require.FailNow(t, "a mail came", l.data)
	case <-time.After(d):
	}
}

func refuse(w *link.World, say string, emails ...string) {
	w.Satori.Change(func(s *satorisim.Settings) {
		s.RejectRow = func(email string) string {
			for _, e := range emails {
				if e == email || e == "" {
					return say
				}
			}
			return ""
		}
	})
}

// sampleCard was changed a while ago: a run leaves the last second to the next.
func sampleCard(email string) map[string]any {
	return map[string]any{
		"updatedTime": time.Now().Add(-5 * time.Second).Format(time.RFC3339),
		"email":       email, "lastName": "山田", "companyName": "株式会社サンプル", "entryStatus": "completed",
		"owner": map[string]any{"id": "suzuki", "name": "suzuki", "email": "suzuki@example.com"}, "exchangeDate": "2026-04-01",
	}
}

// running waits until the link answers.
func running(t *testing.T, address string) {
	t.Helper()
	require.Eventually(t, func() bool { status, _ := get(t, "http://"+address+"/ready"); return status == 200 }, arrivesWithin, 20*time.Millisecond)
}

// What operators are told of a link's life: refused customers, a revoked key on
// either side, a process that is gone, and each time that it works again.
func TestMailsOfALinksLife(t *testing.T) {
	w := newWorld(t)
	refuse(w, "だめ a@example.jp", "a@example.jp", "b@example.jp")
	a := w.Sansan.Put(sampleCard("a@example.jp"))
	w.Sansan.Put(sampleCard("b@example.jp"))
	w.Sansan.Put(sampleCard("c@example.jp"))
	address := freeAddress(t)
	l := listening(t, w, "config/sync.yaml", "SCHEDULE=@every 500ms", "HTTP_ADDRESS="+address)
	running(t, address)
	require.Eventually(t, func() bool { return w.Satori.Len() == 1 }, arrivesWithin, 20*time.Millisecond)
	s := newMailServer(t, "127.0.0.1:0")
	mailProcess(t, w, address, s.address, "LETTERS_HOURS=1000")

	subject, text := s.arrives(t)
	require.Equal(t, "[Sansan→SATORI] 書き込めなかった名刺 2件", subject)
	require.Contains(t, text, "  2件  satori: ")
	require.Contains(t, text, "名刺ID "+a)
	require.Contains(t, text, "だめ ***")
	require.NotContains(t, text, "example.jp", "nobody is named")
	require.NotContains(t, text, "山田")
	s.quiet(t, time.Second) // known dead letters are told of once

	w.Sansan.Configure(func(s *sansansim.Settings) { s.Keys = map[string]sansansim.User{} })
	require.Contains(t, s.until(t, "連携が止まっています"), "Sansan が要求を拒否しています")
	w.Sansan.Configure(func(s *sansansim.Settings) { s.Keys = sansansim.Defaults().Keys })
	require.Contains(t, s.until(t, "復旧しました"), "再実行は不要")

	l.Kill()
	require.Contains(t, s.until(t, "連携が止まっています"), "応答しません")
	listening(t, w, "config/sync.yaml", "SCHEDULE=@every 500ms", "HTTP_ADDRESS="+address)
	s.until(t, "復旧しました")

	keys := w.Satori.Keys()
	w.Satori.Change(func(s *satorisim.Settings) { s.Keys.UserKey = strings.Repeat("0", 32) })
	w.Sansan.Put(sampleCard("d@example.jp"))
	require.Contains(t, s.until(t, "連携が止まっています"), "SATORI がAPIキーを拒否")
	w.Satori.Change(func(s *satorisim.Settings) { s.Keys = keys })
	s.until(t, "復旧しました")
	require.Eventually(t, func() bool { return w.Satori.Len() == 2 }, arrivesWithin, 20*time.Millisecond)

	refuse(w, "項目がありません", "")
	for _, email := range []string{"e@example.jp", "f@example.jp", "g@example.jp"} {
		w.Sansan.Put(sampleCard(email))
	}
	text = s.until(t, "書き込めなかった名刺")
	require.Contains(t, text, "項目がありません")
}

// A mail server that is down keeps mails waiting and nothing else.
func TestMailServerThatIsDown(t *testing.T) {
	w := newWorld(t)
	refuse(w, "だめ", "a@example.jp")
	w.Sansan.Put(sampleCard("a@example.jp"))
	address, server := freeAddress(t), freeAddress(t)
	listening(t, w, "config/sync.yaml", "SCHEDULE=@every 300ms", "HTTP_ADDRESS="+address)
	running(t, address)
	p := mailProcess(t, w, address, server)
	w.Sansan.Put(sampleCard("b@example.jp"))
	require.Eventually(t, func() bool { return w.Satori.Len() >= 1 }, arrivesWithin, 20*time.Millisecond, "the link works on")
	require.False(t, p.Ended(2*time.Second), "the mail process waits")
	p.Kill() // and what it could not tell is told after a restart
	mailProcess(t, w, address, server)
	s := newMailServer(t, server)
	subject, _ := s.arrives(t)
	require.Equal(t, "[Sansan→SATORI] 書き込めなかった名刺 1件", subject)
}

// The daily mail says what the journal says.
func TestDailyMail(t *testing.T) {
	w := newWorld(t)
	refuse(w, "だめ", "r@example.jp")
	for _, name := range []string{"a", "b", "r"} {
		w.Sansan.Put(sampleCard(name + "@example.jp"))
	}
	s := newMailServer(t, "127.0.0.1:0")
	daily := func() {
		beside := *w
		beside.Set = nil
		beside.Start(t, "config/operations/daily_mail.yaml", "DAILY_SCHEDULE=@every 1s", "SANSAN_SATORI="+link.Binary(t),
			"MAIL_SERVER="+s.address, "MAIL_TLS=none", "MAIL_FROM=link@example.co.jp", "MAIL_TO=ops@example.co.jp,marketing@example.co.jp")
	}
	w.Once(t)
	daily()
	subject, text := s.arrives(t)
	require.Equal(t, "[Sansan→SATORI] 昨日からの連携結果", subject, text)
	require.NotContains(t, text, "example.jp", "nobody is named")
	t.Log(text)
	counts := reasons(t, w)
	require.Equal(t, map[string]int{"register new": 2, "failed だめ": 1}, counts)
	require.Regexp(t, `(?m)^.*新規.*\b2\b|\b2\b.*新規`, text)
}
