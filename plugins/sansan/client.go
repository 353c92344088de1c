// Package sansan is a client of the Sansan Open API: cards, tags, and who the
// key belongs to. It knows nothing of Connect.
//
// Source: Sansan Open API reference, https://docs.ap.sansan.com/ (v3.2, v6.0).
package sansan

import (
	"context"
	"errors"
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
	scrub  *strings.Replacer // of what a server may echo
	call   *apicall.Caller
}

// New makes a client. Errors never hold the key.
func New(conf Config) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(strings.TrimSpace(conf.BaseURL), "/"))
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, errors.New("base_url is not a URL such as https://api.sansan.com/v3.2")
	}
	// Keys come from files and environments, often with a line break at the end.
	key, app := strings.TrimSpace(conf.APIKey), strings.TrimSpace(conf.AppID)
	switch {
	case key == "":
		return nil, errors.New("api_key is empty")
	case !printable(key):
		return nil, errors.New("api_key holds characters that no key has")
	case !printable(app):
		return nil, errors.New("app_id holds characters that no app ID has")
	}
	c := &Client{base: base, header: http.Header{"X-Sansan-Api-Key": {key}, "Accept": {"application/json"}}}
	secrets := []string{key, "***"}
	if app != "" {
		c.header.Set("X-Sansan-App-Id", app)
		secrets = append(secrets, app, "***")
	}
	c.scrub = strings.NewReplacer(secrets...)
	c.call = apicall.New(conf.Call)
	return c, nil
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// Close gives up idle connections.
func (c *Client) Close() { c.call.Close() }

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
	for _, row := range rows {
		if card, ok := cardOf(row); ok {
			page.Cards = append(page.Cards, card)
		} else {
			page.Dropped++
		}
	}
	return page, nil
}

// Card gets one card: GET /bizCards/{id}.
func (c *Client) Card(ctx context.Context, id string) (Card, error) {
	if id == "" || !printable(id) || strings.ContainsAny(id, "/?#%.") {
		return Card{}, errors.New("this is not the id of a card")
	}
	body, err := c.get(ctx, "card", "/bizCards/"+id, url.Values{"includeTags": {"true"}})
	if err != nil {
		return Card{}, err
	}
	card, err := ParseCard(body)
	if err != nil || card.ID == "" {
		return Card{}, unreadable("the answer is not a card")
	}
	return card, nil
}

// maxTagPages is far more than anybody has; a list that goes on is astray.
const maxTagPages = 1000

// Tags gets every visible tag (タグ) of a name, all tags when name is empty:
// GET /tags. Names are not unique.
func (c *Client) Tags(ctx context.Context, name string) ([]Tag, error) {
	var tags []Tag
	seen := map[string]bool{}
	v := url.Values{"range": {"all"}, "limit": {"100"}}
	if name != "" {
		v.Set("tagName", name)
	}
	for range maxTagPages {
		body, err := c.get(ctx, "tags", "/tags", v)
		if err != nil {
			return nil, err
		}
		rows, page, err := pageOf(body)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if tag, ok := tagOf(row); ok {
				tags = append(tags, tag)
			}
		}
		if !page.HasMore {
			return tags, nil
		}
		if page.NextToken == "" || seen[page.NextToken] {
			break
		}
		seen[page.NextToken] = true
		v.Set("nextPageToken", page.NextToken)
	}
	return nil, unreadable("the list of tags does not come to an end")
}

func (c *Client) get(ctx context.Context, kind, path string, query url.Values) ([]byte, error) {
	u := *c.base
	u.Path += path
	u.RawPath = ""
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
	return nil, c.errorOf(answer)
}
