package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"
)

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
