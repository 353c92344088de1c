// Package link runs the real binary against the simulators, for tests that look
// at it from outside.
package link

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/tests/sansansim"
	"sansansatori/tests/satorisim"
)

// Root of the repository: pipelines resolve their files against it.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// built is the folder of the binary, once there is one.
var built string

var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "sansan-satori-binary-")
	if err != nil {
		return "", err
	}
	built = dir
	path := filepath.Join(dir, "sansan-satori")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/sansan-satori")
	cmd.Dir = Root()
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the binary: %w: %s", err, out)
	}
	return path, nil
})

// Binary builds the binary once and gives its path.
func Binary(tb testing.TB) string {
	tb.Helper()
	path, err := binary()
	require.NoError(tb, err)
	return path
}

// Clean removes the binary, at the end of a TestMain.
func Clean() {
	if built != "" {
		_ = os.RemoveAll(built)
	}
}

// World is both services and the folder the link keeps its state in.
type World struct {
	Sansan  *sansansim.Sim
	Satori  *satorisim.Sim
	Dir     string
	Version string   // of Sansan's API: v3.2 or v6.0
	Set     []string // overrides, path=value
	Wrap    []string // a command line that runs the binary: a debugger, a limit

	sansanURL, satoriURL string
}

// Quick are overrides that take the waiting out of a run.
var Quick = []string{
	"input.sansan_input.requests_per_second=1000",
	"input.sansan_input.backoff.initial_interval=5ms",
	"input.sansan_input.backoff.max_interval=100ms",
	satoriPath + "requests_per_second=1000",
	satoriPath + "linger=50ms",
	satoriPath + "poll_interval=50ms",
	satoriPath + "backoff.initial_interval=5ms",
	satoriPath + "backoff.max_interval=100ms",
}

// satoriPath is where the shipped pipeline has its satori_output.
const satoriPath = "output.fallback.0.satori_output."

// SatoriPath is where the shipped pipeline has a field of its satori_output.
func SatoriPath(field string) string { return satoriPath + field }

// New starts both services without quotas; they end with the test.
func New(tb testing.TB, change func(*sansansim.Settings, *satorisim.Settings)) *World {
	tb.Helper()
	w := &World{Sansan: sansansim.New(), Dir: filepath.Join(tb.TempDir(), "data"), Version: "v3.2", Set: Quick}
	settings := satorisim.Defaults()
	w.Sansan.Configure(func(s *sansansim.Settings) {
		s.PerSecond, s.PerMinute = 0, 0
		if change != nil {
			change(s, &settings)
		}
	})
	w.Satori = satorisim.New(settings)
	var stop func()
	w.sansanURL, stop = w.Sansan.Start()
	tb.Cleanup(stop)
	w.satoriURL, stop = w.Satori.Start()
	tb.Cleanup(stop)
	return w
}

// Env is what the link is given.
func (w *World) Env() []string {
	keys := w.Satori.Keys()
	return append(os.Environ(),
		"SANSAN_API_KEY="+sansansim.Key, "SANSAN_BASE_URL="+w.sansanURL+"/"+w.Version, "SATORI_BASE_URL="+w.satoriURL,
		"SATORI_USER_KEY="+keys.UserKey, "SATORI_USER_SECRET="+keys.UserSecret,
		"SATORI_COMPANY_KEY="+keys.CompanyKey, "SATORI_COMPANY_SECRET="+keys.CompanySecret,
		"DATA_DIR="+w.Dir, "SCHEDULE=once",
	)
}

// Process is a running link.
type Process struct {
	*exec.Cmd
	out  *bytes.Buffer
	done chan struct{}
	err  error
}

// Start runs a pipeline of config/ as a process; more environment wins.
func (w *World) Start(tb testing.TB, config string, env ...string) *Process {
	tb.Helper()
	args := []string{"run", "--set", "http.enabled=false"}
	for _, set := range w.Set {
		args = append(args, "--set", set)
	}
	line := append(append(append([]string{}, w.Wrap...), Binary(tb)), append(args, config)...)
	p := &Process{Cmd: exec.Command(line[0], line[1:]...), out: &bytes.Buffer{}, done: make(chan struct{})}
	p.Dir = Root()
	p.Env = append(w.Env(), env...)
	p.Stdout, p.Stderr = p.out, p.out
	require.NoError(tb, p.Cmd.Start())
	go func() {
		p.err = p.Cmd.Wait()
		close(p.done)
	}()
	tb.Cleanup(p.Kill)
	return p
}

// Command is another command of the binary, not yet started.
func (w *World) Command(tb testing.TB, args ...string) *exec.Cmd {
	tb.Helper()
	cmd := exec.Command(Binary(tb), args...)
	cmd.Dir, cmd.Env = Root(), w.Env()
	return cmd
}

// Once runs the shipped pipeline to its end, which must be a good one.
func (w *World) Once(tb testing.TB, env ...string) string {
	tb.Helper()
	out, err := w.Start(tb, "config/sync.yaml", env...).End(tb, 2*time.Minute)
	require.NoError(tb, err, out)
	return out
}

// Kill is kill -9, and waits until it is done.
func (p *Process) Kill() {
	_ = p.Process.Kill()
	<-p.done
}

// Term asks for an orderly end.
func (p *Process) Term() { _ = p.Process.Signal(syscall.SIGTERM) }

// Ended within the time?
func (p *Process) Ended(limit time.Duration) bool {
	select {
	case <-p.done:
		return true
	case <-time.After(limit):
		return false
	}
}

// End waits for the end and gives what was printed.
func (p *Process) End(tb testing.TB, limit time.Duration) (string, error) {
	tb.Helper()
	if !p.Ended(limit) {
		_ = p.Process.Signal(syscall.SIGQUIT)
		<-p.done
		tb.Fatalf("the link did not end within %s:\n%s", limit, tail(p.out.String()))
	}
	return p.out.String(), p.err
}

func tail(s string) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[max(0, len(lines)-200):], "\n")
}
