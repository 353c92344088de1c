package sansaninput

import (
	"testing"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/require"
)

func TestReadProgress(t *testing.T) {
	res := service.MockResources(service.MockResourcesOptAddCache("cursor"))
	got, err := ReadProgress(t.Context(), res, "cursor", "k")
	require.NoError(t, err)
	require.Zero(t, got)
	want := Progress{Position: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), LastRun: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)}
	require.NoError(t, store(t.Context(), res, "cursor", "k", cursor{Position: want.Position, LastRun: want.LastRun}))
	got, err = ReadProgress(t.Context(), res, "cursor", "k")
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestNextRun(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		schedule   string
		last, want time.Time
	}{
		{"once", now, time.Time{}},
		{"@every 15m", now.Add(-5 * time.Minute), now.Add(10 * time.Minute)},
		{"@every 15m", time.Time{}, now},
		{"0 2 * * *", now, time.Date(2026, 11, 1, 17, 0, 0, 0, time.UTC)},
	}
	for _, test := range tests {
		got, err := NextRun(test.schedule, test.last, now)
		require.NoError(t, err)
		require.True(t, got.Equal(test.want), "%s: %s", test.schedule, got)
	}
	_, err := NextRun("sometimes", now, now)
	require.Error(t, err)
}
