package satori

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/plugins/apicall"
)

func requireNoKey(t *testing.T, text string) {
	t.Helper()
	require.NotContains(t, strings.ToLower(text), "canary")
	for _, p := range testKeys.params() {
		require.NotContains(t, text, p.value)
	}
}

func TestKeysNeverPrint(t *testing.T) {
	c, err := New(Config{BaseURL: "https://api.satr.jp", Keys: testKeys})
	require.NoError(t, err)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "keys", testKeys, "conf", Config{Keys: testKeys}, "client", c)
	requireNoKey(t, log.String())
	asJSON, err := json.Marshal(struct{ Keys Keys }{testKeys})
	require.NoError(t, err)
	require.JSONEq(t, `{"Keys":"***"}`, string(asJSON))
	for _, v := range []any{testKeys, &testKeys, Config{Keys: testKeys}, &Config{Keys: testKeys}, c, *c, []Keys{testKeys}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			requireNoKey(t, fmt.Sprintf(verb, v))
		}
	}
	require.Equal(t, "***", testKeys.String())
	require.Equal(t, "***", testKeys.GoString())
}

// TestNoErrorHoldsAKey has a server that repeats all it was sent, and every
// fault of the way there.
func TestNoErrorHoldsAKey(t *testing.T) {
	echo := func(status int, wrap string) http.HandlerFunc {
		return func(w http.ResponseWriter, req *http.Request) {
			body, _ := io.ReadAll(req.Body)
			all := req.URL.String() + " " + string(body)
			if unescaped, err := url.QueryUnescape(all); err == nil {
				all += unescaped
			}
			if strings.Contains(wrap, "{") {
				quoted, _ := json.Marshal(all)
				all = string(quoted)
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, strings.ReplaceAll(wrap, "ECHO", all))
		}
	}
	cut := func(half string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_, _ = io.WriteString(conn, half)
				_ = conn.Close()
			}
		}
	}
	faults := map[string]http.HandlerFunc{
		"HTML":        echo(200, "<html>ECHO</html>"),
		"plain 400":   echo(400, "ECHO"),
		"401":         echo(401, `{"status":401,"message":ECHO}`),
		"500":         echo(500, `ECHO`),
		"body 400":    echo(200, `{"status":400,"message":ECHO}`),
		"state":       echo(200, `{"process_status":ECHO}`),
		"failed job":  echo(200, `{"process_status":"failed","message":ECHO}`),
		"failed row":  echo(200, `{"process_status":"finished","failed_rows":[{"row_number":2,"message":ECHO}]}`),
		"edge of cut": echo(400, strings.Repeat("x", 180)+"ECHO"),
		"no answer":   cut(""),
		"half answer": cut("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
		"no HTTP":     cut("garbage\r\n\r\n"),
		"redirect": func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, "http://"+req.Host+"/elsewhere?"+req.URL.RawQuery, http.StatusFound)
		},
		"stall": func(_ http.ResponseWriter, req *http.Request) {
			_, _ = io.Copy(io.Discard, req.Body)
			<-req.Context().Done()
		},
		"too long": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("z", 5000))
		},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(fault)
			defer s.Close()
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			c, err := New(Config{BaseURL: s.URL, Keys: testKeys, Call: apicall.Config{Timeout: 200 * time.Millisecond, MaxBytes: 4000, Transport: transport}})
			require.NoError(t, err)
			items := map[string]string{"email": "canary@example.jp"}
			writeErr := c.Write(t.Context(), Upsert, items)
			_, uploadErr := c.Upload(t.Context(), Upsert, []string{"email"}, [][]string{{"canary@example.jp"}})
			job, statusErr := c.Status(t.Context(), "p", 1)
			probeErr := c.Probe(t.Context())
			for _, err := range []error{writeErr, uploadErr, statusErr, probeErr} {
				requireNoKey(t, fmt.Sprintf("%v %+v %#v", err, err, err))
				if err != nil {
					require.NotContains(t, err.Error(), s.URL)
				}
			}
			requireNoKey(t, fmt.Sprintf("%+v", job))
			if name != "state" && name != "failed job" && name != "failed row" {
				require.Error(t, writeErr)
				require.Error(t, statusErr)
			}
		})
	}
}

func TestNewChecksItsConfig(t *testing.T) {
	for name, test := range map[string]struct {
		conf Config
		want string
	}{
		"no base":     {Config{Keys: testKeys}, "satori: base_url is no http(s) address"},
		"no scheme":   {Config{Keys: testKeys, BaseURL: "api.satr.jp"}, "satori: base_url is no http(s) address"},
		"credentials": {Config{Keys: testKeys, BaseURL: "https://canary:canary@api.satr.jp"}, "satori: base_url must hold no user, query or fragment"},
		"no key":      {Config{Keys: Keys{UserKey: "a", UserSecret: "b", CompanyKey: "c", CompanySecret: "\n"}, BaseURL: "https://api.satr.jp"}, "satori: company_secret is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(test.conf)
			require.EqualError(t, err, test.want)
		})
	}
}

func TestShortKeysAreHiddenAsWords(t *testing.T) {
	clean := cleaner([]param{{"user_key", "key"}, {"user_secret", "s3"}, {"company_key", "k+2/x=longer"}, {"company_secret", "c"}})
	require.Equal(t, "keyword *** *** *** ***", clean("keyword key s3 K+2/X=LONGER k%2B2%2Fx%3Dlonger"))
}

func TestProbe(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   string
		class  Class
	}{
		"unknown process": {404, `{"status":404,"message":"not found"}`, ""},
		"accepted":        {200, `{"status":200,"body":{"process_status":"started"}}`, ""},
		"busy":            {503, ``, ""},
		"HTML":            {200, `<html>`, ""},
		"keys":            {401, `{"message":"keys"}`, Unauthorized},
		"keys in body":    {200, `{"status":401,"message":"keys"}`, Unauthorized},
		"rights":          {403, `{"message":"rights"}`, Forbidden},
	} {
		t.Run(name, func(t *testing.T) {
			c, f := serve(t, test.status, test.body)
			err := c.Probe(t.Context())
			require.Equal(t, "check", f.last.URL.Query().Get("process_code"))
			if test.class == "" {
				require.NoError(t, err)
				return
			}
			requireClass(t, err, test.class)
		})
	}
	requireClass(t, client(t, "http://127.0.0.1:1").Probe(t.Context()), Transient)
}
