// Package satori speaks SATORI's public API v4: single and bulk writes of
// customers (カスタマー) matched by e-mail, and the outcome of bulk jobs. There is
// no call that reads customers. It knows nothing of Redpanda Connect.
//
// SATORI gives no support for API clients, and part of its answers' shape is
// not documented: answers are read tolerantly, whichever of the shapes seen so
// far they have.
package satori

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sansansatori/plugins/apicall"
)

// Verb is what SATORI does with a customer it already knows.
type Verb string

const (
	// Registration creates; of a known customer it fills blank items, adds tags
	// and never touches an item that has a value.
	Registration Verb = "registration"
	// Upsert creates; of a known customer it overwrites the items sent. A blank
	// value never erases.
	Upsert Verb = "upsert"
)

// Config of a Client.
type Config struct {
	BaseURL string // https://api.satr.jp
	Keys    Keys
	// FirstRow is the number by which SATORI calls a CSV's first data row; nil
	// is 2: it counts the header.
	FirstRow *int
	Call     apicall.Config
}

const (
	defaultFirstRow = 2
	// A status of 10,000 failed rows with long messages has about 5 MB.
	defaultMaxBytes = 32 << 20

	identityType = "email"
	userAgent    = "sansan-satori"
)

// Kinds of call, as metrics name them.
const (
	kindSingle = "single"
	kindUpload = "upload"
	kindStatus = "status"
	kindCheck  = "check"
)

// Client calls SATORI. It is safe for concurrent use.
type Client struct {
	base     string
	firstRow int
	caller   *apicall.Caller
	// keys and clean are functions so that no way of printing a Client can
	// reach the keys.
	keys  func() []param
	clean func(string) string
	now   func() time.Time
}

type param struct{ name, value string }

// New checks the configuration; it calls nobody.
func New(conf Config) (*Client, error) {
	base, err := url.Parse(strings.TrimSpace(conf.BaseURL))
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return nil, errors.New("satori: base_url is no http(s) address")
	}
	if base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("satori: base_url must hold no user, query or fragment")
	}
	params := conf.Keys.params()
	for _, p := range params {
		if p.value == "" {
			return nil, fmt.Errorf("satori: %s is empty", p.name)
		}
	}
	firstRow := defaultFirstRow
	if conf.FirstRow != nil {
		firstRow = *conf.FirstRow
	}
	if conf.Call.MaxBytes == 0 {
		conf.Call.MaxBytes = defaultMaxBytes
	}
	return &Client{
		base:     strings.TrimRight(base.String(), "/"),
		firstRow: firstRow,
		caller:   apicall.New(conf.Call),
		keys:     func() []param { return params },
		clean:    cleaner(params),
		now:      time.Now,
	}, nil
}

// Probe is a cheap look whether SATORI is reachable and takes the keys: it asks
// for a job that does not exist. Only refused keys or rights and trouble on the
// way to SATORI are errors.
func (c *Client) Probe(ctx context.Context) error {
	a, err := c.get(ctx, kindCheck, "check")
	if err != nil {
		return err
	}
	var e *Error
	if errors.As(c.judge(a, anyOK), &e) && (e.Class == Unauthorized || e.Class == Forbidden) {
		return e
	}
	return nil
}

func (c *Client) get(ctx context.Context, kind, processCode string) (answer, error) {
	query := url.Values{"process_code": {processCode}}
	for _, k := range c.keys() {
		query.Set(k.name, k.value)
	}
	return c.do(ctx, kind, http.MethodGet, "bulk_customers/status.json?"+query.Encode(), "", nil)
}

// do sends one request. Its errors are of class Transient or ctx's own.
func (c *Client) do(ctx context.Context, kind, method, path, contentType string, body io.Reader) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/api/v4/public/"+path, body)
	if err != nil { // its text would hold the query
		return answer{}, &Error{Class: Refused, Said: "the request could not be made from base_url"}
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", userAgent)
	got, err := c.caller.Do(ctx, kind, req)
	if ctx.Err() != nil && err != nil {
		return answer{}, ctx.Err()
	}
	if err != nil {
		return answer{}, &Error{Class: Transient, Said: c.clean(err.Error())}
	}
	a := read(got.Body)
	a.http = got.Status
	if a.http/100 != 2 || !a.isOK(anyOK) {
		a.retryAfter, _ = apicall.RetryHint(got.Header, got.Body, c.now())
	}
	return a, nil
}
