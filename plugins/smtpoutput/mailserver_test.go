package smtpoutput

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// received is a mail that a mailServer took.
type received struct {
	from, user string
	to         []string
	data       string
	encrypted  bool
}

// mailServer is an SMTP server on loopback, as far as RFC 5321, 3207 and 4954
// matter here.
type mailServer struct {
	t        *testing.T
	listener net.Listener
	cert     tls.Certificate
	caFile   string

	implicit   bool
	starttls   bool
	mechanisms string                   // offered for AUTH; "" none
	password   string                   // of user "link"
	reply      func(line string) string // instead of the usual answer; "" the usual one; stall for none
	arrived    chan received
	commands   chan string

	wg    sync.WaitGroup
	mu    sync.Mutex
	conns []net.Conn
}

// stall is the answer that never comes.
const stall = "stall"

func newMailServer(t *testing.T, set func(*mailServer)) *mailServer {
	t.Helper()
	s := &mailServer{t: t, starttls: true, arrived: make(chan received, 100), commands: make(chan string, 1000)}
	s.cert, s.caFile = selfSigned(t)
	if set != nil {
		set(s)
	}
	var err error
	s.listener, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.wg.Go(s.accept)
	t.Cleanup(s.stop)
	return s
}

func (s *mailServer) address() string { return s.listener.Addr().String() }

func (s *mailServer) stop() {
	_ = s.listener.Close()
	s.mu.Lock()
	for _, c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

func (s *mailServer) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns = append(s.conns, conn)
		s.mu.Unlock()
		s.wg.Go(func() {
			defer conn.Close()
			s.serve(conn)
		})
	}
}

func (s *mailServer) tlsConfig() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{s.cert}}
}

func (s *mailServer) serve(conn net.Conn) {
	mail := received{encrypted: s.implicit}
	if s.implicit {
		conn = tls.Server(conn, s.tlsConfig())
	}
	in := bufio.NewReader(conn)
	read := func() (string, bool) {
		line, err := in.ReadString('\n')
		return strings.TrimRight(line, "\r\n"), err == nil
	}
	say := func(answer string) bool {
		if answer == stall {
			_, _ = in.ReadByte() // until the client hangs up
			return false
		}
		_, err := fmt.Fprint(conn, strings.ReplaceAll(answer, "\n", "\r\n")+"\r\n")
		return err == nil
	}
	usual := func(line, answer string) string {
		if s.reply != nil {
			if other := s.reply(line); other != "" {
				return other
			}
		}
		return answer
	}
	if !say(usual("CONNECT", "220 mail.test ESMTP")) {
		return
	}
	for {
		line, ok := read()
		if !ok {
			return
		}
		s.commands <- line
		verb, rest, _ := strings.Cut(line, " ")
		answer := "250 OK"
		switch strings.ToUpper(verb) {
		case "EHLO":
			answer = "250-mail.test\n250-8BITMIME"
			if s.starttls && !mail.encrypted {
				answer += "\n250-STARTTLS"
			}
			if s.mechanisms != "" && (mail.encrypted || !s.starttls) {
				answer += "\n250-AUTH " + s.mechanisms
			}
			answer += "\n250 SIZE 1000000"
		case "STARTTLS":
			if !say(usual(line, "220 go on")) {
				return
			}
			conn = tls.Server(conn, s.tlsConfig())
			in = bufio.NewReader(conn)
			mail.encrypted = true
			continue
		case "AUTH":
			if other := usual(line, ""); other != "" {
				if !say(other) {
					return
				}
				continue
			}
			how, _, _ := strings.Cut(rest, " ")
			answer = "535 5.7.8 who is link@example.jp with " + s.password
			if s.login(rest, say, read) {
				mail.user, answer = "link by "+how, "235 welcome"
			}
		case "MAIL":
			mail.from = rest
			if s.password != "" && mail.user == "" {
				answer = "530 5.7.0 authentication required"
			}
		case "RCPT":
			if answer = usual(line, answer); strings.HasPrefix(answer, "250") {
				mail.to = append(mail.to, rest)
			}
			if !say(answer) {
				return
			}
			continue
		case "DATA":
			if answer = usual(line, "354 go on"); !say(answer) {
				return
			}
			if !strings.HasPrefix(answer, "354") {
				continue
			}
			var data strings.Builder
			for {
				line, ok := read()
				if !ok {
					return
				}
				if line == "." {
					break
				}
				data.WriteString(strings.TrimPrefix(line, ".") + "\r\n")
			}
			mail.data = data.String()
			if answer = usual("END", "250 queued"); strings.HasPrefix(answer, "250") {
				s.arrived <- mail
			}
			mail.to = nil
			if !say(answer) {
				return
			}
			continue
		case "QUIT":
			say(usual(line, "221 bye"))
			return
		}
		if !say(usual(line, answer)) {
			return
		}
	}
}

// login is true for user "link" with the right password.
func (s *mailServer) login(how string, say func(string) bool, read func() (string, bool)) bool {
	decode := func(text string) string {
		plain, _ := base64.StdEncoding.DecodeString(text)
		return string(plain)
	}
	ask := func(prompt string) string {
		say("334 " + base64.StdEncoding.EncodeToString([]byte(prompt)))
		line, _ := read()
		return decode(line)
	}
	mechanism, initial, _ := strings.Cut(how, " ")
	switch mechanism {
	case "LOGIN":
		user, password := ask("Username:"), ask("Password:")
		return user == "link" && password == s.password
	case "CRAM-MD5":
		const challenge = "<1896.697170952@mail.test>"
		mac := hmac.New(md5.New, []byte(s.password))
		mac.Write([]byte(challenge))
		return ask(challenge) == fmt.Sprintf("link %x", mac.Sum(nil))
	}
	return decode(initial) == "\x00link\x00"+s.password
}

func selfSigned(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}
