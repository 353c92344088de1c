package ledgeroutput

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/redpanda-data/benthos/v4/public/components/pure"
	"github.com/redpanda-data/benthos/v4/public/service"
	_ "github.com/redpanda-data/connect/v4/public/components/io"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sansansatori/plugins/apicall"
	_ "sansansatori/plugins/exportinput"
	"sansansatori/plugins/ledger"
	"sansansatori/plugins/oneshot"
)

func TestMain(m *testing.M) {
	// The engine and the SQL driver keep a few goroutines for the process.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener"), goleak.IgnoreAnyFunction("go.opencensus.io/stats/view.(*worker).start"))
}

func configOf(t testing.TB, dsn string, fields string) config {
	t.Helper()
	p, err := outputSpec().ParseYAML(fmt.Sprintf("fields: {%s}\nledger: {dsn: %q}", fields, dsn), nil)
	require.NoError(t, err)
	c, err := configFromParsed(p)
	require.NoError(t, err)
	c.backoff = apicall.Backoff{Initial: time.Millisecond, Max: time.Millisecond}
	return c
}

func rowOfJSON(text string, line int64) *service.Message {
	m := service.NewMessage([]byte(text))
	m.MetaSetMut(metaLine, line)
	return m
}

// held gives what the ledger at dsn holds of a customer; nil when it is unknown.
func held(t testing.TB, dsn, email string) ledger.Values {
	t.Helper()
	store, err := ledger.Open(t.Context(), ledger.Config{Driver: ledger.DriverSQLite, DSN: dsn, ReadOnly: true})
	require.NoError(t, err)
	defer store.Close()
	found, err := store.Load(t.Context(), []ledger.Key{ledger.KeyOf(email)})
	require.NoError(t, err)
	if c := found[ledger.KeyOf(email)]; c != nil {
		require.True(t, c.Known)
		return c.Held
	}
	return nil
}

func TestWriteBatch(t *testing.T) {
	dsn := filepath.Join(t.TempDir(), "ledger.db")
	o, err := newOutput(t.Context(), configOf(t, dsn, `delivery_permission: readable, "custom:d": readable_writable, last_name: writable, status: readable`), service.MockResources())
	require.NoError(t, err)
	broken := rowOfJSON(`{}`, 6)
	broken.SetError(errors.New("2 cells, but the header has 4"))
	batch := service.MessageBatch{
		rowOfJSON(`{"email":" Ａ@Example.JP ","last_name":"山田","delivery_permission":"拒否","custom:d":"2026-04-01","status":""}`, 2),
		rowOfJSON(`{"email":"","last_name":"secret"}`, 3),
		rowOfJSON(`{"email":"secret@","last_name":"x"}`, 4),
		rowOfJSON(`["secret@example.jp"]`, 5),
		broken,
		rowOfJSON(`not JSON`, 7),
		rowOfJSON(`{"email":"b@example.jp","delivery_permission":"承認","custom:d":"old","status":"regist"}`, 8),
		rowOfJSON(`{"email":"b@example.jp","delivery_permission":"承認","custom:d":"new","status":"visit"}`, 9),
	}
	index := batch.Index()
	err = o.WriteBatch(t.Context(), batch)
	require.EqualError(t, err, "5 of 8 rows refused, the first: satori_ledger: line 3: no e-mail address")
	var all *service.BatchError
	require.ErrorAs(t, err, &all)
	got := map[int]string{}
	all.WalkMessagesIndexedBy(index, func(i int, _ *service.Message, err error) bool {
		if err != nil {
			got[i] = err.Error()
		}
		return true
	})
	require.Equal(t, map[int]string{
		1: "satori_ledger: line 3: no e-mail address",
		2: "satori_ledger: line 4: malformed e-mail address",
		3: "satori_ledger: line 5: the row is not an object: the header must give the item names",
		4: "satori_ledger: line 6: 2 cells, but the header has 4",
		5: "satori_ledger: line 7: the row is not JSON",
	}, got)
	require.NoError(t, o.Close(t.Context()))
	require.NoError(t, o.Close(t.Context()))
	require.ErrorIs(t, o.WriteBatch(t.Context(), batch), service.ErrNotConnected)

	require.Equal(t, ledger.Values{"delivery_permission": "reject", "custom:d": "2026-04-01"}, held(t, dsn, "a@example.jp"))
	require.Equal(t, ledger.Values{"delivery_permission": "approval", "custom:d": "new", "status": "visit"}, held(t, dsn, "b@example.jp"))
}

// TestMissingColumn: an export without a readable column warns once, and does
// not make the ledger forget what it has of it.
func TestMissingColumn(t *testing.T) {
	dsn := filepath.Join(t.TempDir(), "ledger.db")
	const fields = `status: readable, "custom:d": readable_writable`
	first, err := newOutput(t.Context(), configOf(t, dsn, fields), service.MockResources())
	require.NoError(t, err)
	require.NoError(t, first.WriteBatch(t.Context(), service.MessageBatch{rowOfJSON(`{"email":"a@example.jp","status":"regist","custom:d":"2026-04-01"}`, 2)}))
	require.NoError(t, first.Close(t.Context()))

	var log bytes.Buffer
	again, err := newOutput(t.Context(), configOf(t, dsn, fields), service.MockResources())
	require.NoError(t, err)
	again.log = service.NewLoggerFromSlog(slog.New(slog.NewTextHandler(&log, nil)))
	for range 2 {
		require.NoError(t, again.WriteBatch(t.Context(), service.MessageBatch{
			rowOfJSON(`{"email":"a@example.jp","status":""}`, 2), rowOfJSON(`{"email":"new@example.jp","status":"visit"}`, 3),
		}))
	}
	require.NoError(t, again.Close(t.Context()))
	require.Equal(t, 1, strings.Count(log.String(), "the export has no column `custom:d`, which the link reads"))
	require.Equal(t, 1, strings.Count(log.String(), "level=WARN"))
	require.Contains(t, log.String(), "import: 4 rows imported, 0 refused")

	require.Equal(t, ledger.Values{"custom:d": "2026-04-01"}, held(t, dsn, "a@example.jp"))
	require.Equal(t, ledger.Values{"status": "visit"}, held(t, dsn, "new@example.jp"))
}

// failing is a ledger whose Import fails a few times.
type failing struct {
	ledger.Store
	left int
	err  error
}

func (f *failing) Import(ctx context.Context, customers []ledger.Imported) error {
	if f.left--; f.left >= 0 {
		return f.err
	}
	return f.Store.Import(ctx, customers)
}

func TestPassingTroubleRefusesNobody(t *testing.T) {
	dsn := filepath.Join(t.TempDir(), "ledger.db")
	o, err := newOutput(t.Context(), configOf(t, dsn, `status: readable`), service.MockResources())
	require.NoError(t, err)
	o.store = &failing{o.store, 5, errors.New("the disk is full")}
	batch := service.MessageBatch{rowOfJSON(`{"email":"a@example.jp","status":"regist"}`, 2)}
	require.NoError(t, o.WriteBatch(t.Context(), batch))

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	o.store = &failing{o.store, 1 << 30, errors.New("the disk is full")}
	require.ErrorIs(t, o.WriteBatch(ctx, batch), context.DeadlineExceeded)

	oneshot.Reset()
	oneshot.Arm()
	defer oneshot.Reset()
	o.store = &failing{o.store, 1, fmt.Errorf("%w: torn", ledger.ErrUnusable)}
	require.ErrorIs(t, o.WriteBatch(t.Context(), batch), ledger.ErrUnusable)
	require.ErrorIs(t, oneshot.Err(), ledger.ErrUnusable)
	require.NoError(t, o.Close(t.Context()))
}

func TestHeldLedger(t *testing.T) {
	dsn := filepath.Join(t.TempDir(), "ledger.db")
	link, err := ledger.Open(t.Context(), ledger.Config{Driver: ledger.DriverSQLite, DSN: dsn})
	require.NoError(t, err)
	defer link.Close()
	_, err = newOutput(t.Context(), configOf(t, dsn, `status: readable`), service.MockResources())
	require.ErrorIs(t, err, ledger.ErrHeld)
	require.ErrorContains(t, err, "stop the running link, import, and start it again")
	require.ErrorContains(t, err, fmt.Sprintf("process %d", os.Getpid()))
}

func TestLint(t *testing.T) {
	linter := service.NewEnvironment().NewComponentConfigLinter()
	lints, err := linter.LintOutputYAML([]byte("satori_ledger:\n  fields: {mail_status: readable, company_name: readable}\n"))
	require.NoError(t, err)
	require.Len(t, lints, 2)
	require.Contains(t, lints[0].Error(), "fields: `company_name: readable`: SATORI has no such item; do you mean `lead_company_name`?")
	require.Contains(t, lints[1].Error(), "メール状況 is neither readable nor writable")
	lints, err = linter.LintOutputYAML([]byte("satori_ledger:\n  fields: {}\n"))
	require.NoError(t, err)
	require.Empty(t, lints)
}

// TestShippedConfig runs config/import.yaml.
func TestShippedConfig(t *testing.T) {
	oneshot.Reset()
	defer oneshot.Reset()
	dir := t.TempDir()
	export := filepath.Join(dir, "export.csv")
	require.NoError(t, os.WriteFile(export, []byte("\ufeffemail,custom:exchange_date,memo\r\na@example.jp,2026-04-01,\"x\ny\"\r\n,2026-04-02,z\r\nshort\r\nB@example.jp,,\r\n"), 0o600))
	t.Setenv("EXPORT_CSV", export)
	text, err := os.ReadFile(filepath.Join("..", "..", "config", "import.yaml"))
	require.NoError(t, err)

	b := service.NewStreamBuilder()
	b.SetEnvVarLookupFunc(func(name string) (string, bool) {
		value, ok := map[string]string{"EXPORT_CSV": export, "DATA_DIR": dir, "LOG_LEVEL": "OFF"}[name]
		return value, ok
	})
	require.NoError(t, b.SetYAML(string(text)))
	stream, err := b.Build()
	require.NoError(t, err)
	require.NoError(t, stream.Run(t.Context()))

	dsn := filepath.Join(dir, "ledger.db")
	require.Equal(t, ledger.Values{"custom:exchange_date": "2026-04-01"}, held(t, dsn, "a@example.jp"))
	require.Equal(t, ledger.Values{}, held(t, dsn, "b@example.jp"))
	refused, err := os.ReadFile(filepath.Join(dir, "import_refused.jsonl"))
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(refused), "\n"))
	require.Contains(t, string(refused), `"satori_ledger: line 4: no e-mail address"`)
	require.Contains(t, string(refused), `"line":5`)
	require.Contains(t, string(refused), `"satori_ledger: line 5: 1 cells, but the header has 3"`)
	require.NotContains(t, string(refused), "2026-04-02")
}
