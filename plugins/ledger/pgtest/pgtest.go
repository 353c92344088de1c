//go:build unix

// Package pgtest runs a throw-away PostgreSQL server for tests and breaks it on
// demand. It uses the server installed on the machine (Debian: postgresql-15).
package pgtest

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lib/pq"
)

// Password is that of the superuser; tests look for it where it must not be.
const Password = "canary-pg-password"

const superuser = "ledger_test"

// Server is a running PostgreSQL server, on loopback.
type Server struct {
	bin, data string
	port      int
	as        *syscall.Credential // nil: as this user
	cmd       *exec.Cmd
	exited    chan struct{}
	databases atomic.Int64
}

// Start runs a server until tb ends and gives the DSN of an empty database. It
// skips tb where PostgreSQL is not installed, unless the environment has CI set.
func Start(tb testing.TB) (dsn string, ctl *Server) {
	tb.Helper()
	bin, err := binaries()
	if err == nil {
		ctl = &Server{bin: bin, port: freePort(tb)}
		ctl.as, err = account()
	}
	if err != nil {
		if os.Getenv("CI") != "" {
			tb.Fatalf("PostgreSQL tests cannot run: %v", err)
		}
		tb.Skipf("PostgreSQL tests cannot run: %v", err)
	}
	ctl.initialise(tb)
	ctl.Run(tb)
	tb.Cleanup(func() { ctl.Stop(tb) })
	return ctl.Database(tb), ctl
}

// binaries finds the directory of the newest server: PATH seldom has it.
func binaries() (string, error) {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(dirs, func(a, b string) int { return version(b) - version(a) })
	if path, err := exec.LookPath("initdb"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("initdb is neither in PATH nor in /usr/lib/postgresql/*/bin (Debian: apt install postgresql)")
}

func version(dir string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
	return n
}

// account is whom the server runs as: it refuses to be root.
func account() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.ParseUint(u.Uid, 10, 32)
		gid, _ := strconv.ParseUint(u.Gid, 10, 32)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, fmt.Errorf("the server refuses to run as root and there is no user postgres or nobody")
}

func freePort(tb testing.TB) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("finding a port: %v", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (s *Server) initialise(tb testing.TB) {
	tb.Helper()
	dir, err := os.MkdirTemp("", "pgtest") // tb.TempDir is not open to another user
	if err != nil {
		tb.Fatalf("making a directory: %v", err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(Password), 0o600); err != nil {
		tb.Fatalf("writing the password: %v", err)
	}
	if s.as != nil {
		for _, path := range []string{dir, secret} {
			if err := os.Chown(path, int(s.as.Uid), int(s.as.Gid)); err != nil {
				tb.Fatalf("giving the directory to the server's user: %v", err)
			}
		}
	}
	s.data = filepath.Join(dir, "data")
	cmd := s.command("initdb", "-D", s.data, "-U", superuser, "--pwfile", secret,
		"--auth=scram-sha-256", "-E", "UTF8", "--no-locale", "--no-sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("initdb: %v\n%s", err, out)
	}
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = filepath.Dir(s.data)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as, Setpgid: true}
	endWithParent(cmd.SysProcAttr)
	return cmd
}

// Run starts the server, again after Stop or Crash, on the same port.
func (s *Server) Run(tb testing.TB) {
	tb.Helper()
	if s.cmd != nil {
		return
	}
	var log bytes.Buffer
	s.cmd = s.command("postgres", "-D", s.data, "-p", strconv.Itoa(s.port), "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=60")
	s.cmd.Stdout, s.cmd.Stderr = &log, &log
	if err := s.cmd.Start(); err != nil {
		tb.Fatalf("starting postgres: %v", err)
	}
	exited := make(chan struct{})
	s.exited = exited
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait()
		close(exited)
	}(s.cmd)
	db := sql.OpenDB(s.connector(tb, "postgres"))
	defer db.Close()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if db.PingContext(context.WithoutCancel(tb.Context())) == nil {
			return
		}
		select {
		case <-exited:
			tb.Fatalf("postgres ended at once:\n%s", log.String())
		default:
		}
		if time.Now().After(deadline) {
			tb.Fatal("postgres does not answer")
		}
	}
}

// Stop ends the server and waits; transactions are rolled back.
func (s *Server) Stop(tb testing.TB) { s.end(tb, syscall.SIGINT) }

// Crash ends the server at once; it recovers when it runs again.
func (s *Server) Crash(tb testing.TB) { s.end(tb, syscall.SIGQUIT) }

func (s *Server) end(tb testing.TB, sig syscall.Signal) {
	tb.Helper()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(sig)
	select {
	case <-s.exited:
	case <-time.After(30 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.exited
	}
	s.cmd = nil
}

// Restart is Stop and Run.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	s.Stop(tb)
	s.Run(tb)
}

// KillConnections closes every other connection, in the middle of what it does.
func (s *Server) KillConnections(tb testing.TB) {
	tb.Helper()
	s.Exec(tb, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'`)
}

// Exec runs SQL as superuser in the database "postgres".
func (s *Server) Exec(tb testing.TB, text string) {
	tb.Helper()
	db := sql.OpenDB(s.connector(tb, "postgres"))
	defer db.Close()
	if _, err := db.ExecContext(context.WithoutCancel(tb.Context()), text); err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
}

// Database makes another empty database and gives its DSN.
func (s *Server) Database(tb testing.TB) string {
	tb.Helper()
	name := fmt.Sprintf("test%d", s.databases.Add(1))
	s.Exec(tb, "CREATE DATABASE "+name)
	return s.DSN(name)
}

// DSN is the URL of a database, password and all.
func (s *Server) DSN(database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(superuser, Password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), Path: "/" + database, RawQuery: "sslmode=disable&connect_timeout=5"}
	return u.String()
}

func (s *Server) connector(tb testing.TB, database string) *pq.Connector {
	c, err := pq.NewConnector(s.DSN(database))
	if err != nil {
		tb.Fatalf("reading the DSN: %v", err)
	}
	return c
}
