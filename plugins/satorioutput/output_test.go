package satorioutput

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sansansatori/plugins/ledger"
	"sansansatori/plugins/oneshot"
	"sansansatori/tests/satorisim"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

const keepNewer = `root = match {
  this.existing == null => "register",
  this.existing."custom:exchange_date" == null => "upsert",
  this.incoming."custom:exchange_date".or("") >= this.existing."custom:exchange_date" => "upsert",
  _ => "skip",
}`

// bench is an output over a simulated SATORI and a ledger of its own.
type bench struct {
	t      *testing.T
	satori *satorisim.Sim
	url    string
	ledger string
	extra  string // more lines of configuration
}

func newBench(t *testing.T, change func(*satorisim.Settings)) *bench {
	settings := satorisim.Defaults()
	if change != nil {
		change(&settings)
	}
	b := &bench{t: t, satori: satorisim.New(settings), ledger: filepath.Join(t.TempDir(), "ledger.db")}
	var stop func()
	b.url, stop = b.satori.Start()
	t.Cleanup(stop)
	return b
}

func (b *bench) config() config {
	keys := b.satori.Keys()
	p, err := outputSpec().ParseYAML(fmt.Sprintf(`
base_url: %s
user_key: %s
user_secret: %s
company_key: %s
company_secret: %s
fields:
  last_name: writable
  position: writable
  address: writable
  append_tags: writable
  collection_route: writable
  custom:exchange_date: readable_writable
overwrite: |
  %s
ledger: {dsn: "%s"}
linger: 10ms
poll_interval: 20ms
requests_per_second: 10000
backoff: {initial_interval: 1ms, max_interval: 20ms}
%s`, b.url, keys.UserKey, keys.UserSecret, keys.CompanyKey, keys.CompanySecret,
		strings.ReplaceAll(keepNewer, "\n", "\n  "), b.ledger, b.extra), nil)
	require.NoError(b.t, err)
	conf, err := configFromParsed(p)
	require.NoError(b.t, err)
	return conf
}

// open gives a connected output that closes with the test.
func (b *bench) open() *Output {
	out, err := newOutput(b.config(), service.MockResources())
	require.NoError(b.t, err)
	b.t.Cleanup(func() { _ = out.Close(context.Background()) })
	require.NoError(b.t, out.Connect(b.t.Context()))
	return out
}

// customer makes a message; items come as name, value.
func customer(id, email, updated string, items ...string) *service.Message {
	content := map[string]any{"email": email, "collection_route": "Sansan"}
	for i := 0; i+1 < len(items); i += 2 {
		if items[i] == "append_tags" {
			content[items[i]] = []any{items[i+1]}
		} else {
			content[items[i]] = items[i+1]
		}
	}
	m := service.NewMessage(nil)
	m.SetStructuredMut(content)
	m.MetaSetMut(metaCardID, id)
	m.MetaSetMut(metaUpdatedTime, updated)
	return m
}

func many(n int) (batch service.MessageBatch) {
	for i := range n {
		batch = append(batch, customer(fmt.Sprint(i), fmt.Sprintf("p%d@example.com", i), "2026-04-01T09:00:00+09:00", "last_name", fmt.Sprint("N", i)))
	}
	return
}

// failures gives each message's error by its index.
func failures(t *testing.T, err error, batch service.MessageBatch) map[int]string {
	t.Helper()
	got := map[int]string{}
	if err == nil {
		return got
	}
	var batchErr *service.BatchError
	require.ErrorAs(t, err, &batchErr)
	batchErr.WalkMessages(func(i int, _ *service.Message, err error) bool { //nolint:staticcheck // the batch is as it was
		if err != nil {
			got[i] = err.Error()
		}
		return true
	})
	return got
}

func TestEachMessageHasItsOwnResult(t *testing.T) {
	for name, n := range map[string]int{"single calls": 5, "bulk": 40} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(s *satorisim.Settings) {
				s.RejectRow = func(email string) string {
					if email == "p2@example.com" {
						return "telephone number is not valid"
					}
					return ""
				}
			})
			batch := many(n)
			batch = append(batch,
				customer("no", "", "", "last_name", "X"),
				customer("bad", "nobody", "", "last_name", "X"),
				customer("ng", "ng@example.com", "", "memo", "x"),
			)
			got := failures(t, b.open().WriteBatch(t.Context(), batch), batch)
			require.Len(t, got, 2, "%v", got)
			require.Equal(t, "satori: invalid: telephone number is not valid", got[2])
			require.Contains(t, got[n+2], "memo")
			require.Contains(t, got[n+2], "not linked")
			require.Equal(t, n-1, b.satori.Len())
		})
	}
}

func TestTransientTroubleIsWaitedOut(t *testing.T) {
	for name, fault := range map[string]satorisim.Control{
		"429 without a hint":       satorisim.Fault429(satorisim.Hint{}),
		"503":                      satorisim.FaultStatus(503),
		"HTML":                     satorisim.FaultHTML(),
		"truncated":                satorisim.FaultTruncated(),
		"reset before":             satorisim.FaultReset(satorisim.Before),
		"reset after":              satorisim.FaultReset(satorisim.After),
		"applied, the answer lost": satorisim.FaultAnswerLost(),
	} {
		for _, n := range []int{3, 30} {
			t.Run(fmt.Sprint(name, " ", n), func(t *testing.T) {
				b := newBench(t, nil)
				b.satori.Control(satorisim.Any, satorisim.Skip(1, satorisim.Times(2, fault)))
				batch := many(n)
				require.NoError(t, b.open().WriteBatch(t.Context(), batch))
				require.Equal(t, n, b.satori.Len())
			})
		}
	}
}

func TestJobsWhoseOutcomeIsNotLearnt(t *testing.T) {
	t.Run("the status expires", func(t *testing.T) {
		b := newBench(t, nil)
		b.satori.Control(satorisim.Status, satorisim.Skip(1, satorisim.Times(1, satorisim.FaultStatus(404))))
		require.NoError(t, b.open().WriteBatch(t.Context(), many(20)))
		require.Equal(t, 20, b.satori.Len())
	})
	t.Run("the status always expires", func(t *testing.T) {
		b := newBench(t, nil)
		b.satori.Control(satorisim.Status, satorisim.FaultStatus(404))
		batch := many(20)
		require.Len(t, failures(t, b.open().WriteBatch(t.Context(), batch), batch), 20)
	})
	t.Run("a job never finishes", func(t *testing.T) {
		b := newBench(t, func(s *satorisim.Settings) { s.JobNever = true; s.Jobs = satorisim.Parallel })
		b.extra = "job_timeout: 100ms"
		out := b.open()
		done := make(chan error, 1)
		go func() { done <- out.WriteBatch(t.Context(), many(20)) }()
		require.Eventually(t, func() bool { return len(b.satori.Jobs()) > 1 }, 10*time.Second, time.Millisecond)
		b.satori.Change(func(s *satorisim.Settings) { s.JobNever = false })
		require.NoError(t, <-done)
		require.Equal(t, 20, b.satori.Len())
	})
}

func TestOneBadRowOfARefusedRequestIsFound(t *testing.T) {
	b := newBench(t, func(s *satorisim.Settings) {
		s.BadRow = satorisim.RefuseRequest
		s.RejectRow = func(email string) string {
			if email == "p17@example.com" {
				return "no"
			}
			return ""
		}
	})
	batch := many(64)
	got := failures(t, b.open().WriteBatch(t.Context(), batch), batch)
	require.Len(t, got, 1)
	require.Contains(t, got, 17)
	require.Equal(t, 63, b.satori.Len())
}

func TestARefusalOfEverythingIsNotAskedForEachRow(t *testing.T) {
	b := newBench(t, func(s *satorisim.Settings) {
		s.BadRow = satorisim.RefuseRequest
		s.RejectRow = func(string) string { return "no" }
	})
	batch := many(2000)
	require.Len(t, failures(t, b.open().WriteBatch(t.Context(), batch), batch), 2000)
	require.Less(t, len(b.satori.Requests()), 60)
}

func TestRefusedKeysStopEverything(t *testing.T) {
	oneshot.Reset()
	b := newBench(t, nil)
	out := b.open()
	b.satori.Change(func(s *satorisim.Settings) { s.Keys.UserKey = "another" })
	require.ErrorIs(t, out.WriteBatch(t.Context(), many(20)), service.ErrNotConnected, "nothing is refused: it waits")
	err := out.Connect(t.Context())
	require.ErrorContains(t, err, "SATORI refuses the keys")
	b.satori.Change(func(s *satorisim.Settings) { s.Keys.UserKey = satorisim.Defaults().Keys.UserKey })
	require.Eventually(t, func() bool { return out.Connect(t.Context()) == nil }, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, out.WriteBatch(t.Context(), many(20)))
}

func TestARunAskedForOnceEndsOverRefusedKeys(t *testing.T) {
	oneshot.Reset()
	t.Cleanup(oneshot.Reset)
	oneshot.Arm()
	b := newBench(t, nil)
	out := b.open()
	b.satori.Change(func(s *satorisim.Settings) { s.Keys.UserSecret = "another" })
	require.ErrorIs(t, out.WriteBatch(t.Context(), many(1)), service.ErrNotConnected)
	require.ErrorContains(t, oneshot.Err(), "user_key, user_secret, company_key and company_secret")
}

func TestAJobThatWasLeftBehindIsAskedFor(t *testing.T) {
	b := newBench(t, nil)
	out := b.open()
	ctx, cancel := context.WithCancel(t.Context())
	reached := make(chan struct{})
	var once sync.Once
	remove := b.satori.Control(satorisim.Status, func(r *satorisim.Request) bool {
		if r.ProcessCode() == "check" {
			return false
		}
		once.Do(func() { close(reached) })
		return satorisim.FaultStatus(503)(r)
	})
	done := make(chan error, 1)
	go func() { done <- out.WriteBatch(ctx, many(20)) }()
	<-reached
	cancel()
	require.Error(t, <-done)
	require.NoError(t, out.Close(t.Context()))
	remove()

	out = b.open()
	require.NoError(t, out.WriteBatch(t.Context(), many(20)))
	require.Len(t, b.satori.Jobs(), 1, "the second process learnt the first one's outcome")
	require.Zero(t, b.satori.Counters().Repeated)
}

// TestConcurrentCallsEqualOneByOne: many calls at once, overtaking each other,
// end as handling the cards one by one in Sansan's order.
func TestConcurrentCallsEqualOneByOne(t *testing.T) {
	const pages, people = 30, 7
	make := func(pageNo int) (batch service.MessageBatch) {
		for i := range 5 {
			n := pageNo*5 + i
			m := customer(fmt.Sprint(n), fmt.Sprintf("p%d@example.com", n*n%people),
				start.Add(time.Duration(n)*time.Second).Format(time.RFC3339),
				"custom:exchange_date", fmt.Sprintf("2026-0%d-01", 1+n*7%9), "position", fmt.Sprint("P", n), "append_tags", fmt.Sprint("T", n%11))
			if n%3 == 0 {
				content, _ := m.AsStructuredMut()
				content.(map[string]any)["address"] = fmt.Sprint("A", n)
			}
			m.MetaSetMut(metaSequence, fmt.Sprintf("r/%d", pageNo+1))
			batch = append(batch, m)
		}
		return batch
	}
	slow := newBench(t, nil)
	slow.extra = "max_rows: 1\napi: single"
	out := slow.open()
	for p := range pages {
		for _, m := range make(p) {
			require.NoError(t, out.WriteBatch(t.Context(), service.MessageBatch{m}))
		}
	}
	fast := newBench(t, nil)
	fast.extra = "linger: 200ms"
	out = fast.open()
	var calls sync.WaitGroup
	for p := range pages {
		calls.Go(func() {
			if p%4 == 0 {
				time.Sleep(time.Duration(p) * time.Millisecond) // some pages are overtaken
			}
			if err := out.WriteBatch(t.Context(), make(p)); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	require.Equal(t, slow.satori.Customers(), fast.satori.Customers())
	require.Empty(t, fast.satori.Backwards("custom:exchange_date"))
	require.Empty(t, fast.satori.Violations())
}

func TestGuards(t *testing.T) {
	oneshot.Reset()
	b := newBench(t, nil)
	b.extra = "limits: {max_registrations: 10}"
	out := b.open()
	require.ErrorIs(t, out.WriteBatch(t.Context(), many(20)), service.ErrNotConnected)
	require.ErrorContains(t, out.Connect(t.Context()), "max_registrations is 10")
	require.Zero(t, b.satori.Len())
}

// TestGuardsCountRunsNotProcesses: what earlier runs did does not count.
func TestGuardsCountRunsNotProcesses(t *testing.T) {
	oneshot.Reset()
	b := newBench(t, nil)
	b.extra = "limits: {max_registrations: 25}"
	out := b.open()
	for run := range 3 {
		batch := many(60)[20*run : 20*run+20]
		for _, m := range batch {
			m.MetaSetMut(metaSequence, fmt.Sprintf("r/%d/last", run+1))
		}
		require.NoError(t, out.WriteBatch(t.Context(), batch))
	}
	require.Equal(t, 60, b.satori.Len())
}

// TestNothingIsWrittenOfARunThatGoesTooFar: the limit is passed by its last page.
func TestNothingIsWrittenOfARunThatGoesTooFar(t *testing.T) {
	oneshot.Reset()
	b := newBench(t, nil)
	b.extra = "limits: {max_registrations: 35}"
	out := b.open()
	cards := many(40)
	var calls sync.WaitGroup
	for page := range 4 {
		batch := cards[10*page : 10*page+10]
		for _, m := range batch {
			m.MetaSetMut(metaSequence, fmt.Sprintf("r/%d%s", page+1, []string{"", "", "", "/last"}[page]))
		}
		calls.Go(func() { assert.ErrorIs(t, out.WriteBatch(t.Context(), batch), service.ErrNotConnected) })
	}
	calls.Wait()
	require.Zero(t, b.satori.Len())
	require.ErrorContains(t, out.Connect(t.Context()), "max_registrations is 35")
}

// TestWhatAProcessorFailedIsNotWritten: it is journaled, refused and counted,
// with or without reject_errored around the output.
func TestWhatAProcessorFailedIsNotWritten(t *testing.T) {
	oneshot.Reset()
	b := newBench(t, nil)
	b.extra = "limits: {max_failed_share: 0.5}"
	out := b.open()
	batch := many(120)
	for _, m := range batch[:90] {
		m.SetError(errors.New("line 3: no"))
	}
	failed := failures(t, out.WriteBatch(t.Context(), batch), batch)
	require.Len(t, failed, 90)
	require.Equal(t, "satori: invalid: a processor failed: line 3: no", failed[0])
	require.Equal(t, 30, b.satori.Len())
	require.ErrorIs(t, out.WriteBatch(t.Context(), many(1)), service.ErrNotConnected)
	require.ErrorContains(t, out.Connect(t.Context()), "90 of 120 customers failed")
}

func TestTooManyFailuresStopEverything(t *testing.T) {
	oneshot.Reset()
	b := newBench(t, nil)
	b.extra = "limits: {max_failed_share: 0.5}"
	out := b.open()
	batch := many(120)
	for _, m := range batch[:80] {
		content, _ := m.AsStructuredMut()
		content.(map[string]any)["memo"] = "not linked"
	}
	require.Len(t, failures(t, out.WriteBatch(t.Context(), batch), batch), 80)
	require.ErrorIs(t, out.WriteBatch(t.Context(), many(1)), service.ErrNotConnected)
	require.ErrorContains(t, out.Connect(t.Context()), "80 of 120 customers failed")
}

// losing is a ledger whose claims another process takes, once at each step.
type losing struct {
	ledger.Store
	begin, settle sync.Once
}

func (l *losing) Begin(ctx context.Context, req ledger.Request) (err error) {
	l.begin.Do(func() { err = ledger.ErrLost })
	if err != nil {
		return err
	}
	return l.Store.Begin(ctx, req)
}

func (l *losing) Settle(ctx context.Context, id string, confirmed, withdrawn []ledger.Key) (err error) {
	l.settle.Do(func() { err = ledger.ErrLost })
	if err != nil {
		return err
	}
	return l.Store.Settle(ctx, id, confirmed, withdrawn)
}

func TestLostClaimsAreClaimedAnew(t *testing.T) {
	b := newBench(t, nil)
	out, err := newOutput(b.config(), service.MockResources())
	require.NoError(t, err)
	t.Cleanup(func() { _ = out.Close(context.Background()) })
	out.store = &losing{Store: out.store}
	require.NoError(t, out.Connect(t.Context()))
	require.NoError(t, out.WriteBatch(t.Context(), many(20)))
	require.Equal(t, 20, b.satori.Len())
}

func TestTwoProcessesOnOneLedger(t *testing.T) {
	b := newBench(t, nil)
	b.open()
	_, err := newOutput(b.config(), service.MockResources())
	require.ErrorContains(t, err, "held by")
}

func TestDryRunCallsNobody(t *testing.T) {
	b := newBench(t, nil)
	b.extra = "dry_run: true"
	require.NoError(t, b.open().WriteBatch(t.Context(), many(20)))
	require.Empty(t, b.satori.Requests())
}

func TestLints(t *testing.T) {
	linter := service.GlobalEnvironment().NewComponentConfigLinter()
	for name, test := range map[string]struct{ fields, more, want string }{
		"fine":                {"last_name: writable", "", ""},
		"never writable":      {"score: writable", "", "score"},
		"unknown item":        {"company_name: writable", "", "lead_company_name"},
		"unknown kind":        {"last_name: write", "", "last_name"},
		"max_rows":            {"last_name: writable", "max_rows: 20000", "10000"},
		"bulk needs a route":  {"last_name: writable", "api: bulk", "collection_route"},
		"unencrypted":         {"last_name: writable", "base_url: http://api.satr.jp", "https://api.satr.jp"},
		"typo":                {"last_name: writable", "lingerr: 1s", "lingerr"},
		"rule reads the date": {"custom:exchange_date: writable", "", "readable_writable"},
	} {
		t.Run(name, func(t *testing.T) {
			rule := `"upsert"`
			if strings.Contains(name, "date") {
				rule = `if this.existing."custom:exchange_date" == null { "upsert" } else { "skip" }`
			}
			lints, err := linter.LintOutputYAML([]byte(fmt.Sprintf(`
satori_output:
  user_key: a
  user_secret: b
  company_key: c
  company_secret: d
  fields: { %s }
  overwrite: |
    root = %s
  %s
`, test.fields, rule, test.more)))
			require.NoError(t, err)
			if test.want == "" {
				require.Empty(t, lints)
				return
			}
			require.Len(t, lints, 1)
			require.Contains(t, lints[0].Error(), test.want)
		})
	}
}
