package sansansim_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/tests/sansansim"
)

// browser follows redirects and sends forms, under a prefix: the pages must not care where they stand.
type browser struct {
	t    *testing.T
	base string
	http *http.Client
}

func (b *browser) do(method, path string, form url.Values, header ...string) (int, string, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, strings.NewReader(form.Encode()))
	require.NoError(b.t, err)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := b.http.Do(req)
	require.NoError(b.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(b.t, err)
	return res.StatusCode, string(body), res.Request.URL.Path
}

func browse(t *testing.T) (*browser, *sansansim.Sim) {
	sim := sansansim.New()
	now := time.Date(2026, 5, 5, 12, 0, 0, 0, time.UTC)
	sim.Configure(func(s *sansansim.Settings) { s.Now = func() time.Time { return now } })
	srv := httptest.NewServer(http.StripPrefix("/sansan", sim))
	t.Cleanup(srv.Close)
	return &browser{t, srv.URL + "/sansan", srv.Client()}, sim
}

func TestListPage(t *testing.T) {
	b, sim := browse(t)
	_, body, _ := b.do("GET", "/", nil)
	require.Contains(t, body, "該当なし")
	sim.LoadSample(120, 1)
	sim.Put(card("EVIL", "2027-01-01T00:00:00+09:00", "companyName", `<script>alert("x")</script>`, "lastName", "検索先"))
	_, body, _ = b.do("GET", "/", nil)
	require.Contains(t, body, "1–50 / 121 件")
	require.Contains(t, body, `&lt;script&gt;`)
	require.NotContains(t, body, "<script")
	_, body, _ = b.do("GET", "/?page=3", nil)
	require.Contains(t, body, "101–121 / 121 件")
	require.NotContains(t, body, "Next")
	_, body, _ = b.do("GET", "/?q="+url.QueryEscape("検索先"), nil)
	require.Contains(t, body, "1–1 / 1 件")
	_, body, _ = b.do("GET", "/?page=99", nil)
	require.Contains(t, body, "121")
}

func TestCardPage(t *testing.T) {
	b, sim := browse(t)
	sim.LoadSample(50, 1)
	sim.Put(card("A", t1, "memo", "一\n二", "email", nil, "title", 7))
	before := sim.Card("A")
	status, body, _ := b.do("GET", "/cards/A", nil)
	require.Equal(t, 200, status)
	require.Contains(t, body, `name="lastName" value="山田"`)
	require.Contains(t, body, "Tags <b>12</b>")
	require.Contains(t, body, "＋ 展示会2026")

	same := url.Values{"lastName": {"山田"}, "memo": {"一\r\n二"}, "email": {""}, "title": {"7"}, "owner": {"suzuki"}, "entryStatus": {"completed"}}
	status, body, path := b.do("POST", "/cards/A", same)
	require.Equal(t, 200, status)
	require.Equal(t, "/sansan/cards/A", path)
	require.Contains(t, body, "保存しました")
	require.Equal(t, before, sim.Card("A"), "saving without a change changes nothing")

	b.do("POST", "/cards/A", url.Values{"lastName": {"田中"}, "memo": {""}, "owner": {"kobayashi"}, "past": {"1"}})
	after := sim.Card("A")
	require.Equal(t, "田中", after["lastName"])
	require.Nil(t, after["memo"])
	require.Equal(t, "kobayashi", after["owner"].(map[string]any)["id"])
	require.Equal(t, "2026-05-05T21:00:00+09:00", after["updatedTime"])

	tag := sim.Tags()[0].ID
	_, _, path = b.do("POST", "/cards/A/tags", url.Values{"tag": {tag}, "do": {"add"}})
	require.Equal(t, "/sansan/cards/A", path)
	b.do("POST", "/cards/A/tags", url.Values{"name": {"新タグ"}})
	require.Len(t, sim.Card("A")["tags"], 2)
	b.do("POST", "/cards/A/tags", url.Values{"tag": {tag}, "do": {"remove"}})
	require.Equal(t, "新タグ", sim.Card("A")["tags"].([]any)[0].(map[string]any)["name"])

	_, _, path = b.do("POST", "/cards/A/delete", nil)
	require.Equal(t, "/sansan/", path)
	require.Nil(t, sim.Card("A"))

	status, _, _ = b.do("GET", "/cards/new", nil)
	require.Equal(t, 200, status)
	_, _, path = b.do("POST", "/cards/new", url.Values{"lastName": {"新人"}, "owner": {"suzuki"}, "entryStatus": {"completed"}})
	created := sim.Card(strings.TrimPrefix(path, "/sansan/cards/"))
	require.Equal(t, "新人", created["lastName"])
	require.Equal(t, "2026-05-05", created["exchangeDate"])
}

func TestPagesRefuse(t *testing.T) {
	b, sim := browse(t)
	sim.Put(card("A", t1))
	for path, want := range map[string]int{"/cards/NONE": 404, "/elsewhere": 404} {
		got, _, _ := b.do("GET", path, nil)
		require.Equal(t, want, got)
	}
	for _, path := range []string{"/cards/NONE", "/cards/NONE/tags", "/cards/NONE/delete", "/cards/A/tags"} {
		got, _, _ := b.do("POST", path, url.Values{"lastName": {"x"}})
		require.Equal(t, 404, got, path)
	}
	got, _, _ := b.do("POST", "/cards/A/delete", nil, "Sec-Fetch-Site", "cross-site")
	require.Equal(t, 403, got, "another site's form")
	require.NotNil(t, sim.Card("A"))
}
