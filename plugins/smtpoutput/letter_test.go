package smtpoutput

import (
	"bytes"
	"fmt"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/require"
)

func confOf(t require.TestingT, yaml string) config {
	parsed, err := outputSpec().ParseYAML("address: localhost:25\nfrom: link@example.co.jp\nto: [ ops@example.co.jp ]\n"+yaml, nil)
	require.NoError(t, err)
	conf, err := configFromParsed(parsed)
	require.NoError(t, err)
	return conf
}

func letterOf(t require.TestingT, conf config, contents ...string) received {
	d := &digest{}
	for i, content := range contents {
		d.add(service.NewMessage([]byte(content)), time.Unix(1_800_000_000+int64(i), 0), conf.reason, conf.maxExamples)
	}
	var b bytes.Buffer
	_, err := conf.letter(d, time.Unix(1_800_000_000, 0)).WriteTo(&b)
	require.NoError(t, err)
	return received{data: b.String()}
}

func TestSubjectStaysInItsHeader(t *testing.T) {
	conf := confOf(t, `subject: '${! this.messages.index(0).s }'`)
	for name, test := range map[string]struct{ from, want string }{
		"CRLF":          {`a\r\nBcc: evil@example.com`, "a Bcc: evil@example.com"},
		"LF and body":   {`a\n\nhello`, "a hello"},
		"CR":            {`a\rX: y`, "a X: y"},
		"NUL":           {`a\u0000b`, "a b"},
		"LS":            {`a\u2028b`, "a b"},
		"NEL":           {`a\u0085b`, "a b"},
		"encoded word":  {`=?utf-8?q?=0D=0ABcc:_x?=`, "=?utf-8?q?=0D=0ABcc:_x?="},
		"long Japanese": {strings.Repeat("名", 200), strings.Repeat("名", 150) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			got := letterOf(t, conf, `{"s":"`+test.from+`"}`)
			header, subject, _ := got.parts(t)
			if name != "encoded word" { // a mail program may decode it, into one header all the same
				require.Equal(t, test.want, subject)
			}
			require.Empty(t, header.Get("Bcc"))
			require.Empty(t, header.Get("X"))
			for _, line := range strings.Split(got.data, "\r\n") {
				require.LessOrEqual(t, len(line), 200)
			}
		})
	}
}

func FuzzSubject(f *testing.F) {
	f.Add("a\r\nBcc: x@example.com")
	f.Add("名刺\n\n")
	f.Add(strings.Repeat("x ", 500))
	conf := confOf(f, `subject: '${! this.by_reason.index(0).reason }'`+"\nreason: root = content().string()")
	f.Fuzz(func(t *testing.T, text string) {
		got := letterOf(t, conf, text)
		m, err := mail.ReadMessage(strings.NewReader(got.data))
		require.NoError(t, err)
		require.Len(t, m.Header, 10, "no header was added")
	})
}

func TestDigestDocument(t *testing.T) {
	conf := confOf(t, "max_examples: 2\ndigest: root = this")
	_, _, body := letterOf(t, conf, failed1, failed2, failed1, `no JSON`, `{"reason":"older","card_id":7}`).parts(t)
	require.JSONEq(t, `{
		"count": 5, "missed": 0, "since": "2027-01-15T17:00:00+09:00", "until": "2027-01-15T17:00:04+09:00",
		"by_reason": [
			{"reason": "satori: invalid: 企業名が長すぎます", "count": 2}, {"reason": "older", "count": 1},
			{"reason": "satori: refused: no", "count": 1}, {"reason": "unknown", "count": 1}
		],
		"examples": [{"card_id": "0A1B", "reason": "satori: invalid: 企業名が長すぎます"}, {"card_id": "0C2D", "reason": "satori: refused: no"}],
		"messages": [`+failed1+`,`+failed2+`]
	}`, body)
}

func TestDigestStaysSmall(t *testing.T) {
	conf := confOf(t, "digest: root = this")
	d := &digest{}
	for i := range 10_000 {
		msg := service.NewMessage(fmt.Appendf(nil, `{"error":"reason %d %s"}`, i%1000, strings.Repeat("x", 1000)))
		d.add(msg, time.Unix(0, 0), conf.reason, conf.maxExamples)
	}
	require.LessOrEqual(t, len(d.reasons), keptReasons+1)
	shown := d.byReason()
	require.Len(t, shown, shownReasons+1)
	total := int64(0)
	for _, line := range shown {
		total += line.(map[string]any)["count"].(int64)
	}
	require.EqualValues(t, 10_000, total)
	require.Equal(t, otherReasons, shown[shownReasons].(map[string]any)["reason"])
}

func TestReasonsComeFromWhereTheyAre(t *testing.T) {
	conf := confOf(t, "")
	message := func(content string) *service.Message { return service.NewMessage([]byte(content)) }
	fallback := message("x")
	fallback.MetaSetMut("fallback_error", "satori: forbidden: no right")
	broken := message("x")
	broken.SetError(fmt.Errorf("mapping failed"))
	for want, msg := range map[string]*service.Message{
		"a b":                         message("{\"error\":\" a\\n b \"}"),
		"older":                       message(`{"error":null,"reason":"older"}`),
		"satori: forbidden: no right": fallback,
		"mapping failed":              broken,
		"unknown":                     message(`[1]`),
		"404":                         message(`{"error":404}`),
	} {
		require.Equal(t, want, reasonOf(msg, conf.reason))
	}
}

func TestMailIsSentThoughTheMappingFails(t *testing.T) {
	conf := confOf(t, "subject: '${! throw(\"x\") }'\ndigest: root = this.nothing.uppercase()")
	_, subject, body := letterOf(t, conf, failed1).parts(t)
	require.Equal(t, "[Sansan→SATORI] 1", subject)
	require.Contains(t, body, "the digest mapping failed")
	require.Contains(t, body, "企業名が長すぎます")
}

func TestBuiltInDigests(t *testing.T) {
	for language, want := range map[string]string{"ja": "デッドレター", "en": "dead_letters.jsonl"} {
		conf := confOf(t, "language: "+language)
		_, _, body := letterOf(t, conf, failed1).parts(t)
		require.Contains(t, body, want)
		require.Contains(t, body, "0A1B")
		require.NotContains(t, body, "failed:")
		require.NotContains(t, strings.ReplaceAll(body, "\r\n", ""), "\n", "CRLF throughout")
		conf.maxExamples = 0
		_, _, body = letterOf(t, conf, failed1).parts(t)
		require.NotContains(t, body, "0A1B")
	}
}
