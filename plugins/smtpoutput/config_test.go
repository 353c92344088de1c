package smtpoutput

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/redpanda-data/benthos/v4/public/components/io"
	_ "github.com/redpanda-data/benthos/v4/public/components/pure"
	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/require"
)

const minimal = `
smtp:
  address: smtp.example.co.jp:587
  from: link@example.co.jp
  to: [ ops@example.co.jp ]
`

func TestLint(t *testing.T) {
	for name, test := range map[string]struct{ config, want string }{
		"minimal":             {minimal, ""},
		"unset variables":     {"smtp: { address: '', from: '', to: [ '' ], username: '', password: '' }", ""},
		"unset password":      {minimal + "  username: link\n  password: ''\n", ""},
		"no port":             {"smtp: { address: smtp.example.co.jp, from: a@b, to: [ a@b ] }", "address must be host:port"},
		"from":                {"smtp: { address: 'a:25', from: me, to: [ a@b ] }", "from must be a mail address"},
		"no recipient":        {"smtp: { address: 'a:25', from: a@b, to: [] }", "to needs at least one recipient"},
		"password in clear":   {minimal + "  username: link\n  password: x\n  tls: none\n", "would send the password in clear"},
		"none to loopback":    {"smtp: { address: 'localhost:25', from: a@b, to: [ a@b ], username: u, password: p, tls: none }", ""},
		"none without login":  {minimal + "  tls: none\n", ""},
		"unknown tls":         {minimal + "  tls: ssl\n", "value ssl is not a valid option"},
		"unknown language":    {minimal + "  language: fr\n", "value fr is not a valid option"},
		"bad digest":          {minimal + "  digest: root = this.\n", "expected"},
		"too many examples":   {minimal + "  max_examples: 100000\n", "max_examples must be between"},
		"typo":                {minimal + "  adress: x\n", "field adress not recognised"},
		"batching is no more": {minimal + "  batching: { count: 1 }\n", "field batching not recognised"},
	} {
		t.Run(name, func(t *testing.T) {
			lints, err := service.NewEnvironment().NewComponentConfigLinter().LintOutputYAML([]byte(test.config))
			require.NoError(t, err)
			if test.want == "" {
				require.Empty(t, lints)
				return
			}
			require.Contains(t, fmt.Sprint(lints), test.want)
		})
	}
}

func TestConfigErrors(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for name, test := range map[string]struct{ yaml, want string }{
		"address":    {"address: ''\nfrom: a@b\nto: [ a@b ]", "address must be host:port, such as smtp.example.co.jp:587"},
		"from":       {"address: a:25\nfrom: ''\nto: [ a@b ]", "from is no mail address"},
		"to":         {"address: a:25\nfrom: a@b\nto: [ '' ]", "to needs at least one recipient"},
		"to entry":   {"address: a:25\nfrom: a@b\nto: [ a@b, nobody ]", "to: entry 2 is no mail address"},
		"password":   {"address: a:25\nfrom: a@b\nto: [ a@b ]\nusername: u", "username and password belong together: set both, or neither to send without logging in"},
		"clear":      {"address: a:25\nfrom: a@b\nto: [ a@b ]\nusername: u\npassword: p\ntls: none", "tls: none would send the password in clear: use starttls or implicit"},
		"no CA":      {"address: a:25\nfrom: a@b\nto: [ a@b ]\nroot_cas_file: " + empty, "root_cas_file holds no certificate"},
		"no CA file": {"address: a:25\nfrom: a@b\nto: [ a@b ]\nroot_cas_file: " + empty + "x", "reading root_cas_file: open " + empty + "x: no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			parsed, err := outputSpec().ParseYAML(test.yaml, nil)
			require.NoError(t, err)
			_, err = configFromParsed(parsed)
			require.EqualError(t, err, test.want)
		})
	}
}

// TestInAPipeline: a finite run ends, its mail is sent, and a server that is
// down changes nothing for the pipeline.
func TestInAPipeline(t *testing.T) {
	for name, down := range map[string]bool{"up": false, "down": true} {
		t.Run(name, func(t *testing.T) {
			s := newMailServer(t, nil)
			if down {
				s.stop()
			}
			written := filepath.Join(t.TempDir(), "dead_letters.jsonl")
			b := service.NewStreamBuilder()
			require.NoError(t, b.SetYAML(fmt.Sprintf(`
input:
  generate: { count: 20, interval: "", mapping: 'root = {"card_id":"c%%v".format(counter()),"error":"satori: invalid: x"}' }
output:
  broker:
    pattern: fan_out_sequential
    outputs:
      - file: { path: %s, codec: lines }
      - smtp:
          address: %s
          root_cas_file: %s
          from: link@example.co.jp
          to: [ ops@example.co.jp ]
          period: 1h
logger: { level: none }
`, written, s.address(), s.caFile)))
			stream, err := b.Build()
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			require.NoError(t, stream.Run(ctx))
			content, err := os.ReadFile(written)
			require.NoError(t, err)
			require.Len(t, content, 20*len(`{"card_id":"c1","error":"satori: invalid: x"}`)+20+11)
			if down {
				require.Empty(t, s.arrived)
				return
			}
			_, subject, body := arrived(t, s).parts(t)
			require.Contains(t, subject, "20件")
			require.Contains(t, body, "  20件  satori: invalid: x")
		})
	}
}
