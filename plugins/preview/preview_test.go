package preview

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/require"

	_ "github.com/redpanda-data/connect/v4/public/components/io"
	_ "github.com/redpanda-data/connect/v4/public/components/prometheus"
	_ "github.com/redpanda-data/connect/v4/public/components/pure"
	_ "modernc.org/sqlite"

	"sansansatori/plugins/oneshot"
	"sansansatori/plugins/pipelinefile"
	"sansansatori/plugins/report"
	"sansansatori/tests/link"

	_ "sansansatori/plugins/all"
)

const cards = 700

// load reads the shipped pipeline as it is given to w.
func load(t testing.TB, w *link.World, set ...string) *pipelinefile.Pipeline {
	t.Helper()
	oneshot.Reset()
	t.Cleanup(oneshot.Reset)
	env := map[string]string{}
	for _, line := range w.Env() {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	// The engine looks for imports where the process began: name them in full.
	shipped, err := os.ReadFile(filepath.Join(link.Root(), "config", "sync.yaml"))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "sync.yaml")
	here := []byte(`"` + link.Root() + `/bloblang/`)
	require.NoError(t, os.WriteFile(path, bytes.ReplaceAll(shipped, []byte(`"bloblang/`), here), 0o600))
	p, err := pipelinefile.Load(t.Context(), pipelinefile.Source{
		Path: path, Set: append(append([]string{"http.enabled=false"}, w.Set...), set...),
		Lookup: func(_ context.Context, name string) (string, bool) {
			value, ok := env[name]
			return value, ok
		},
		Schema: service.GlobalEnvironment().FullConfigSchema("", ""),
	})
	require.NoError(t, err)
	return p
}

// realRun runs a pipeline as it is.
func realRun(t *testing.T, p *pipelinefile.Pipeline) {
	t.Helper()
	root := clone(p.Root).(map[string]any)
	delete(root, "shutdown_timeout")
	delete(root, "tests")
	text, err := pipelinefile.Marshal(root)
	require.NoError(t, err)
	b := service.NewStreamBuilder()
	b.SetLogger(slog.New(slog.DiscardHandler))
	require.NoError(t, b.SetYAML(text))
	stream, err := b.Build()
	require.NoError(t, err)
	require.NoError(t, stream.Run(t.Context()))
	require.NoError(t, oneshot.Err())
}

func dryRun(t *testing.T, p *pipelinefile.Pipeline) *Result {
	t.Helper()
	got, err := Run(t.Context(), p, Options{Rows: true, Log: slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})})
	require.NoError(t, err)
	return got
}

// journaled counts what a real run journaled, and the cards its mapping lost.
func journaled(t *testing.T, dir string, from time.Time) []report.Count {
	t.Helper()
	r := report.New(false)
	file, err := os.Open(filepath.Join(dir, "journal.jsonl"))
	require.NoError(t, err)
	defer file.Close()
	bad, err := report.Read(file, report.Period{From: from}, func(e report.Entry) error { r.Add(e); return nil })
	require.NoError(t, err)
	require.Zero(t, bad)
	return r.Counts()
}

// digest of a folder: every path, mode, time of change and content.
func digest(t *testing.T, dir string) string {
	t.Helper()
	sum := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		line, _ := json.Marshal([]any{path, info.Mode(), info.ModTime().UnixNano(), info.Size()})
		sum.Write(line)
		if d.Type().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum.Write(content)
		}
		return nil
	})
	require.NoError(t, err)
	return hex.EncodeToString(sum.Sum(nil))
}

func TestDryRunWritesNothingAndTheRealRunAgrees(t *testing.T) {
	w := link.New(t, nil)
	w.Sansan.LoadSample(cards, 2026)
	// A folder of its own for each state: no run yet, and after one.
	for _, state := range []string{"before the first run", "after a run, cards changed"} {
		t.Run(state, func(t *testing.T) {
			p := load(t, w)
			before, requests := digest(t, w.Dir), len(w.Satori.Requests())
			got := dryRun(t, p)
			require.Equal(t, before, digest(t, w.Dir), "the data folder is as it was")
			require.Len(t, w.Satori.Requests(), requests, "SATORI was not called")

			began := time.Now().Truncate(time.Millisecond)
			realRun(t, load(t, w))
			counts := journaled(t, w.Dir, began)
			require.GreaterOrEqual(t, len(counts), 4, "a run with outcomes of several kinds")
			require.Equal(t, counts, got.Report.Counts())
		})
		for i, card := range w.Sansan.Cards() {
			if i%10 == 0 {
				require.NoError(t, w.Sansan.Edit(card["id"].(string), func(f map[string]any) {
					f["title"] = "本部長"
					f["updatedTime"] = time.Now().Add(-time.Minute).In(report.Japan).Format(time.RFC3339)
				}))
			}
		}
	}
}

func TestDryRunWritesNoCursorNorAnythingInAFreshFolder(t *testing.T) {
	w := link.New(t, nil)
	w.Sansan.LoadSample(20, 1)
	dryRun(t, load(t, w))
	_, err := os.Stat(w.Dir)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestDryRunSaysWhatItCosts(t *testing.T) {
	w := link.New(t, nil)
	w.Sansan.LoadSample(cards, 2026)
	got := dryRun(t, load(t, w, "input.sansan_input.requests_per_second=50", link.SatoriPath("requests_per_second")+"=2"))
	text, err := json.Marshal(got.Report)
	require.NoError(t, err)
	var figures struct {
		Customers int         `json:"customers_written"`
		Cost      report.Cost `json:"requests"`
	}
	require.NoError(t, json.Unmarshal(text, &figures))
	require.Equal(t, len(w.Sansan.Requests()), figures.Cost.Sansan)
	require.InDelta(t, 50, figures.Cost.SansanRate, 0)
	require.GreaterOrEqual(t, figures.Cost.Rows, figures.Customers)
	require.Positive(t, figures.Cost.Uploads)
	require.InDelta(t, 2, figures.Cost.SatoriRate, 0)
}

func TestDryRunShowsCardsThatCannotBeMapped(t *testing.T) {
	w := link.New(t, nil)
	w.Sansan.LoadSample(30, 3)
	p := load(t, w, `pipeline.processors=[{"mapping": "root = throw(\"no such rule\")"}]`)
	counts := dryRun(t, p).Report.Counts()
	require.Len(t, counts, 1)
	require.Equal(t, "failed", counts[0].Action)
	require.Contains(t, counts[0].Reason, "no such rule")
	given := 0
	for _, r := range w.Sansan.Requests() {
		given += r.Rows
	}
	require.Equal(t, given, counts[0].Cards)
}

func TestDryRunWarnsOfLimitsAndGoesOn(t *testing.T) {
	w := link.New(t, nil)
	w.Sansan.LoadSample(100, 3)
	got := dryRun(t, load(t, w, link.SatoriPath("limits.max_registrations")+"=5"))
	require.Len(t, got.Warnings, 1)
	require.Contains(t, got.Warnings[0], "limits.max_registrations is 5")
	require.Greater(t, got.Report.Cards(), 5)
}

func TestDryRunEndsWhenItCannotGoOn(t *testing.T) {
	w := link.New(t, nil)
	w.Sansan.LoadSample(10, 3)
	_, err := Run(t.Context(), load(t, w, "input.sansan_input.api_key=0123456789abcdef0123456789abcdef"), Options{Log: slog.DiscardHandler})
	require.ErrorContains(t, err, "Sansan refuses the key")
}
