package satorisim

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

var routes = map[string]struct {
	kind   Kind
	method string
}{
	"/api/v4/public/customer/registration.json":       {SingleRegistration, http.MethodPost},
	"/api/v4/public/customer/upsert.json":             {SingleUpsert, http.MethodPost},
	"/api/v4/public/customer/delete.json":             {SingleDelete, http.MethodPost},
	"/api/v4/public/bulk_customers/registration.json": {BulkRegistration, http.MethodPost},
	"/api/v4/public/bulk_customers/upsert.json":       {BulkUpsert, http.MethodPost},
	"/api/v4/public/bulk_customers/status.json":       {Status, http.MethodGet},
}

// call is one request, read but not judged.
type call struct {
	kind  Kind
	query url.Values
	form  url.Values        // everything at top level, query included
	items map[string]string // single: customer[...]
	file  []byte            // bulk: the CSV
	// sheet parses the CSV once, outside the lock.
	sheet func() (*sheet, string)
	// broken says what is wrong with the request's form, "" = nothing.
	broken string
	at     time.Time // arrival
	over   bool      // came faster than the quota
	lost   bool      // the client will not learn the answer
}

func (s *Sim) serveAPI(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	route, known := routes[r.URL.Path]
	if !known || route.method != r.Method {
		s.countRequest(Unknown)
		s.noteRequest(RequestLog{Time: s.now(), Kind: Unknown, HTTP: http.StatusNotFound})
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "<!doctype html><html><body><h1>404 Not Found</h1></body></html>")
		return
	}
	c := s.arrive(route.kind)
	body, err := s.readBody(r)
	if err != nil {
		s.noteRequest(RequestLog{Time: c.at, Kind: c.kind, Fault: "body unread"})
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
		return
	}
	c.read(r, body)
	req := &Request{Kind: c.kind, N: s.countRequest(c.kind), sim: s, call: c, w: w, http: r}
	req.log = s.noteRequest(RequestLog{Time: c.at, Kind: c.kind, Bytes: len(body)})
	leave := s.enter(c)
	defer func() {
		leave(req.fault != "" || r.Context().Err() != nil)
		s.note(func() { req.log.Took = time.Since(began) })
	}()
	if d := s.latency(); d > 0 && !req.Sleep(d) {
		req.Kill(nil) // also when the simulator stops: no empty 200
		return
	}
	if !s.controlled(req) {
		req.Send(req.Answer())
	}
}

func (s *Sim) readBody(r *http.Request) ([]byte, error) {
	const room = 1 << 20 // for keys and multipart framing
	var b bytes.Buffer
	if r.ContentLength > 0 {
		b.Grow(int(min(r.ContentLength, 8<<20)) + bytes.MinRead)
	}
	_, err := b.ReadFrom(http.MaxBytesReader(nil, r.Body, s.settings().MaxBytes+room))
	return b.Bytes(), err
}

// read takes the request apart; what cannot be read is left to handle.
func (c *call) read(r *http.Request, body []byte) {
	var bad error
	c.query, bad = url.ParseQuery(r.URL.RawQuery)
	c.form = url.Values{}
	for k, v := range c.query {
		c.form[k] = v
	}
	if bad != nil {
		c.broken = "リクエストが不正です"
	}
	if r.Method == http.MethodGet {
		return
	}
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if c.kind == BulkRegistration || c.kind == BulkUpsert {
		c.sheet = sync.OnceValues(func() (*sheet, string) { return parseSheet(c.file) })
		if kind != "multipart/form-data" {
			c.broken = "multipart/form-dataで送信してください"
			return
		}
		c.readParts(multipart.NewReader(bytes.NewReader(body), params["boundary"]), len(body))
		return
	}
	c.items = map[string]string{}
	if kind != "application/x-www-form-urlencoded" {
		c.broken = "application/x-www-form-urlencodedで送信してください"
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		c.broken = "リクエストが不正です"
	}
	for k, v := range form {
		last := v[len(v)-1] // as Rails reads a repeated name
		if name, ok := strings.CutPrefix(k, "customer["); ok {
			c.items[strings.TrimSuffix(name, "]")] = last
			continue
		}
		c.form.Set(k, last)
	}
}

func (c *call) readParts(parts *multipart.Reader, size int) {
	for {
		p, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			c.broken = "multipartの形式が不正です"
			return
		}
		var b bytes.Buffer
		if p.FormName() == "customer_csv_file" {
			b.Grow(size + bytes.MinRead) // one piece instead of a doubling one
		}
		if _, err := b.ReadFrom(p); err != nil {
			c.broken = "multipartの形式が不正です"
			return
		}
		if p.FormName() != "customer_csv_file" {
			c.form.Set(p.FormName(), b.String())
			continue
		}
		c.file = b.Bytes()
		if c.file == nil {
			c.file = []byte{}
		}
		if t, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type")); t != "text/csv" || p.FileName() == "" {
			c.broken = "customer_csv_fileはCSVファイルではありません"
		}
	}
	if c.file == nil {
		c.broken = "customer_csv_fileがありません"
	}
}

// handle judges and applies a call, and decides the answer.
func (s *Sim) handle(c *call) *answer {
	if c.kind == BulkRegistration || c.kind == BulkUpsert {
		c.sheet() // before the lock
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	if c.over && s.set.EnforceQuota {
		return s.tooMany("Too Many Requests")
	}
	if c.kind != Status && (c.query.Has("user_key") || c.query.Has("user_secret") || c.query.Has("company_key") || c.query.Has("company_secret")) {
		s.violate(Violation{Kind: KeysInQuery, At: c.at, Detail: string(c.kind)})
	}
	given := Keys{c.form.Get("user_key"), c.form.Get("user_secret"), c.form.Get("company_key"), c.form.Get("company_secret")}
	if given != s.set.Keys {
		return s.refuse(s.set.BadKeys, "認証に失敗しました")
	}
	if slices.Contains(s.set.Forbidden, c.kind) {
		return s.refuse(s.set.NoPermission, "この操作を行う権限がありません")
	}
	switch c.kind {
	case BulkRegistration, BulkUpsert:
		return s.upload(c)
	case Status:
		return s.status(c)
	}
	return s.single(c)
}
