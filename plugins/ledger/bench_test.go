//go:build unix

package ledger

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// benchHeld is what a customer of the shipped pipeline holds.
func benchHeld(i int) Values {
	return Values{
		"last_name": "山田", "first_name": "太郎", "last_name_reading": "やまだ", "first_name_reading": "たろう",
		"lead_company_name": fmt.Sprintf("株式会社サンプル%d", i), "department": "営業部", "position": "課長",
		"phone_number": "03-1234-5678", "collection_date": "2026-11-01", "custom:exchange_date": "2026-11-01",
	}
}

// cpu is the time this process has computed; other work on the machine counts
// less in it than in the time that passed.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchImport(tb testing.TB, s Store, from, to int) {
	for from < to {
		n := min(10_000, to-from)
		rows := make([]Imported, n)
		for i := range rows {
			rows[i] = Imported{Key: KeyOf(fmt.Sprintf("person%d@example.com", from+i)), Held: benchHeld(from + i)}
		}
		require.NoError(tb, s.Import(tb.Context(), rows))
		from += n
	}
}

// benchGroup is one group of new customers through Load, Begin and Settle.
func benchGroup(ctx context.Context, tb testing.TB, s Store, name string, stride, from, n int) {
	keys := make([]Key, n)
	intents := make([]Intent, n)
	for i := range keys {
		keys[i] = KeyOf(fmt.Sprintf("person%d@example.com", from+i*stride))
		intents[i] = Intent{Key: keys[i], Row: i, Verb: "registration", Held: benchHeld(i), Cards: Cards{fmt.Sprintf("card%d", from+i): "0123456789abcdef0123456789abcdef"}}
	}
	granted, err := s.Claim(ctx, keys)
	require.NoError(tb, err)
	require.Len(tb, granted, n)
	_, err = s.Load(ctx, keys)
	require.NoError(tb, err)
	require.NoError(tb, s.Begin(ctx, Request{ID: name, Verb: "registration", Intents: intents}))
	require.NoError(tb, s.Uploaded(ctx, name, "code"))
	require.NoError(tb, s.Settle(ctx, name, keys, nil))
}

func BenchmarkGroup(b *testing.B) {
	const n = 10_000
	for _, size := range []int{0, 1_000_000} {
		for _, kind := range []string{"new", "held"} {
			if size == 0 && kind == "held" {
				continue
			}
			b.Run(fmt.Sprintf("ledger=%d/%s", size, kind), func(b *testing.B) {
				s, err := Open(b.Context(), Config{Driver: DriverSQLite, DSN: filepath.Join(b.TempDir(), "l.db")})
				require.NoError(b, err)
				defer s.Close()
				benchImport(b, s, 0, size)
				round, before := 0, cpu()
				for b.Loop() {
					from, stride := size+round*n, 1
					if kind == "held" {
						from, stride = round, size/n
					}
					benchGroup(b.Context(), b, s, fmt.Sprint(round), stride, from, n)
					round++
				}
				b.ReportMetric(float64((cpu()-before).Microseconds())/float64(round*n), "cpu-µs/customer")
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/customer")
			})
		}
	}
}

func BenchmarkImport(b *testing.B) {
	const n = 100_000
	s, err := Open(b.Context(), Config{Driver: DriverSQLite, DSN: filepath.Join(b.TempDir(), "l.db")})
	require.NoError(b, err)
	defer s.Close()
	round, before := 0, cpu()
	for b.Loop() {
		benchImport(b, s, round*n, (round+1)*n)
		round++
	}
	b.ReportMetric(float64(round*n)/(cpu()-before).Seconds(), "rows/cpu-s")
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "rows/s")
}
