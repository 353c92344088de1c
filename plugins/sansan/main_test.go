package sansan

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sansansatori/plugins/apicall"
)

const canary = "CanaryKey0123456789abcdefCANARY0"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clientOf a server that h plays, under a base path with a version.
func clientOf(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := New(Config{BaseURL: s.URL + "/v3.2/", APIKey: canary + "\n", AppID: "app-7", Call: apicall.Config{Timeout: 5 * time.Second}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// saying answers every request alike.
func saying(t *testing.T, status int, body string) *Client {
	return clientOf(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
}
