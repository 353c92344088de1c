package smtpoutput

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"sansansatori/plugins/apicall"
)

// server is a mail server and how to speak to it.
//
// The conversation is led here on go-mail's SMTP commands, not by its Client:
// that one sets no deadline before the first mail, so that a stalling server
// would hold it for ever, and gives up a mail when one of several recipients is
// refused.
type server struct {
	address, host      string
	mode               string // tlsStartTLS, tlsImplicit or tlsNone
	tls                *tls.Config
	username, password string
	timeout            time.Duration // of one conversation
}

// refusal is a mail server's no.
type refusal struct {
	stage string
	code  int // 0 when it is ours
	said  string
}

func (r *refusal) Error() string {
	if r.code == 0 {
		return r.stage + ": " + r.said
	}
	return strings.TrimSpace(fmt.Sprintf("%s: %d %s", r.stage, r.code, r.said))
}

// permanent: trying again is of no use.
func permanent(err error) bool {
	var r *refusal
	return errors.As(err, &r) && (r.code == 0 || r.code/100 == 5)
}

// quitTime is what a server gets for its good-bye; the mail is sent by then.
const quitTime = 2 * time.Second

func (s server) loopback() bool {
	ip := net.ParseIP(s.host)
	return s.host == "localhost" || ip != nil && ip.IsLoopback()
}

// send returns how many recipients the server refused while it took the mail for
// the others.
func (s server) send(ctx context.Context, m *gomail.Msg) (refused int, err error) {
	err = s.talk(ctx, func(c *smtp.Client) (err error) {
		refused, err = s.deliver(c, m)
		return
	})
	return
}

// check goes as far as logging in.
func (s server) check(ctx context.Context) error {
	return s.talk(ctx, func(*smtp.Client) error { return nil })
}

// talk opens a conversation, encrypts it, logs in, and hands it over.
func (s server) talk(ctx context.Context, do func(*smtp.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.address)
	if err != nil {
		return s.explain("dialling", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return s.explain("dialling", err)
	}
	over := conn
	if s.mode == tlsImplicit {
		secured := tls.Client(conn, s.tls)
		if err := secured.HandshakeContext(ctx); err != nil {
			return s.explain("TLS", err)
		}
		over = secured
	}
	c, err := smtp.NewClient(over, s.host)
	if err != nil {
		return s.explain("greeting", err)
	}
	if err := s.open(c); err != nil {
		return err
	}
	if err := do(c); err != nil {
		return err
	}
	_ = conn.SetDeadline(time.Now().Add(quitTime))
	_ = c.Quit()
	return nil
}

func (s server) open(c *smtp.Client) error {
	if err := c.Hello(helloName); err != nil {
		return s.explain("EHLO", err)
	}
	if s.mode == tlsStartTLS {
		if offered, _ := c.Extension("STARTTLS"); !offered {
			return &refusal{stage: "STARTTLS", said: "the server does not offer it; tls: implicit or none may be meant"}
		}
		if err := c.StartTLS(s.tls); err != nil {
			return s.explain("STARTTLS", err)
		}
	}
	if s.username == "" {
		return nil
	}
	offered, mechanisms := c.Extension("AUTH")
	if !offered {
		return &refusal{stage: "AUTH", said: "the server does not take passwords on this connection"}
	}
	auth := s.auth(strings.Fields(strings.ToUpper(mechanisms)))
	if auth == nil {
		return &refusal{stage: "AUTH", said: "the server offers no way to log in that is known here"}
	}
	if err := c.Auth(auth); err != nil {
		err = s.explain("AUTH", err)
		var r *refusal
		if errors.As(err, &r) {
			r.said = "" // it may repeat what it was sent
		}
		return err
	}
	return nil
}

// helloName does not give this machine's name away.
const helloName = "localhost"

// auth chooses what shows the password least. Where tls is none, only this
// machine gets it.
func (s server) auth(offered []string) smtp.Auth {
	for _, way := range []struct {
		name string
		auth func() smtp.Auth
	}{
		{"SCRAM-SHA-256", func() smtp.Auth { return smtp.ScramSHA256Auth(s.username, s.password) }},
		{"SCRAM-SHA-1", func() smtp.Auth { return smtp.ScramSHA1Auth(s.username, s.password) }},
		{"CRAM-MD5", func() smtp.Auth { return smtp.CRAMMD5Auth(s.username, s.password) }},
		{"PLAIN", func() smtp.Auth { return smtp.PlainAuth("", s.username, s.password, s.host, s.loopback()) }},
		{"LOGIN", func() smtp.Auth { return smtp.LoginAuth(s.username, s.password, s.host, s.loopback()) }},
	} {
		if slices.Contains(offered, way.name) {
			return way.auth()
		}
	}
	return nil
}

func (s server) deliver(c *smtp.Client, m *gomail.Msg) (refused int, err error) {
	from, err := m.GetSender(false)
	if err != nil {
		return 0, &refusal{stage: "MAIL FROM", said: "no sender"}
	}
	to, err := m.GetRecipients()
	if err != nil {
		return 0, &refusal{stage: "RCPT TO", said: "no recipient"}
	}
	if err := c.Mail(from); err != nil {
		return 0, s.explain("MAIL FROM", err)
	}
	for _, recipient := range to {
		rcptErr := c.Rcpt(recipient)
		if rcptErr == nil {
			continue
		}
		rcptErr = s.explain("RCPT TO", rcptErr)
		var r *refusal
		if !errors.As(rcptErr, &r) {
			return 0, rcptErr // the connection is gone
		}
		refused++
		if err == nil || !permanent(rcptErr) {
			err = rcptErr // the one that may pass decides
		}
	}
	if refused == len(to) {
		return refused, err
	}
	w, err := c.Data()
	if err != nil {
		return refused, s.explain("DATA", err)
	}
	if _, err := m.WriteTo(w); err != nil {
		return refused, s.explain("DATA", err)
	}
	if err := w.Close(); err != nil {
		return refused, s.explain("DATA", err)
	}
	return refused, nil
}

var mailAddress = regexp.MustCompile(`\S*@\S*`)

// explain makes an error fit for a log: no address, no password.
func (s server) explain(stage string, err error) error {
	var answered *textproto.Error
	if !errors.As(err, &answered) {
		return fmt.Errorf("%s: %w", stage, err)
	}
	said := answered.Msg
	if s.password != "" {
		for _, secret := range []string{
			s.password, base64.StdEncoding.EncodeToString([]byte(s.password)),
			base64.StdEncoding.EncodeToString([]byte("\x00" + s.username + "\x00" + s.password)),
		} {
			said = strings.ReplaceAll(said, secret, "***")
		}
	}
	said = apicall.Say([]byte(mailAddress.ReplaceAllString(said, "***")))
	return &refusal{stage: stage, code: answered.Code, said: said}
}

func addCertificates(pool *x509.CertPool, from io.Reader) error {
	pem, err := io.ReadAll(io.LimitReader(from, 1<<20))
	if err != nil {
		return fmt.Errorf("reading root_cas_file: %w", err)
	}
	if !pool.AppendCertsFromPEM(pem) {
		return errors.New("root_cas_file holds no certificate")
	}
	return nil
}
