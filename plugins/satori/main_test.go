package satori

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sansansatori/plugins/apicall"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Canaries: none of these may appear in anything but a request's parameters.
var testKeys = Keys{
	UserKey: "0a1canaryuserkey0000000000000000", UserSecret: "0b2canaryusersecret0000000000000",
	CompanyKey: "0c3canarycompanykey0000000000000", CompanySecret: "0d4canarycompanysecret0000000000",
}

// fake answers every request as told and remembers the last one, its form read.
type fake struct {
	mu     sync.Mutex
	last   *http.Request
	status int
	header map[string]string
	body   string
}

func (f *fake) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	_ = req.ParseMultipartForm(32 << 20)
	_ = req.ParseForm()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = req
	for name, value := range f.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(f.status)
	_, _ = w.Write([]byte(f.body))
}

func (f *fake) answer(status int, body string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status, f.body = status, body
}

func serve(t *testing.T, status int, body string) (*Client, *fake) {
	t.Helper()
	f := &fake{status: status, body: body}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return client(t, s.URL), f
}

func client(t *testing.T, base string) *Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := New(Config{BaseURL: base, Keys: testKeys, Call: apicall.Config{Timeout: 5 * time.Second, Transport: transport}})
	require.NoError(t, err)
	return c
}

func requireClass(t *testing.T, err error, class Class) *Error {
	t.Helper()
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, class, e.Class, e.Error())
	return e
}
