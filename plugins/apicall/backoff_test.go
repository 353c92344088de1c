package apicall

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestRetryHint(t *testing.T) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		header, body string
		want         time.Duration
		ok           bool
	}{
		"seconds":                  {header: "7", want: 7 * time.Second, ok: true},
		"a part of a second":       {header: "0.5", want: time.Second / 2, ok: true},
		"a date":                   {header: now.Add(time.Minute).Format(http.TimeFormat), want: time.Minute, ok: true},
		"a date that has passed":   {header: now.Add(-time.Minute).Format(http.TimeFormat), ok: true},
		"negative":                 {header: "-3", ok: true},
		"a year":                   {header: "31536000", want: 15 * time.Minute, ok: true},
		"not finite":               {header: "+Inf", want: 15 * time.Minute, ok: true},
		"not a number":             {header: "NaN", ok: true},
		"words, then a body":       {header: "soon", body: `{"retry_after":3}`, want: 3 * time.Second, ok: true},
		"the header goes first":    {header: "1", body: `{"retry_after":3}`, want: time.Second, ok: true},
		"body":                     {body: `{"retry_after":3}`, want: 3 * time.Second, ok: true},
		"body, as text":            {body: `{"retryAfter":"2.5"}`, want: 2500 * time.Millisecond, ok: true},
		"body, inside error":       {body: `{"error":[{"code":"x","retry_after":4}]}`, want: 4 * time.Second, ok: true},
		"body, inside message":     {body: `{"message":{"retryAfter":5}}`, want: 5 * time.Second, ok: true},
		"body, too deep":           {body: `{"error":{"error":{"error":{"retry_after":4}}}}`},
		"body, out of bounds":      {body: `{"retry_after":1e300}`, want: 15 * time.Minute, ok: true},
		"body, beyond all numbers": {body: `{"retry_after":1e999}`, want: 15 * time.Minute, ok: true},
		"body, another type":       {body: `{"retry_after":true}`},
		"HTML":                     {body: `<html>retry_after 5</html>`},
		"nothing":                  {},
	} {
		t.Run(name, func(t *testing.T) {
			header := http.Header{}
			if test.header != "" {
				header.Set("Retry-After", test.header)
			}
			got, ok := RetryHint(header, []byte(test.body), now)
			require.Equal(t, test.ok, ok)
			require.InDelta(t, test.want, got, 1000)
		})
	}
}

func TestRetryWaitsLongerEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		retry := Backoff{Initial: time.Second, Max: 8 * time.Second}.Start()
		for _, full := range []time.Duration{1, 2, 4, 8, 8, 8} {
			begun := time.Now()
			require.NoError(t, retry.Wait(t.Context(), 0))
			took := time.Since(begun)
			require.GreaterOrEqual(t, took, full*time.Second/2)
			require.LessOrEqual(t, took, full*time.Second)
		}
	})
}

func TestRetryHonoursAHintBeyondItsMaximum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		require.NoError(t, Backoff{Initial: time.Second, Max: time.Second}.Start().Wait(t.Context(), time.Minute))
		require.GreaterOrEqual(t, time.Since(begun), time.Minute)
		require.LessOrEqual(t, time.Since(begun), 66*time.Second)
	})
}

func TestRetryGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		retry := Backoff{Initial: time.Second, Max: 10 * time.Second, MaxElapsed: time.Minute}.Start()
		begun := time.Now()
		var err error
		for err == nil {
			err = retry.Wait(t.Context(), 0)
		}
		require.ErrorIs(t, err, ErrGaveUp)
		require.GreaterOrEqual(t, time.Since(begun), time.Minute)
		require.LessOrEqual(t, time.Since(begun), 70*time.Second)
	})
}

func TestRetryEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		require.ErrorIs(t, Backoff{Initial: time.Hour, Max: time.Hour}.Start().Wait(ctx, 0), context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(begun))
	})
}

func TestRetryOfAnEmptyConfigurationStillWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		require.NoError(t, Backoff{}.Start().Wait(t.Context(), 0))
		require.LessOrEqual(t, time.Since(begun), time.Millisecond)
	})
}

func TestSay(t *testing.T) {
	for in, want := range map[string]string{
		"":            "",
		"plain":       "plain",
		"a\r\n\tb  c": "a b c",
		"<html><head><title>502</title><style>p{}</style></head><body><script>x()</script><p>Bad gateway</p></body></html>": "502 Bad gateway",
		"\x1b[31mred\x00":         "[31mred",
		"a\u202eb":                "a b",
		"\xff\xfe":                "?",
		"送信失敗":                    "送信失敗",
		strings.Repeat("長", 300):  strings.Repeat("長", 199) + "…",
		strings.Repeat("長", 9000): strings.Repeat("長", 199) + "…",
	} {
		require.Equal(t, want, Say([]byte(in)))
	}
}

func FuzzSay(f *testing.F) {
	f.Add([]byte("<p>a</p>"))
	f.Add([]byte("<script>\xff"))
	f.Fuzz(func(t *testing.T, body []byte) {
		said := Say(body)
		require.True(t, utf8.ValidString(said))
		require.LessOrEqual(t, utf8.RuneCountInString(said), 200)
		require.NotContains(t, said, "\n")
	})
}

func FuzzRetryHint(f *testing.F) {
	f.Add("5", []byte(`{"retry_after":3}`))
	f.Add("Mon, 02 Jan 2006 15:04:05 GMT", []byte(`[{"error":{"retryAfter":"x"}}]`))
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		hint, _ := RetryHint(http.Header{"Retry-After": {header}}, body, time.Unix(0, 0))
		require.GreaterOrEqual(t, hint, time.Duration(0))
		require.LessOrEqual(t, hint, 15*time.Minute)
	})
}
