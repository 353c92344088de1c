package ledger

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConfirmedBecomesHeld(t *testing.T) {
	cfg := Config{Driver: DriverSQLite, DSN: filepath.Join(t.TempDir(), "data", "ledger.db")}
	s, err := Open(t.Context(), cfg)
	require.NoError(t, err)
	k := KeyOf("a@example.com")
	req := Request{ID: "r1", Verb: "registration", Intents: []Intent{{Key: k, Verb: "registration", Held: Values{"x": "1"}, Cards: Cards{"c": "d"}}}}
	require.NoError(t, s.Begin(t.Context(), req))
	got, err := s.Load(t.Context(), []Key{k})
	require.NoError(t, err)
	require.False(t, got[k].Known)
	require.NotNil(t, got[k].Open)
	require.NoError(t, s.Settle(t.Context(), "r1", []Key{k}, nil))
	got, err = s.Load(t.Context(), []Key{k})
	require.NoError(t, err)
	require.Equal(t, map[Key]*Customer{k: {Known: true, Held: Values{"x": "1"}, Applied: Cards{"c": "d"}}}, got)
	_, err = Open(t.Context(), cfg)
	require.ErrorIs(t, err, ErrHeld)
	require.NoError(t, s.Close())
	s, err = Open(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, s.Close())
}
