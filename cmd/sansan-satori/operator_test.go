package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/tests/link"
)

// asCommand makes this test's own binary the command: nothing more is built.
const asCommand = "SANSAN_SATORI_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		os.Exit(run(os.Args))
	}
	os.Exit(m.Run())
}

// answer of a command.
type answer struct {
	code     int
	out, err string
}

// call runs a command in the repository's folder, as the documentation says.
func call(t *testing.T, env []string, args ...string) answer {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Dir = link.Root()
	cmd.Env = append(append(os.Environ(), asCommand+"=1"), env...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return answer{cmd.ProcessState.ExitCode(), out.String(), errOut.String()}
}

func quick(args ...string) []string {
	for _, set := range link.Quick {
		args = append(args, "--set", set)
	}
	return args
}

func TestOperatorsDay(t *testing.T) {
	w := link.New(t, nil)
	w.Sansan.LoadSample(300, 5)
	env := w.Env()
	page := filepath.Join(t.TempDir(), "preview.html")

	before := call(t, env, "status", "--json")
	require.Zero(t, before.code, before.err)
	require.Contains(t, before.out, `"dead_letters": 0`)

	check := call(t, env, append(quick("check"), "config/sync.yaml")...)
	require.Zero(t, check.code, check.out+check.err)
	for _, line := range []string{"ok    configuration", "ok    Sansan reachable", "ok    SATORI reachable", "ok    clock by Sansan", "ok    Sansan key, rights", "ok    SATORI key, rights", "ok    ledger", "ok    data folder", "ok    disk space", "run config/import.yaml first"} {
		require.Contains(t, check.out, line)
	}

	dry := call(t, env, append(quick("dry-run", "config/sync.yaml"), "--json", "--html="+page)...)
	require.Zero(t, dry.code, dry.err)
	info, err := os.Stat(page)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	_, err = os.Stat(w.Dir)
	require.ErrorIs(t, err, os.ErrNotExist, "neither status nor check nor dry-run leaves anything behind")

	ran := call(t, env, append(quick("run", "--set", "http.enabled=false"), "config/sync.yaml")...)
	require.Zero(t, ran.code, ran.out+ran.err)

	told := call(t, env, "report", "--json")
	require.Zero(t, told.code, told.err)
	var previewed, reported struct {
		Cards  int `json:"cards"`
		Counts []any
		DryRun bool `json:"dry_run"`
	}
	require.NoError(t, json.Unmarshal([]byte(dry.out), &previewed))
	require.NoError(t, json.Unmarshal([]byte(told.out), &reported))
	require.True(t, previewed.DryRun)
	require.False(t, reported.DryRun)
	require.Equal(t, previewed.Counts, reported.Counts)
	require.Positive(t, reported.Cards)

	status := call(t, env, "status")
	require.Zero(t, status.code, status.err)
	require.Contains(t, status.out, "when it is started")
	require.NotContains(t, status.out, "last run       never")

	email := firstWritten(t, filepath.Join(w.Dir, "journal.jsonl"))
	shown := call(t, env, "ledger", "show", "--email", strings.ToUpper(email))
	require.Zero(t, shown.code, shown.err)
	require.Contains(t, shown.out, `"confirmed_by_satori": true`)
	erased := call(t, env, "ledger", "erase", "--email", email)
	require.Zero(t, erased.code, erased.err)
	require.Contains(t, erased.out, `"removed_from_ledger": true`)
	require.NotContains(t, erased.out, email)
	require.Equal(t, 1, call(t, env, "ledger", "show", "--email", email).code)
	journal, err := os.ReadFile(filepath.Join(w.Dir, "journal.jsonl"))
	require.NoError(t, err)
	require.NotContains(t, string(journal), email)
	again := call(t, env, "report", "--json")
	require.Zero(t, again.code, again.err)
	require.Contains(t, again.out, `"unreadable_lines": 0`)
}

// firstWritten is the address of a customer that was written.
func firstWritten(t *testing.T, journal string) string {
	t.Helper()
	text, err := os.ReadFile(journal)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		var e struct{ Email, Action string }
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		if e.Action == "register" {
			return e.Email
		}
	}
	require.FailNow(t, "nobody was registered")
	return ""
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	w := link.New(t, nil)
	const secret = "00112233445566778899aabbccddeeff"
	tests := []struct {
		name string
		env  []string
		want string
	}{
		{"a key of Sansan's", []string{"SANSAN_API_KEY=" + secret}, "FAIL  Sansan key, rights"},
		{"a key of SATORI's", []string{"SATORI_USER_SECRET=" + secret}, "FAIL  SATORI key, rights"},
		{"a service out of reach", []string{"SATORI_BASE_URL=http://127.0.0.1:1"}, "FAIL  SATORI reachable"},
		{"a missing variable", []string{"SATORI_USER_KEY_FILE=/nowhere", "SATORI_USER_KEY="}, "SATORI_USER_KEY"},
		{"a folder that is a file", []string{"DATA_DIR=/dev/null/data"}, "FAIL  data folder"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := call(t, append(w.Env(), test.env...), append(quick("check", "--timeout", "5s"), "config/sync.yaml")...)
			require.Equal(t, 1, got.code, got.out)
			require.Contains(t, got.out, test.want)
			require.NotContains(t, got.out+got.err, secret)
		})
	}
}

func TestCommandsSayHowTheyAreUsed(t *testing.T) {
	for _, args := range [][]string{
		{"dry-run"},
		{"dry-run", "nowhere.yaml"},
		{"check"},
		{"check", "config/sync.yaml", "config/daily.yaml"},
		{"check", "config/sync.yaml", "--none"},
		{"dry-run", "config/sync.yaml", "--html"},
		{"check", "config/sync.yaml", "--timeout", "soon"},
		{"report", "--journal", "/nowhere/journal.jsonl"},
		{"report", "--lang", "fr"},
		{"report", "--since", "yesterday"},
		{"ledger", "show", "--email", "nobody"},
	} {
		got := call(t, []string{"DATA_DIR=" + t.TempDir()}, args...)
		require.Equal(t, 1, got.code, args)
		require.NotEmpty(t, got.err, args)
	}
}

func TestHealthy(t *testing.T) {
	code := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/ready", r.URL.Path)
		w.WriteHeader(code)
	}))
	address := strings.TrimPrefix(server.URL, "http://")
	require.NoError(t, ready(t.Context(), address))
	_, port, _ := strings.Cut(address, ":")
	require.NoError(t, ready(t.Context(), "0.0.0.0:"+port))
	require.NoError(t, ready(t.Context(), ":"+port))
	code = http.StatusServiceUnavailable
	require.ErrorIs(t, ready(t.Context(), address), errNotReady)
	server.Close()
	require.Error(t, ready(t.Context(), address))
	require.Error(t, ready(t.Context(), "nonsense"))
	require.Equal(t, 1, call(t, []string{"HTTP_ADDRESS=" + address}, "healthy").code)
}

func TestWriteWholeLeavesTheOldFileWhenItFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.html")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
	require.Error(t, writeWhole(path, func(w io.Writer) error {
		_, _ = w.Write([]byte("half"))
		return errors.New("no more")
	}))
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "old", string(got))
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 1)
}

func TestCountLetters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dead.jsonl")
	n, err := countLetters(path)
	require.NoError(t, err)
	require.Zero(t, n)
	require.NoError(t, os.WriteFile(path, []byte("{}\n   \n{}\n{}"), 0o600))
	n, err = countLetters(path)
	require.NoError(t, err)
	require.Equal(t, 3, n)
}

func TestMoment(t *testing.T) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	require.Equal(t, "never", moment(time.Time{}, now))
	require.Equal(t, "2026-11-01 08:58:00 JST, 2m0s ago", moment(now.Add(-2*time.Minute), now))
}
