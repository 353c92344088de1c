package sansan

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNewRefusesWhatCannotWork(t *testing.T) {
	for name, test := range map[string]struct{ base, key, app, want string }{
		"no host":        {base: "api.sansan.com/v3.2", key: "k", want: "base_url is not a URL such as https://api.sansan.com/v3.2"},
		"another scheme": {base: "ftp://api.sansan.com", key: "k", want: "base_url is not a URL such as https://api.sansan.com/v3.2"},
		"broken":         {base: "https://a b", key: "k", want: "base_url is not a URL such as https://api.sansan.com/v3.2"},
		"no key":         {base: "https://api.sansan.com/v3.2", key: " \n", want: "api_key is empty"},
		"a broken key":   {base: "https://api.sansan.com/v3.2", key: "a\nb", want: "api_key holds characters that no key has"},
		"a broken app":   {base: "https://api.sansan.com/v3.2", key: "a", app: "あ", want: "app_id holds characters that no app ID has"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(Config{BaseURL: test.base, APIKey: test.key, AppID: test.app})
			require.EqualError(t, err, test.want)
		})
	}
}

func TestCardsAsksAsDocumented(t *testing.T) {
	japan := time.FixedZone("", 9*60*60)
	period := Query{
		UpdatedFrom: time.Date(2000, 1, 1, 0, 0, 0, 999, japan), UpdatedTo: time.Date(2026, 11, 2, 3, 4, 5, 678, japan),
		Range: "all", Limit: 300,
	}
	token, tag, past := period, period, period
	token.PageToken = "p+a/b="
	tag.TagID = "C0FFEE"
	past.IncludePast, past.Range, past.Limit = true, "me", 1
	const common = "entryStatus=completed&includePastBizCards=false&includeTags=true&limit=300&"
	const bounds = "&updatedFrom=2000-01-01T00%3A00%3A00%2B09%3A00&updatedTo=2026-11-02T03%3A04%3A05%2B09%3A00"
	for name, test := range map[string]struct {
		query      Query
		path, want string
	}{
		"a period":      {period, "/v3.2/bizCards", common + "orderBy=updatedAt&orderDirection=asc&range=all" + bounds},
		"the next page": {token, "/v3.2/bizCards", common + "nextPageToken=p%2Ba%2Fb%3D&orderBy=updatedAt&orderDirection=asc&range=all" + bounds},
		"a tag":         {tag, "/v3.2/bizCards/search", common + "orderBy=updatedAt&orderDirection=asc&range=all&tagId=C0FFEE"},
		"past cards": {
			past, "/v3.2/bizCards",
			"entryStatus=completed&includePastBizCards=true&includeTags=true&limit=1&orderBy=updatedAt&orderDirection=asc&range=me" + bounds,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got *http.Request
			c := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
				got = r
				fmt.Fprint(w, `{"data":[],"hasMore":false}`)
			})
			_, err := c.Cards(t.Context(), test.query)
			require.NoError(t, err)
			require.Equal(t, http.MethodGet, got.Method)
			require.Equal(t, test.path, got.URL.Path)
			require.Equal(t, test.want, got.URL.RawQuery)
			require.Equal(t, []string{canary}, got.Header["X-Sansan-Api-Key"])
			require.Equal(t, []string{"app-7"}, got.Header["X-Sansan-App-Id"])
		})
	}
}

func TestErrorsSayWhatSansanSaid(t *testing.T) {
	type judged struct{ unauthorized, forbidden, notFound, badRequest, temporary bool }
	for name, test := range map[string]struct {
		status int
		body   string
		want   string
		is     judged
	}{
		"documented":        {400, `{"statusCode":400,"message":"limit is wrong","error":[{"code":"INVALID"}]}`, "sansan: HTTP 400 INVALID limit is wrong", judged{badRequest: true}},
		"other JSON":        {400, `{"title":"Bad","detail":"limit is wrong"}`, "sansan: HTTP 400 limit is wrong", judged{badRequest: true}},
		"error is text":     {400, `{"error":"limit"}`, "sansan: HTTP 400 limit", judged{badRequest: true}},
		"error is object":   {400, `{"error":{"code":7,"message":"limit"}}`, "sansan: HTTP 400 7 limit", judged{badRequest: true}},
		"wrong types":       {400, `{"message":{"a":1},"error":7}`, "sansan: HTTP 400 7", judged{badRequest: true}},
		"a list":            {404, `[1]`, "sansan: HTTP 404 not found", judged{notFound: true}},
		"HTML":              {502, "<html><h1>Bad\r\ngateway</h1></html>", "sansan: HTTP 502 Bad gateway", judged{temporary: true}},
		"empty":             {503, "", "sansan: HTTP 503", judged{temporary: true}},
		"too many":          {429, "{}", "sansan: HTTP 429 too many requests", judged{temporary: true}},
		"the key is echoed": {401, `{"message":"no such key: ` + canary + `"}`, "sansan: HTTP 401 no such key: ***", judged{unauthorized: true}},
		"echoed in HTML":    {403, "<p>" + canary + " app-7</p>", "sansan: HTTP 403 *** ***", judged{forbidden: true}},
		"a redirect":        {302, "", "sansan: HTTP 302", judged{}},
		"another refusal":   {410, "", "sansan: HTTP 410", judged{}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := saying(t, test.status, test.body).Cards(t.Context(), Query{})
			require.EqualError(t, err, test.want)
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, test.is, judged{e.Unauthorized(), e.Forbidden(), e.NotFound(), e.BadRequest(), e.Temporary()})
		})
	}
}

func TestAnAnswerThatIsNoPageIsTemporary(t *testing.T) {
	for name, body := range map[string]string{
		"HTML": "<html>Login</html>", "empty": "", "cut": `{"data":[{"id":"A"}`, "a list": `[]`, "null": `null`,
		"no list": `{"hasMore":false}`, "an object for the list": `{"data":{},"hasMore":false}`, "an error with 200": `{"statusCode":500,"message":"x"}`,
		"two answers": `{"data":[]}{"data":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := saying(t, 200, body).Cards(t.Context(), Query{})
			var e *Error
			require.ErrorAs(t, err, &e)
			require.True(t, e.Temporary())
		})
	}
}

func TestRetryAfterReachesTheCaller(t *testing.T) {
	c := clientOf(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "12")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	var e *Error
	require.ErrorAs(t, c.Me(t.Context()), &e)
	require.Equal(t, 12*time.Second, e.RetryAfter)
}

func TestTransportTroubleIsTemporaryAndHidesTheQuery(t *testing.T) {
	c, err := New(Config{BaseURL: "http://127.0.0.1:1/" + canary, APIKey: canary})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	_, err = c.Cards(t.Context(), Query{PageToken: canary})
	var e *Error
	require.ErrorAs(t, err, &e)
	require.True(t, e.Temporary())
	require.EqualError(t, err, "sansan: cards: dial tcp 127.0.0.1:1: connect: connection refused")
}

func TestMe(t *testing.T) {
	require.NoError(t, saying(t, 200, `{"id":"suzuki"}`).Me(t.Context()))
	require.NoError(t, saying(t, 404, "").Me(t.Context()), "v6.0 may not have it")
	require.Error(t, saying(t, 401, "").Me(t.Context()))
	require.Error(t, saying(t, 500, "").Me(t.Context()))
}

func TestTagsReadsEveryPage(t *testing.T) {
	var asked []url.Values
	c := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query())
		if r.URL.Query().Get("nextPageToken") == "" {
			fmt.Fprint(w, `{"data":[{"id":"A","name":"展示会","type":"public"},null,{"name":"without id"},7],"hasMore":true,"nextPageToken":"t+1"}`)
			return
		}
		fmt.Fprint(w, `{"data":[{"Id":"B","name":"展示会","type":"share","owner":null}],"hasMore":false,"nextPageToken":null}`)
	})
	tags, err := c.Tags(t.Context(), "展示会")
	require.NoError(t, err)
	require.Equal(t, []Tag{{"A", "展示会", "public"}, {"B", "展示会", "share"}}, tags)
	require.Equal(t, []url.Values{
		{"range": {"all"}, "limit": {"100"}, "tagName": {"展示会"}},
		{"range": {"all"}, "limit": {"100"}, "tagName": {"展示会"}, "nextPageToken": {"t+1"}},
	}, asked)
}

func TestTagsThatDoNotEndAreAnError(t *testing.T) {
	for name, body := range map[string]string{
		"the token repeats": `{"data":[],"hasMore":true,"nextPageToken":"same"}`,
		"no token":          `{"data":[],"hasMore":true}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := saying(t, 200, body).Tags(t.Context(), "")
			require.EqualError(t, err, "sansan: HTTP 200 the list of tags does not come to an end")
		})
	}
}

func TestCard(t *testing.T) {
	for name, body := range map[string]string{
		"bare": `{"id":"A","updatedTime":"2026-04-02T09:00:00+09:00"}`,
		"item": `{"item":{"id":"A","updatedTime":"2026-04-02T09:00:00+09:00"}}`,
		"data": `{"data":{"Id":"A","updatedTime":"2026-04-02T09:00:00+09:00"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			card, err := saying(t, 200, body).Card(t.Context(), "A")
			require.NoError(t, err)
			require.Equal(t, "A", card.ID)
			require.Equal(t, 2026, card.UpdatedTime.Year())
			require.Contains(t, card.Content, "updatedTime")
		})
	}
	_, err := saying(t, 200, `{"data":[]}`).Card(t.Context(), "A")
	require.EqualError(t, err, "sansan: HTTP 200 the answer is not a card")
	_, err = saying(t, 404, "").Card(t.Context(), "A")
	var e *Error
	require.True(t, errors.As(err, &e) && e.NotFound())
	for _, id := range []string{"", "../me", "a b", "a?b", "..", "%2e"} {
		_, err = saying(t, 200, `{"id":"A"}`).Card(t.Context(), id)
		require.EqualError(t, err, "this is not the id of a card")
	}
}
