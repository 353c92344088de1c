package sansaninput

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/redpanda-data/benthos/v4/public/components/pure"
	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sansansatori/plugins/oneshot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const canary = "CanaryKey0123456789abcdefCANARY0"

var day = time.Date(2026, 4, 1, 0, 0, 0, 0, time.FixedZone("", 9*60*60))

type fakeCard struct {
	id             string
	at, registered time.Time
	owner          string // id, name and the first part of the e-mail
	tags           []string
}

func (c fakeCard) MarshalJSON() ([]byte, error) {
	tags := []any{}
	for _, id := range c.tags {
		tags = append(tags, map[string]any{"id": id, "name": "tag " + id})
	}
	return json.Marshal(map[string]any{
		"id": c.id, "updatedTime": c.at.Format(time.RFC3339), "registeredTime": c.registered.Format(time.RFC3339),
		"owner": map[string]any{"id": c.owner, "name": c.owner + " 一郎", "email": c.owner + "@example.com"}, "tags": tags,
	})
}

// fake Sansan. A token is a number in the list as it is now.
type fake struct {
	url string

	mu        sync.Mutex
	cards     []fakeCard
	tags      [][2]string // id, name
	exclusive bool        // bounds
	byName    bool        // lists are in the order of registration
	longest   time.Duration
	asked     []url.Values
	// control may answer a request for cards itself, the n-th from 1; status 0 lets the fake answer.
	control func(n int, r *http.Request) (status int, body string)
	// spoil changes an answer.
	spoil func(url.Values, map[string]any)
	// me answers /me.
	me int
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{me: http.StatusOK}
	s := httptest.NewServer(f)
	f.url = s.URL
	t.Cleanup(s.Close)
	return f
}

// deal n cards, a minute apart, whose order of registration differs.
func (f *fake) deal(n int) []string {
	var ids []string
	for i := range n {
		c := fakeCard{id: fmt.Sprintf("%032X", i+1), at: day.Add(time.Duration(i) * time.Minute), owner: "suzuki"}
		c.registered = c.at.Add(-time.Duration(i%2) * 24 * time.Hour)
		f.cards = append(f.cards, c)
		ids = append(ids, c.id)
	}
	return ids
}

// touch changes a card now.
func (f *fake) touch(id string, change func(*fakeCard)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.cards, func(c fakeCard) bool { return c.id == id })
	change(&f.cards[i])
}

func (f *fake) questions() []url.Values {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	q := r.URL.Query()
	status, body := http.StatusNotFound, ""
	var control func(int, *http.Request) (int, string)
	number := 0
	switch r.URL.Path {
	case "/v3.2/me":
		status, body = f.me, "{}"
	case "/v3.2/tags":
		status, body = 200, f.tagPage(q)
	case "/v3.2/bizCards", "/v3.2/bizCards/search":
		f.asked = append(f.asked, q)
		number, control = len(f.asked), f.control
		status, body = f.page(q)
	}
	f.mu.Unlock()
	if control != nil {
		if s, b := control(number, r); s != 0 {
			status, body = s, b
		}
	}
	if status < 0 {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

func (f *fake) tagPage(q url.Values) string {
	rows := []any{}
	for _, t := range f.tags {
		if name := q.Get("tagName"); name == "" || name == t[1] {
			rows = append(rows, map[string]any{"id": t[0], "name": t[1]})
		}
	}
	body, _ := json.Marshal(map[string]any{"data": rows, "hasMore": false})
	return string(body)
}

func (f *fake) page(q url.Values) (int, string) {
	list := slices.Clone(f.cards)
	slices.SortStableFunc(list, func(a, b fakeCard) int {
		if f.byName {
			return a.registered.Compare(b.registered)
		}
		return a.at.Compare(b.at)
	})
	if id := q.Get("tagId"); id != "" {
		list = slices.DeleteFunc(list, func(c fakeCard) bool { return !slices.Contains(c.tags, id) })
	} else {
		from, err1 := time.Parse(time.RFC3339, q.Get("updatedFrom"))
		to, err2 := time.Parse(time.RFC3339, q.Get("updatedTo"))
		if err1 != nil || err2 != nil || to.Before(from) || f.longest > 0 && to.Sub(from) > f.longest {
			return 400, `{"message":"bad period"}`
		}
		list = slices.DeleteFunc(list, func(c fakeCard) bool {
			if f.exclusive && (c.at.Equal(from) || c.at.Equal(to)) {
				return true
			}
			return c.at.Before(from) || c.at.After(to)
		})
	}
	offset, _ := strconv.Atoi(q.Get("nextPageToken"))
	limit, _ := strconv.Atoi(q.Get("limit"))
	list = list[min(offset, len(list)):]
	answer := map[string]any{"data": list[:min(limit, len(list))], "hasMore": len(list) > limit, "nextPageToken": nil}
	if len(list) > limit {
		answer["nextPageToken"] = strconv.Itoa(offset + limit)
	}
	if f.spoil != nil {
		f.spoil(q, answer)
	}
	body, _ := json.Marshal(answer)
	return 200, string(body)
}

// kept is what outlives a process: the content of the cursor's cache.
type kept struct {
	mu     sync.Mutex
	values map[string][]byte
	writes int
	getErr func() error
	setErr func() error
}

func (k *kept) Get(_ context.Context, key string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.getErr != nil {
		if err := k.getErr(); err != nil {
			return nil, err
		}
	}
	v, ok := k.values[key]
	if !ok {
		return nil, service.ErrKeyNotFound
	}
	return v, nil
}

func (k *kept) Set(_ context.Context, key string, value []byte, _ *time.Duration) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.setErr != nil {
		if err := k.setErr(); err != nil {
			return err
		}
	}
	k.values[key] = value
	k.writes++
	return nil
}

func (k *kept) Add(ctx context.Context, key string, value []byte, ttl *time.Duration) error {
	return errors.New("not used")
}
func (k *kept) Delete(context.Context, string) error { return errors.New("not used") }
func (k *kept) Close(context.Context) error          { return nil }

func (k *kept) put(value string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.values["sansan_cursor"] = []byte(value)
}

func (k *kept) cursor(t *testing.T) (cur cursor) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.values["sansan_cursor"] == nil {
		return
	}
	require.NoError(t, json.Unmarshal(k.values["sansan_cursor"], &cur))
	return
}

// recorder keeps metrics, as name{label values}.
type recorder struct {
	mu     sync.Mutex
	values map[string]int64
}

type recorded struct {
	r    *recorder
	name string
	add  bool
}

func (v recorded) put(n int64) {
	v.r.mu.Lock()
	defer v.r.mu.Unlock()
	if v.add {
		n += v.r.values[v.name]
	}
	v.r.values[v.name] = n
}
func (v recorded) Incr(n int64)   { v.put(n) }
func (v recorded) Timing(int64)   { v.put(1) }
func (v recorded) Set(n int64)    { v.put(n) }
func (r *recorder) all() []string { return r.matching("") }
func (r *recorder) matching(prefix string) (got []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range slices.Sorted(maps.Keys(r.values)) {
		if strings.HasPrefix(k, prefix) {
			got = append(got, fmt.Sprintf("%s %d", k, r.values[k]))
		}
	}
	return got
}

func (r *recorder) ctor(name string, add bool) func(...string) recorded {
	return func(labels ...string) recorded {
		return recorded{r, name + "{" + strings.Join(labels, ",") + "}", add}
	}
}

func (r *recorder) NewCounterCtor(name string, _ ...string) service.MetricsExporterCounterCtor {
	return func(l ...string) service.MetricsExporterCounter { return r.ctor(name, true)(l...) }
}

func (r *recorder) NewTimerCtor(name string, _ ...string) service.MetricsExporterTimerCtor {
	return func(l ...string) service.MetricsExporterTimer { return r.ctor(name, true)(l...) }
}

func (r *recorder) NewGaugeCtor(name string, _ ...string) service.MetricsExporterGaugeCtor {
	return func(l ...string) service.MetricsExporterGauge { return r.ctor(name, false)(l...) }
}
func (r *recorder) Close(context.Context) error { return nil }

// safeBuffer takes log lines from any goroutine.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// world is Sansan, what is kept, and what a process says.
type world struct {
	*fake
	kept    *kept
	log     *safeBuffer
	metrics *recorder
	waited  int // at the rate limit resource
}

func newWorld(t *testing.T) *world {
	t.Helper()
	oneshot.Reset()
	t.Cleanup(oneshot.Reset)
	w := &world{fake: newFake(t), kept: &kept{values: map[string][]byte{}}, log: &safeBuffer{}, metrics: &recorder{values: map[string]int64{}}}
	t.Cleanup(func() { require.NotContains(t, w.log.String(), canary) })
	return w
}

func (w *world) resources(t *testing.T) *service.Resources {
	t.Helper()
	env := service.NewEnvironment()
	empty := service.NewConfigSpec()
	require.NoError(t, env.RegisterCache("kept", empty, func(*service.ParsedConfig, *service.Resources) (service.Cache, error) { return w.kept, nil }))
	require.NoError(t, env.RegisterRateLimit("counted", empty, func(*service.ParsedConfig, *service.Resources) (service.RateLimit, error) { return w, nil }))
	require.NoError(t, env.RegisterMetricsExporter("recorder", empty, func(*service.ParsedConfig, *service.Logger) (service.MetricsExporter, error) { return w.metrics, nil }))
	rb := env.NewResourceBuilder()
	rb.DisableLinting()
	rb.SetLogger(slog.New(slog.NewTextHandler(w.log, nil)))
	require.NoError(t, rb.SetMetricsYAML("recorder: {}"))
	require.NoError(t, rb.AddCacheYAML("label: cursor\nkept: {}"))
	require.NoError(t, rb.AddRateLimitYAML("label: limit\ncounted: {}"))
	res, stop, err := rb.Build()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stop(context.Background())) })
	return res
}

// Access makes the world a rate limit: every second request has to wait.
func (w *world) Access(context.Context) (time.Duration, error) {
	w.waited++
	return time.Duration(w.waited%2) * time.Millisecond, nil
}
func (w *world) Close(context.Context) error { return nil }

func (w *world) yaml(more string) string {
	conf := map[string]string{
		"base_url": w.url + "/v3.2", "api_key": canary, "schedule": "once", "page_size": "10", "requests_per_second": "100000",
		"checkpoint_cache": "cursor", "backoff": "{ initial_interval: 1ms, max_interval: 5ms }",
	}
	for line := range strings.Lines(more) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			conf[k] = v
		}
	}
	var b strings.Builder
	for k, v := range conf {
		fmt.Fprintf(&b, "%s: %s\n", k, v)
	}
	return b.String()
}

// input as configured, with more lines of YAML.
func (w *world) input(t *testing.T, more string) *Input {
	t.Helper()
	parsed, err := inputSpec().ParseYAML(w.yaml(more), nil)
	require.NoError(t, err)
	conf, err := configFromParsed(parsed)
	require.NoError(t, err)
	in, err := newInput(conf, w.resources(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, in.Close(context.Background())) })
	return in
}

func connected(t *testing.T, in *Input) *Input {
	t.Helper()
	require.NoError(t, in.Connect(t.Context()))
	return in
}

type page struct {
	ids  []string
	at   []string // sansan_sequence
	batc service.MessageBatch
	ack  func()
}

func read(t *testing.T, in *Input) (page, error) {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), 20*time.Second)
	defer done()
	batch, ack, err := in.ReadBatch(ctx)
	if err != nil {
		return page{}, err
	}
	p := page{batc: batch, ack: func() { require.NoError(t, ack(t.Context(), nil)) }}
	for _, m := range batch {
		id, _ := m.MetaGet("sansan_card_id")
		p.ids = append(p.ids, id)
	}
	return p, nil
}

// pages reads to the end without acknowledging.
func pages(t *testing.T, in *Input) (got []page) {
	t.Helper()
	for {
		p, err := read(t, in)
		if errors.Is(err, service.ErrEndOfInput) {
			return got
		}
		require.NoError(t, err)
		got = append(got, p)
	}
}

// all reads to the end, acknowledging each page, and gives the ids.
func all(t *testing.T, in *Input) (ids []string) {
	t.Helper()
	for {
		p, err := read(t, in)
		if errors.Is(err, service.ErrEndOfInput) {
			return ids
		}
		require.NoError(t, err)
		ids = append(ids, p.ids...)
		p.ack()
	}
}
