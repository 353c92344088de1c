// Package sansan is a client of the Sansan Open API: cards, tags, and who the
// key belongs to. It knows nothing of Connect.
//
// Source: Sansan Open API reference, https://docs.ap.sansan.com/ (v3.2, v6.0).
package sansan

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sansansatori/plugins/apicall"
)

// Config of a Client.
type Config struct {
	BaseURL string // with the version: https://api.sansan.com/v3.2
	APIKey  string
	AppID   string // of the partner programme; usually empty
	Call    apicall.Config
}

// Client calls the API. It is safe for concurrent use.
type Client struct {
	base   *url.URL
	header http.Header
	call   *apicall.Caller
}

// New makes a client.
func New(conf Config) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(conf.BaseURL, "/"))
	if err != nil || base.Host == "" {
		return nil, errors.New("base_url is not a URL such as https://api.sansan.com/v3.2")
	}
	header := http.Header{"X-Sansan-Api-Key": {conf.APIKey}, "Accept": {"application/json"}}
	if conf.AppID != "" {
		header.Set("X-Sansan-App-Id", conf.AppID)
	}
	return &Client{base: base, header: header, call: apicall.New(conf.Call)}, nil
}

// Me checks the key: GET /me. Some versions have no such path: a 404 is no error.
func (c *Client) Me(ctx context.Context) error {
	_, err := c.get(ctx, "me", "/me", nil)
	var e *Error
	if errors.As(err, &e) && e.NotFound() {
		return nil
	}
	return err
}

// Query asks for cards: changed in a period, or bearing a tag when TagID is set.
// It asks for digitised cards only, with their tags, oldest change first.
type Query struct {
	UpdatedFrom, UpdatedTo time.Time
	Range                  string // "all" or "me"
	IncludePast            bool
	Limit                  int // 1..300
	TagID                  string
	PageToken              string
}

const timeFormat = "2006-01-02T15:04:05-07:00"

func (q Query) values() url.Values {
	v := url.Values{
		"range": {q.Range}, "entryStatus": {"completed"}, "includeTags": {"true"},
		"orderBy": {"updatedAt"}, "orderDirection": {"asc"},
		"includePastBizCards": {strconv.FormatBool(q.IncludePast)},
		"limit":               {strconv.Itoa(q.Limit)},
	}
	if q.TagID != "" {
		v.Set("tagId", q.TagID)
	} else {
		v.Set("updatedFrom", q.UpdatedFrom.Format(timeFormat))
		v.Set("updatedTo", q.UpdatedTo.Format(timeFormat))
	}
	if q.PageToken != "" {
		v.Set("nextPageToken", q.PageToken)
	}
	return v
}

// Page of cards. Stop on HasMore.
type Page struct {
	Cards     []Card
	HasMore   bool
	NextToken string
	Dropped   int // rows that were null or no objects
}

// Cards gets one page: GET /bizCards, or GET /bizCards/search for a tag.
func (c *Client) Cards(ctx context.Context, q Query) (Page, error) {
	path := "/bizCards"
	if q.TagID != "" {
		path = "/bizCards/search"
	}
	body, err := c.get(ctx, "cards", path, q.values())
	if err != nil {
		return Page{}, err
	}
	rows, page, err := pageOf(body)
	if err != nil {
		return Page{}, err
	}
	page.Cards = make([]Card, 0, len(rows))
	for _, raw := range rows {
		card, err := cardOf(raw)
		if err != nil {
			page.Dropped++
			continue
		}
		page.Cards = append(page.Cards, card)
	}
	return page, nil
}

// Card gets one card: GET /bizCards/{id}.
func (c *Client) Card(ctx context.Context, id string) (Card, error) {
	body, err := c.get(ctx, "card", "/bizCards/"+url.PathEscape(id), url.Values{"includeTags": {"true"}})
	if err != nil {
		return Card{}, err
	}
	card, err := cardOf(body)
	if err != nil {
		return Card{}, unreadable("the card is not an object")
	}
	return card, nil
}

// Tags gets every visible tag of a name; all tags when name is empty: GET /tags.
// Names are not unique.
func (c *Client) Tags(ctx context.Context, name string) ([]Tag, error) {
	var tags []Tag
	token := ""
	for seen := map[string]bool{}; ; {
		v := url.Values{"range": {"all"}, "limit": {"100"}}
		if name != "" {
			v.Set("tagName", name)
		}
		if token != "" {
			v.Set("nextPageToken", token)
		}
		body, err := c.get(ctx, "tags", "/tags", v)
		if err != nil {
			return nil, err
		}
		rows, page, err := pageOf(body)
		if err != nil {
			return nil, err
		}
		for _, raw := range rows {
			if tag, ok := tagOf(raw); ok {
				tags = append(tags, tag)
			}
		}
		token = page.NextToken
		if !page.HasMore || token == "" || seen[token] {
			return tags, nil
		}
		seen[token] = true
	}
}

func (c *Client) get(ctx context.Context, kind, path string, query url.Values) ([]byte, error) {
	u := *c.base
	u.Path += path
	u.RawQuery = query.Encode() // a + becomes %2B
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, errors.New("making the request")
	}
	req.Header = c.header.Clone()
	answer, err := c.call.Do(ctx, kind, req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &Error{Message: err.Error(), cause: err}
	}
	if answer.Status >= 200 && answer.Status < 300 {
		return answer.Body, nil
	}
	return nil, errorOf(answer)
}

// Error is what Sansan said, or what went wrong on the way (Status 0).
type Error struct {
	Status     int
	Code       string
	Message    string
	RetryAfter time.Duration
	cause      error
}

func (e *Error) Error() string {
	text := "sansan: "
	if e.Status != 0 {
		text += fmt.Sprintf("HTTP %d ", e.Status)
	}
	if e.Code != "" {
		text += e.Code + " "
	}
	return strings.TrimSpace(text + e.Message)
}

func (e *Error) Unwrap() error      { return e.cause }
func (e *Error) Unauthorized() bool { return e.Status == http.StatusUnauthorized }
func (e *Error) Forbidden() bool    { return e.Status == http.StatusForbidden }
func (e *Error) NotFound() bool     { return e.Status == http.StatusNotFound }
func (e *Error) BadRequest() bool   { return e.Status == http.StatusBadRequest }

// Temporary: the same request may succeed later.
func (e *Error) Temporary() bool {
	return e.Status == 0 || e.Status == http.StatusRequestTimeout || e.Status == http.StatusTooManyRequests ||
		e.Status >= 500 || e.Status >= 200 && e.Status < 300
}

func unreadable(what string) error { return &Error{Status: 200, Message: what} }

func errorOf(a *apicall.Answer) *Error {
	e := &Error{Status: a.Status}
	e.RetryAfter, _ = apicall.RetryHint(a.Header, a.Body, time.Now())
	var body struct {
		Message any
		Error   any
	}
	if json.Unmarshal(a.Body, &body) == nil {
		if text, ok := body.Message.(string); ok {
			e.Message = apicall.Say([]byte(text))
		}
		if list, ok := body.Error.([]any); ok && len(list) > 0 {
			if first, ok := list[0].(map[string]any); ok {
				code, _ := first["code"].(string)
				e.Code = apicall.Say([]byte(code))
			}
		}
	}
	if e.Message == "" && !bytes.HasPrefix(bytes.TrimSpace(a.Body), []byte("{")) {
		e.Message = apicall.Say(a.Body)
	}
	return e
}
