// Package smtpoutput registers the output `smtp`: what happens to a link is told
// to people by mail (エラー通知先メールアドレス), one digest a period.
package smtpoutput

import (
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strings"
	"time"

	"github.com/redpanda-data/benthos/v4/public/bloblang"
	"github.com/redpanda-data/benthos/v4/public/service"

	"sansansatori/plugins/apicall"
)

const (
	smFieldAddress        = "address"
	smFieldTLS            = "tls"
	smFieldRootCAsFile    = "root_cas_file"
	smFieldUsername       = "username"
	smFieldPassword       = "password"
	smFieldFrom           = "from"
	smFieldTo             = "to"
	smFieldSubject        = "subject"
	smFieldLanguage       = "language"
	smFieldDigest         = "digest"
	smFieldReason         = "reason"
	smFieldMaxExamples    = "max_examples"
	smFieldPeriod         = "period"
	smFieldTimeout        = "timeout"
	smFieldMaxElapsed     = "max_elapsed"
	smFieldBackoff        = "backoff"
	smFieldBackoffInitial = "initial_interval"
	smFieldBackoffMax     = "max_interval"
)

// Values of tls.
const (
	tlsStartTLS = "starttls"
	tlsImplicit = "implicit"
	tlsNone     = "none"
)

//go:embed digest_ja.blobl
var digestJA string

//go:embed digest_en.blobl
var digestEN string

const defaultReason = `root = (this.error | this.reason | @fallback_error | error() | "unknown").string()`

func outputSpec() *service.ConfigSpec {
	return service.NewConfigSpec().
		Categories("Services").
		Summary("Sends mail about the messages it gets: one digest a period, never one mail a message.").
		Description(outputDescription).
		Fields(
			service.NewStringField(smFieldAddress).Description("The mail server as `host:port`, usually port 587 with `starttls` and 465 with `implicit`.").
				Example("smtp.example.co.jp:587").
				LintRule(`root = if this.string() != "" && !this.string().re_match("^.+:[0-9]+$") { [ "address must be host:port, such as smtp.example.co.jp:587" ] }`),
			service.NewStringAnnotatedEnumField(smFieldTLS, map[string]string{
				tlsStartTLS: "Encrypted after STARTTLS; a server that does not offer it gets no mail.",
				tlsImplicit: "Encrypted from the first byte.",
				tlsNone:     "Not encrypted: for a mail catcher, or a relay on this machine. With a password only to this machine.",
			}).Description("How the way to the server is encrypted.").Default(tlsStartTLS),
			service.NewStringField(smFieldRootCAsFile).Description("A PEM file with the authorities that the server's certificate may come from, instead of the system's: for a mail server inside the company.").Default("").Advanced(),
			service.NewStringField(smFieldUsername).Description("Log in as. Empty: without logging in.").Default(""),
			service.NewStringField(smFieldPassword).Description("The password belonging to `username`.").Default("").Secret(),
			service.NewStringField(smFieldFrom).Description("The sender.").Example("Sansan-SATORI <link@example.co.jp>").
				LintRule(addressRule(smFieldFrom)),
			service.NewStringListField(smFieldTo).Description("The recipients. An entry may hold several, divided by commas, as an environment variable does.").
				Example([]string{"ops@example.co.jp", "Marketing <marketing@example.co.jp>"}).
				LintRule(`root = if this.type() == "array" && this.length() == 0 { [ "to needs at least one recipient" ] }`),
			service.NewInterpolatedStringField(smFieldSubject).Description("The subject. `this` is the digest document, see above. Empty: one in `language`.").Default("").
				Example(`[Sansan→SATORI] ${! this.count } 件のお知らせ`),
			service.NewStringAnnotatedEnumField(smFieldLanguage, map[string]string{"ja": "Japanese.", "en": "English."}).
				Description("The language of the built-in subject and digest.").Default("ja"),
			service.NewBloblangField(smFieldDigest).Description("A mapping from the digest document to the mail's text. Left out: the built-in one in `language`, which names card ids and reasons but no persons.").Optional().
				Example(`root = "%d messages since %s".format(this.count, this.since)`),
			service.NewBloblangField(smFieldReason).Description("A mapping from a message to the reason it is counted by.").Default(defaultReason).Advanced(),
			service.NewIntField(smFieldMaxExamples).Description("How many of a period's first messages the digest document holds.").Default(5).
				LintRule(`root = if this < 0 || this > 1000 { [ "max_examples must be between 0 and 1000" ] }`).Advanced(),
			service.NewDurationField(smFieldPeriod).Description("How long messages are gathered for one mail, counted from the first. `0s`: a mail for each batch, which is acknowledged only when the mail is sent or given up.").Default("15m"),
			service.NewDurationField(smFieldTimeout).Description("The time one attempt may take, from dialling to the server's last word.").Default("30s").Advanced(),
			service.NewDurationField(smFieldMaxElapsed).Description("How long a mail is tried again before it is dropped. `0s`: for ever, which keeps later mails waiting but not the pipeline (unless `period` is `0s`).").Default("5m"),
			service.NewObjectField(smFieldBackoff,
				service.NewDurationField(smFieldBackoffInitial).Description("First wait after trouble.").Default("1s"),
				service.NewDurationField(smFieldBackoffMax).Description("Longest wait.").Default("1m"),
			).Description("How a mail is tried again.").Advanced(),
		).
		LintRule(clearRule).
		Example("Failed customers by mail", "Dead letters go to a file first, then into the digest. Since `smtp` never fails, trouble with mail stops nothing.", `
output:
  fallback:
    - satori_output: {}
    - broker:
        pattern: fan_out_sequential
        outputs:
          - file:
              path: ${DATA_DIR}/dead_letters.jsonl
              codec: lines
          - smtp:
              address: smtp.example.co.jp:587
              username: link@example.co.jp
              password: ${SMTP_PASSWORD}
              from: link@example.co.jp
              to: [ ops@example.co.jp ]
              period: 15m
`)
}

const outputDescription = `
Messages are acknowledged at once, counted, and told of in one mail when ` + "`period`" + ` is over or the pipeline ends. Memory is flat: kept are counts and the first ` + "`max_examples`" + ` messages.

== Trouble with mail never stops the pipeline

A mail that cannot be sent is tried again with backoff for ` + "`max_elapsed`" + `, then dropped with a WARN and counted by the metric ` + "`smtp_dropped`" + `; the next digest says in ` + "`missed`" + ` how many messages were never told of. What the server refuses for good (5xx) is dropped at once. A recipient that the server refuses does not keep the mail from the others. The output never fails a message, so it needs neither ` + "`fallback`" + ` nor ` + "`drop_on`" + ` around it. Mail is a notice, not a record: a process that is killed loses the notices of one period. Write what must not be lost to a file, database or topic first.

== The digest document

` + "`subject`" + ` and ` + "`digest`" + ` see one object:

- ` + "`count`" + `: messages of this period; ` + "`missed`" + `: those of earlier periods whose mail was dropped
- ` + "`since`" + `, ` + "`until`" + `: times (RFC 3339, Asia/Tokyo) of the first and the last of them
- ` + "`by_reason`" + `: ` + "`[{reason, count}]`" + `, most frequent first, at most 20, the rest under ` + "`other`" + `
- ` + "`examples`" + `: ` + "`[{card_id, reason}]`" + ` of the first messages
- ` + "`messages`" + `: those messages in full. They may hold personal data, which mail should not: the built-in digest does not use them.

== Metrics

` + "`smtp_sent`" + ` mails sent, ` + "`smtp_failed`" + ` attempts that failed, ` + "`smtp_dropped`" + ` mails given up.
`

func addressRule(field string) string {
	return fmt.Sprintf(`root = if this.string() != "" && !this.string().contains("@") { [ "%s must be a mail address" ] }`, field)
}

// clearRule: no password in clear, except on this machine. A password left out
// is the constructor's matter: it may come from a variable that lint lacks.
const clearRule = `root = if this.username.or("") != "" && this.tls.or("starttls") == "none" && !this.address.or("").re_match("^$|^(localhost|127\\.[0-9.]+|\\[::1\\]):") {
  [ "tls: none would send the password in clear: use starttls or implicit" ]
}`

type config struct {
	server      server
	from        *mail.Address
	to          []*mail.Address
	subject     *service.InterpolatedString
	digest      *bloblang.Executor
	reason      *bloblang.Executor
	language    string
	maxExamples int
	period      time.Duration
	backoff     apicall.Backoff
}

func configFromParsed(p *service.ParsedConfig) (c config, err error) {
	if c.server, err = serverFromParsed(p); err != nil {
		return
	}
	var from string
	if from, err = p.FieldString(smFieldFrom); err != nil {
		return
	}
	if c.from, err = mail.ParseAddress(from); err != nil {
		err = errors.New("from is no mail address")
		return
	}
	var to []string
	if to, err = p.FieldStringList(smFieldTo); err != nil {
		return
	}
	if c.to, err = recipients(to); err != nil {
		return
	}
	if c.language, err = p.FieldString(smFieldLanguage); err != nil {
		return
	}
	if c.subject, err = subjectFromParsed(p, c.language); err != nil {
		return
	}
	if c.digest, err = digestFromParsed(p, c.language); err != nil {
		return
	}
	if c.reason, err = p.FieldBloblang(smFieldReason); err != nil {
		return
	}
	if c.maxExamples, err = p.FieldInt(smFieldMaxExamples); err != nil {
		return
	}
	if c.period, err = p.FieldDuration(smFieldPeriod); err != nil {
		return
	}
	if c.backoff.MaxElapsed, err = p.FieldDuration(smFieldMaxElapsed); err != nil {
		return
	}
	if c.backoff.Initial, err = p.FieldDuration(smFieldBackoff, smFieldBackoffInitial); err != nil {
		return
	}
	c.backoff.Max, err = p.FieldDuration(smFieldBackoff, smFieldBackoffMax)
	return
}

func serverFromParsed(p *service.ParsedConfig) (s server, err error) {
	if s.address, err = p.FieldString(smFieldAddress); err != nil {
		return
	}
	var port string
	if s.host, port, err = net.SplitHostPort(s.address); err != nil || s.host == "" || port == "" {
		err = errors.New("address must be host:port, such as smtp.example.co.jp:587")
		return
	}
	if s.mode, err = p.FieldString(smFieldTLS); err != nil {
		return
	}
	if s.username, err = p.FieldString(smFieldUsername); err != nil {
		return
	}
	if s.password, err = p.FieldString(smFieldPassword); err != nil {
		return
	}
	if (s.username == "") != (s.password == "") {
		err = errors.New("username and password belong together: set both, or neither to send without logging in")
		return
	}
	if s.mode == tlsNone && s.username != "" && !s.loopback() {
		err = errors.New("tls: none would send the password in clear: use starttls or implicit")
		return
	}
	if s.timeout, err = p.FieldDuration(smFieldTimeout); err != nil {
		return
	}
	s.tls = &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12}
	var file string
	if file, err = p.FieldString(smFieldRootCAsFile); err != nil || file == "" {
		return
	}
	pem, err := p.Resources().FS().Open(file)
	if err != nil {
		return s, fmt.Errorf("reading root_cas_file: %w", err)
	}
	defer pem.Close()
	s.tls.RootCAs = x509.NewCertPool()
	err = addCertificates(s.tls.RootCAs, pem)
	return
}

func recipients(entries []string) (all []*mail.Address, err error) {
	for i, entry := range entries {
		if strings.TrimSpace(entry) == "" {
			continue
		}
		some, err := mail.ParseAddressList(entry)
		if err != nil {
			return nil, fmt.Errorf("to: entry %d is no mail address", i+1)
		}
		all = append(all, some...)
	}
	if len(all) == 0 {
		return nil, errors.New("to needs at least one recipient")
	}
	return all, nil
}

var builtInSubject = map[string]string{
	"ja": `[Sansan→SATORI] 連携のお知らせ ${! this.count }件`,
	"en": `[Sansan→SATORI] ${! this.count } notice(s) from the link`,
}

func subjectFromParsed(p *service.ParsedConfig, language string) (*service.InterpolatedString, error) {
	if text, err := p.FieldString(smFieldSubject); err == nil && text == "" {
		return service.NewInterpolatedString(builtInSubject[language])
	}
	return p.FieldInterpolatedString(smFieldSubject)
}

func digestFromParsed(p *service.ParsedConfig, language string) (*bloblang.Executor, error) {
	if p.Contains(smFieldDigest) {
		return p.FieldBloblang(smFieldDigest)
	}
	if language == "en" {
		return bloblang.Parse(digestEN)
	}
	return bloblang.Parse(digestJA)
}
