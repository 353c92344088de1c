package ledger

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
	"github.com/stretchr/testify/require"
)

func TestPassing(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{&pq.Error{Code: "40001"}, true},  // serialization failure
		{&pq.Error{Code: "40P01"}, true},  // deadlock
		{&pq.Error{Code: "57P01"}, true},  // the server is stopped
		{&pq.Error{Code: "08006"}, true},  // connection failure
		{&pq.Error{Code: "25006"}, true},  // a standby
		{&pq.Error{Code: "53300"}, true},  // too many connections
		{&pq.Error{Code: "53100"}, false}, // disk full
		{&pq.Error{Code: "28P01"}, false}, // password
		{&pq.Error{Code: "42501"}, false}, // privilege
		{&pq.Error{Code: pqerror.Code("")}, false},
		{driver.ErrBadConn, true},
		{io.EOF, true},
		{fmt.Errorf("x: %w", io.ErrUnexpectedEOF), true},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, true},
		{ErrLost, false},
		{unusable("x"), false},
		{context.Canceled, false},
	} {
		require.Equal(t, c.want, passing(c.err), "%v", c.err)
	}
}

func TestDSNIsNeverQuoted(t *testing.T) {
	for _, dsn := range []string{
		"postgres://me:canary%zz@127.0.0.1/x", "postgres://me:canary@127.0.0.1:bad port/x", "password=canary host='", "canary",
		"postgres://me:canary@127.0.0.1/x?sslmode=canary", "postgres://me:canary@127.0.0.1/x?connect_timeout=canary",
	} {
		_, err := openPostgres(t.Context(), dsn, owning, terms{})
		require.Error(t, err, dsn)
		require.NotContains(t, err.Error(), "canary")
	}
}
