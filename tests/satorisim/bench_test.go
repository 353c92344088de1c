package satorisim

import (
	"fmt"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkJob is one upload of 10,000 rows with its status, new customers
// each time: the simulator's own share, without a client and the network.
func BenchmarkJob(b *testing.B) {
	head := []string{"email", "last_name", "first_name", "last_name_reading", "first_name_reading", "lead_company_name", "department", "position",
		"phone_number", "mobile_phone_number", "address", "web_site", "collection_route", "collection_date", "custom:exchange_date", "append_tags"}
	const n = 10_000
	text := func(round int) string {
		rows := make([][]string, 0, n+1)
		rows = append(rows, head)
		for i := range n {
			rows = append(rows, []string{fmt.Sprintf("p%d.%d@example.co.jp", round, i), "山田", "太郎", "やまだ", "たろう", "株式会社サンプル", "営業部", "部長",
				"03-0000-0000", "080-0000-0000", "東京都千代田区千代田 1-1 サンプルビル 2F", "https://example.co.jp", "Sansan", "2026-04-01", "2026-04-01", "鈴木一郎,展示会2026"})
		}
		return table2csv(rows...)
	}
	for _, verb := range []string{"registration", "upsert"} {
		b.Run(verb, func(b *testing.B) {
			s := start(b)
			b.ReportAllocs()
			var cpu time.Duration // of the whole process: other work on the machine does not count
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				req := s.upload(verb, "email", text(i), s.keys())
				b.StartTimer()
				before := spent()
				w := httptest.NewRecorder()
				s.ServeHTTP(w, req)
				require.Equal(b, 200, w.Code)
				status := httptest.NewRequest("GET", "/api/v4/public/bulk_customers/status.json?process_code="+s.Jobs()[i].ProcessCode+"&"+s.keys().Encode(), nil)
				s.ServeHTTP(w, status)
				cpu += spent() - before
			}
			b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N)/n, "cpu-ns/row")
			b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func spent() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
