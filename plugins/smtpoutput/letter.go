package smtpoutput

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/mail"
	"strings"
	"time"
	"unicode"

	"github.com/redpanda-data/benthos/v4/public/service"
	gomail "github.com/wneessen/go-mail"
)

const (
	longSubject = 150     // characters
	longBody    = 256_000 // bytes
)

// letter makes a mail of a digest. A subject or mapping that fails must not keep
// the mail from being sent: it then says what failed.
func (c config) letter(d *digest, now time.Time) *gomail.Msg {
	document := d.document()
	subject, body := c.words(document)
	m := gomail.NewMsg(gomail.WithCharset(gomail.CharsetUTF8), gomail.WithEncoding(gomail.EncodingB64), gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(c.from)
	m.ToMailAddress(c.to...)
	m.Subject(shortened(oneLine(subject), longSubject))
	m.SetDateWithValue(now.In(japan))
	// The sender's domain, not this machine's name; the same at every attempt,
	// so that a mail whose acceptance was lost is known as one.
	m.SetMessageIDWithValue(rand.Text() + "@" + domainOf(c.from))
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no out-of-office answers
	m.SetGenHeader(gomail.HeaderXAutoResponseSuppress, "All")
	m.SetBodyString(gomail.TypeTextPlain, bodyText(body))
	return m
}

func (c config) words(document map[string]any) (subject, body string) {
	about := service.NewMessage(nil)
	about.SetStructured(document)
	subject, err := c.subject.TryString(about)
	if err != nil {
		subject = fmt.Sprintf("[Sansan→SATORI] %v", document["count"])
	}
	value, err := c.digest.Query(document)
	if err != nil {
		failed := "the digest mapping failed: " + err.Error()
		counts, _ := json.MarshalIndent(document["by_reason"], "", "  ")
		return subject, fmt.Sprintf("%s\n\n%v messages since %v:\n%s\n", failed, document["count"], document["since"], counts)
	}
	if text, ok := value.(string); ok {
		return subject, text
	}
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		text = []byte(err.Error())
	}
	return subject, string(text) + "\n"
}

// oneLine has no line break and no control character: it keeps a value inside
// its header, whatever a message brought along.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	return strings.Join(strings.Fields(s), " ")
}

func shortened(s string, characters int) string {
	if runes := []rune(s); len(runes) > characters {
		return string(runes[:characters]) + "…"
	}
	return s
}

// bodyText has CRLF line ends, as text in a mail must before it is encoded.
func bodyText(s string) string {
	if len(s) > longBody {
		s = s[:longBody] + "\n…\n"
	}
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\ufffd")
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	return strings.ReplaceAll(s, "\n", "\r\n")
}

func domainOf(a *mail.Address) string {
	return a.Address[strings.LastIndexByte(a.Address, '@')+1:]
}
