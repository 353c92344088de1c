package sansaninput

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/require"
)

// BenchmarkRead measures client and input: pages of 300 cards over HTTP, to
// messages that are acknowledged. The CPU time holds the server's share.
func BenchmarkRead(b *testing.B) {
	const pages, size = 40, 300
	made := make([]string, pages)
	for p := range pages {
		rows := make([]string, size)
		for i := range rows {
			n := p*size + i
			at := day.Add(time.Duration(n) * time.Second)
			rows[i] = fmt.Sprintf(`{"id":"%032X","companyId":"B2C4D6E8F0A1B3C5D7E9F1A2B4C6D8E0","personId":"F1E2D3C4B5A697887766554433221100","exchangeDate":"2026-04-01","registeredTime":"%s","updatedTime":"%s","owner":{"id":"suzuki","name":"鈴木一郎","email":"suzuki@example.com"},"lastName":"山田","firstName":"太郎","lastNameReading":"ヤマダ","firstNameReading":"タロウ","departmentName":"営業部","title":null,"email":"yamada%d@example.co.jp","mobile":"080-0000-0000","companyName":"株式会社サンプル","countryCode":"JP","postalCode":"1000001","address":"東京都千代田区千代田 1-1 サンプルビル 2F","prefecture":"東京都","city":"千代田区","street":"千代田 1-1","building":"サンプルビル 2F","tel":"03-0000-0000","secondTel":null,"fax":"03-0000-0001","url":"https://example.co.jp","memo":null,"tags":[{"id":"C0FFEE00C0FFEE00C0FFEE00C0FFEE00","name":"展示会2026","type":"shared","owner":null}]}`,
				n, at.Format(time.RFC3339), at.Format(time.RFC3339), n)
		}
		more := p+1 < pages
		made[p] = fmt.Sprintf(`{"data":[%s],"hasMore":%t,"nextPageToken":"%d"}`, strings.Join(rows, ","), more, p+1)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/me") {
			return
		}
		p, _ := strconv.Atoi(r.URL.Query().Get("nextPageToken"))
		_, _ = w.Write([]byte(made[p]))
	}))
	b.Cleanup(s.Close)
	res := service.MockResources(service.MockResourcesOptAddCache("cursor"))
	var used time.Duration
	cards := 0
	for b.Loop() {
		parsed, err := inputSpec().ParseYAML("base_url: "+s.URL+"\napi_key: k\nschedule: once\nrequests_per_second: 100000\nread_only_checkpoint: true\ncheckpoint_cache: cursor", nil)
		require.NoError(b, err)
		conf, err := configFromParsed(parsed)
		require.NoError(b, err)
		in, err := newInput(conf, res)
		require.NoError(b, err)
		require.NoError(b, in.Connect(b.Context()))
		before := cpuTime(b)
		for {
			batch, ack, err := in.ReadBatch(b.Context())
			if errors.Is(err, service.ErrEndOfInput) {
				break
			}
			require.NoError(b, err)
			cards += len(batch)
			require.NoError(b, ack(b.Context(), nil))
		}
		used += cpuTime(b) - before
		require.NoError(b, in.Close(context.Background()))
	}
	require.Zero(b, cards%(pages*size))
	b.ReportMetric(float64(used.Nanoseconds())/1000/float64(cards), "cpu-µs/card")
	b.ReportMetric(float64(cards)/b.Elapsed().Seconds(), "cards/s")
}

// cpuTime of the process: on a busy machine the clock says little.
func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
