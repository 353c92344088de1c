package satorisim

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a clock that moves only when told.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// bench is a running simulator and a plain client of it.
type bench struct {
	*Sim
	t     testing.TB
	url   string
	http  *http.Client
	clock *clock
}

func start(t testing.TB, change ...func(*Settings)) *bench {
	set := Defaults()
	c := newClock()
	set.Now = c.now
	for _, f := range change {
		f(&set)
	}
	sim := New(set)
	base, stop := sim.Start()
	tr := &http.Transport{}
	t.Cleanup(stop)
	t.Cleanup(tr.CloseIdleConnections)
	return &bench{Sim: sim, t: t, url: base, clock: c, http: &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}}
}

// reply is an answer taken apart.
type reply struct {
	http   int
	body   string
	header http.Header
	json   map[string]any // nil: no JSON object
	err    error          // of sending or reading
}

func (r reply) code() string {
	for _, at := range []any{r.json["body"], r.json["message"], any(r.json)} {
		if m, ok := at.(map[string]any); ok {
			if c, ok := m["process_code"].(string); ok {
				return c
			}
		}
	}
	return ""
}

func (b *bench) do(req *http.Request) reply {
	b.t.Helper()
	res, err := b.http.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	out := reply{http: res.StatusCode, body: string(raw), header: res.Header, err: err}
	_ = json.Unmarshal(raw, &out.json) // HTML and truncated JSON come here too
	return out
}

func (b *bench) keys() url.Values {
	k := b.Keys()
	return url.Values{"user_key": {k.UserKey}, "user_secret": {k.UserSecret}, "company_key": {k.CompanyKey}, "company_secret": {k.CompanySecret}}
}

// form posts a single call; pairs are item, value, item, value...
func (b *bench) form(path string, form url.Values) reply {
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url+"/api/v4/public/customer/"+path+".json", strings.NewReader(form.Encode()))
	require.NoError(b.t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(req)
}

func (b *bench) one(path string, pairs ...string) reply {
	form := b.keys()
	form.Set("customer[identity_type]", "email")
	for i := 0; i < len(pairs); i += 2 {
		form.Set("customer["+pairs[i]+"]", pairs[i+1])
	}
	return b.form(path, form)
}

func table2csv(rows ...[]string) string {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.WriteAll(rows)
	return b.String()
}

func (b *bench) bulkRaw(verb, identity, text string, keys url.Values) reply {
	return b.do(b.upload(verb, identity, text, keys))
}

func (b *bench) upload(verb, identity, text string, keys url.Values) *http.Request {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for k, v := range keys {
		_ = w.WriteField(k, v[0])
	}
	_ = w.WriteField("identity_type", identity)
	p, _ := w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="customer_csv_file"; filename="customers.csv"`}, "Content-Type": {"text/csv"}})
	_, _ = io.WriteString(p, text)
	_ = w.Close()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url+"/api/v4/public/bulk_customers/"+verb+".json", &body)
	require.NoError(b.t, err)
	req.Header.Set("Content-Type", w.FormDataContentType())
	return req
}

func (b *bench) bulk(verb string, rows ...[]string) reply {
	return b.bulkRaw(verb, "email", table2csv(rows...), b.keys())
}

func (b *bench) poll(code string) reply {
	q := b.keys()
	q.Set("process_code", code)
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.url+"/api/v4/public/bulk_customers/status.json?"+q.Encode(), nil)
	require.NoError(b.t, err)
	return b.do(req)
}

func body(r reply) map[string]any {
	m, _ := r.json["body"].(map[string]any)
	return m
}
