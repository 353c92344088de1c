package sansansim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sansansatori/tests/sansansim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// caller is the simplest client that can be: it knows nothing but HTTP.
type caller struct {
	t    *testing.T
	sim  *sansansim.Sim
	base string
	key  string
	http *http.Client
}

func start(t *testing.T, change func(*sansansim.Settings)) *caller {
	t.Helper()
	sim := sansansim.New()
	sim.Configure(func(s *sansansim.Settings) {
		s.PerSecond, s.PerMinute = 0, 0
		if change != nil {
			change(s)
		}
	})
	base, stop := sim.Start()
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() { client.CloseIdleConnections(); stop(); stop() })
	return &caller{t: t, sim: sim, base: base + "/v3.2", key: sansansim.Key, http: client}
}

type reply struct {
	Status int
	Header http.Header
	Body   string
	JSON   map[string]any
}

func (c *caller) try(path string, q url.Values) (reply, error) {
	c.t.Helper()
	target := c.base + path
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, target, nil)
	require.NoError(c.t, err)
	req.Header.Set("X-Sansan-Api-Key", c.key)
	res, err := c.http.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return reply{}, err
	}
	r := reply{Status: res.StatusCode, Header: res.Header, Body: string(b)}
	_ = json.Unmarshal(b, &r.JSON)
	return r, nil
}

func (c *caller) get(path string, q url.Values) reply {
	c.t.Helper()
	r, err := c.try(path, q)
	require.NoError(c.t, err)
	return r
}

func (c *caller) status(path string, q url.Values) int {
	c.t.Helper()
	return c.get(path, q).Status
}

// period is a query for everything; more are further parameters, name and value.
func period(more ...string) url.Values {
	return with(url.Values{"updatedFrom": {"2000-01-01T00:00:00+09:00"}, "updatedTo": {"2030-01-01T00:00:00+09:00"}, "range": {"all"}}, more...)
}

func with(q url.Values, more ...string) url.Values {
	for i := 0; i < len(more); i += 2 {
		q.Add(more[i], more[i+1])
	}
	return q
}

// pages reads a list to its end.
func (c *caller) pages(path string, q url.Values) (got []reply) {
	c.t.Helper()
	for {
		r := c.get(path, q)
		require.Equal(c.t, 200, r.Status, r.Body)
		got = append(got, r)
		if r.JSON["hasMore"] != true {
			return got
		}
		q.Set("nextPageToken", r.JSON["nextPageToken"].(string))
		require.Less(c.t, len(got), 5000)
	}
}

// ids reads a list to its end.
func (c *caller) ids(path string, q url.Values) (ids []string) {
	c.t.Helper()
	for _, r := range c.pages(path, q) {
		ids = append(ids, r.ids()...)
	}
	return ids
}

func (r reply) rows() []any { rows, _ := r.JSON["data"].([]any); return rows }

func (r reply) ids() (ids []string) {
	for _, row := range r.rows() {
		if m, ok := row.(map[string]any); ok {
			ids = append(ids, m["id"].(string))
		}
	}
	return ids
}

func card(id, updated string, more ...any) map[string]any {
	c := map[string]any{
		"id": id, "updatedTime": updated, "registeredTime": "2025-01-01T00:00:00+09:00", "lastName": "山田", "firstName": "太郎",
		"owner": map[string]any{"id": "suzuki", "name": "鈴木一郎", "email": "suzuki@example.com"},
	}
	for i := 0; i < len(more); i += 2 {
		c[more[i].(string)] = more[i+1]
	}
	return c
}

func owner(id string) map[string]any { return map[string]any{"id": id, "name": id, "email": nil} }

const (
	t1 = "2026-01-01T10:00:01+09:00"
	t2 = "2026-01-01T10:00:02+09:00"
	t3 = "2026-01-01T10:00:03+09:00"
	t4 = "2026-01-01T10:00:04+09:00"
)
