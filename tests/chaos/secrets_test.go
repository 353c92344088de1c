package chaos

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/tests/link"
	"sansansatori/tests/sansansim"
	"sansansatori/tests/satorisim"
)

// The five keys, easily found wherever they leak to. "+" and "/" would show a
// key that was only escaped.
var canaries = map[string]string{
	"SANSAN_API_KEY":        "canary+sansan/api&key=1",
	"SATORI_USER_KEY":       "canary+user/key&1",
	"SATORI_USER_SECRET":    "canary+user/secret&2",
	"SATORI_COMPANY_KEY":    "canary+company/key&3",
	"SATORI_COMPANY_SECRET": "canary+company/secret&4",
}

func canaryWorld(t *testing.T) *link.World {
	w := newWorld(t, func(a *sansansim.Settings, s *satorisim.Settings) {
		user := a.Keys[sansansim.Key]
		a.Keys[canaries["SANSAN_API_KEY"]] = user
		s.Keys = satorisim.Keys{
			UserKey: canaries["SATORI_USER_KEY"], UserSecret: canaries["SATORI_USER_SECRET"],
			CompanyKey: canaries["SATORI_COMPANY_KEY"], CompanySecret: canaries["SATORI_COMPANY_SECRET"],
		}
		s.QuoteValues = true
		s.RejectRow = func(email string) string {
			if email[0] < 'd' {
				return "メールアドレス " + email + " は登録できません" // SATORI quotes what it refuses
			}
			return ""
		}
	})
	return with(w, "http.enabled=true", impatientInput, impatientOutput, manyRequests)
}

func canaryEnv(more ...string) []string {
	env := []string{"LOG_LEVEL=TRACE"}
	for name, key := range canaries {
		env = append(env, name+"="+key)
	}
	return append(env, more...)
}

// leaks names the keys found in a text, in the forms they could take.
func leaks(text []byte) (found []string) {
	for name, key := range canaries {
		for _, form := range []string{key, url.QueryEscape(key), url.PathEscape(key), strings.ReplaceAll(key, "&", "&amp;"), strings.ReplaceAll(key, "&", `\u0026`)} {
			if bytes.Contains(text, []byte(form)) {
				found = append(found, name)
			}
		}
	}
	return found
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// fetch gets one page of the link's server; a failure gives its words, which are
// looked through as well.
func fetch(ctx context.Context, address, path string) (int, []byte) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return 0, []byte(err.Error())
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, []byte(err.Error())
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return res.StatusCode, body
}

// TestSecrets: with every fault on and the most verbose log, no key and no
// person is where it does not belong.
func TestSecrets(t *testing.T) {
	link.Binary(t)
	t.Run("faults", func(t *testing.T) {
		t.Parallel()
		w := canaryWorld(t)
		w.Sansan.Chaos(1, 0.25)
		w.Satori.ChaosOf(append(satorisim.Menu(), satorisim.FaultEcho(), satorisim.FaultEcho(),
			satorisim.FaultRedirect("http://127.0.0.1:1/elsewhere")), 1, 0.25, satorisim.Status)
		w.Satori.Chaos(2, 0.25)
		address := freeAddress(t)
		p := w.Start(t, "config/sync.yaml", canaryEnv("SCHEDULE=@every 1s", "HTTP_ADDRESS="+address)...)
		require.Eventually(t, func() bool { code, _ := fetch(t.Context(), address, "/ping"); return code == 200 }, patience, 50*time.Millisecond)
		pages := map[string][]byte{}
		look := func() {
			for _, path := range []string{
				"/ping", "/ready", "/version", "/metrics", "/stats", "/endpoints", "/", "/streams", "/streams/default",
				"/debug/config/json", "/debug/config/yaml", "/debug/pprof/heap?debug=1", "/debug/pprof/cmdline", "/debug/stack", "/debug/vars",
			} {
				code, body := fetch(t.Context(), address, path)
				if strings.HasPrefix(path, "/debug") || strings.HasPrefix(path, "/streams") {
					require.NotEqual(t, 200, code, path)
				}
				pages[path] = append(pages[path], body...)
			}
		}
		look()
		require.Eventually(t, func() bool { return len(told(t, w)) > cardCount*8/10 }, patience, 50*time.Millisecond)
		look()
		p.Term()
		out, err := p.End(t, patience)
		require.NoError(t, err)
		require.NotEmpty(t, linesOf(t, filepath.Join(w.Dir, "dead_letters.jsonl")), "SATORI refused some")
		nothingLeaked(t, w, out, pages)
		modes(t, w)
	})
	t.Run("keys refused", func(t *testing.T) {
		t.Parallel()
		// Each service can show what it was sent, no more.
		echo := func(names ...string) string {
			text := `{"statusCode":401,"status":401,"message":"unknown:`
			for _, name := range names {
				text += " " + canaries[name]
			}
			return text + `"}`
		}
		cases := map[string]func(w *link.World){
			"api_key":     func(w *link.World) { w.Sansan.Configure(func(s *sansansim.Settings) { s.Keys = nil }) },
			"user_secret": func(w *link.World) { w.Satori.Change(func(s *satorisim.Settings) { s.Keys.UserSecret = "another" }) },
			"api_key, quoted": func(w *link.World) {
				w.Sansan.Control(sansansim.Any, func(r *sansansim.Request) bool {
					r.Send(&sansansim.Answer{Status: 401, Body: []byte(echo("SANSAN_API_KEY"))})
					return true
				})
			},
			"company_secret, quoted": func(w *link.World) {
				w.Satori.Control(satorisim.Any, satorisim.FaultAnswer(401, "application/json",
					echo("SATORI_USER_KEY", "SATORI_USER_SECRET", "SATORI_COMPANY_KEY", "SATORI_COMPANY_SECRET")))
			},
		}
		for name, refuse := range cases {
			w := canaryWorld(t)
			refuse(w)
			out, err := w.Start(t, "config/sync.yaml", canaryEnv("HTTP_ADDRESS="+freeAddress(t))...).End(t, patience)
			require.Error(t, err)
			field, _, _ := strings.Cut(name, ",")
			require.Contains(t, out, field)
			nothingLeaked(t, w, out, nil)
		}
	})
	t.Run("commands", func(t *testing.T) {
		t.Parallel()
		w := canaryWorld(t)
		for _, args := range [][]string{{"echo"}, {"lint"}, {"dry-run"}, {"check"}} {
			out := command(t, w, args[0])
			require.Empty(t, leaks(out), "%s shows keys:\n%s", args[0], out)
		}
	})
	t.Run("listens on loopback only", func(t *testing.T) {
		text, err := os.ReadFile(filepath.Join(link.Root(), "config", "sync.yaml"))
		require.NoError(t, err)
		require.Contains(t, string(text), `address: "${HTTP_ADDRESS:127.0.0.1:4195}"`)
		require.Contains(t, string(text), "debug_endpoints: false")
	})
}

// nothingLeaked looks through everything a run has left.
func nothingLeaked(t *testing.T, w *link.World, out string, pages map[string][]byte) {
	t.Helper()
	require.Empty(t, leaks([]byte(out)), "keys in the log:\n%s", out)
	for path, body := range pages {
		require.Empty(t, leaks(body), "keys in %s", path)
		people(t, w, path, string(body))
	}
	people(t, w, "the log", out)
	require.NoError(t, filepath.WalkDir(w.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Empty(t, leaks(content), "keys in %s", path)
		if name := entry.Name(); name != "journal.jsonl" && name != "dead_letters.jsonl" {
			people(t, w, name, string(content))
		}
		return nil
	}))
}

// people: no e-mail and no telephone number of a card is in a text. Names alone
// are too short to tell; companies stand for them.
func people(t *testing.T, w *link.World, where, text string) {
	t.Helper()
	for _, card := range w.Sansan.Cards() {
		for _, field := range []string{"email", "mobile", "tel", "companyName", "address"} {
			value, _ := card[field].(string)
			if value = strings.TrimSpace(value); len(value) < 6 {
				continue
			}
			if at := strings.Index(text, value); at >= 0 {
				t.Fatalf("%s of a card is in %s: …%s…", field, where, text[max(0, at-200):min(len(text), at+200)])
			}
		}
	}
}

// modes: what the link creates is for its user alone.
func modes(t *testing.T, w *link.World) {
	t.Helper()
	seen := map[string]bool{}
	require.NoError(t, filepath.WalkDir(w.Dir, func(path string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := entry.Info()
		require.NoError(t, err)
		want := fs.FileMode(0o600)
		if entry.IsDir() {
			want = 0o700
		}
		require.Equal(t, want, info.Mode().Perm(), path)
		seen[entry.Name()] = true
		return nil
	}))
	for _, name := range []string{cursorFile, ledgerFile, ledgerFile + ".lock", "journal.jsonl", "dead_letters.jsonl"} {
		require.True(t, seen[name], "%s is missing: %v", name, seen)
	}
}

// command runs one of the binary's commands on the shipped pipeline.
func command(t *testing.T, w *link.World, name string) []byte {
	cmd := w.Command(t, name, "config/sync.yaml")
	cmd.Env = append(cmd.Env, canaryEnv("HTTP_ADDRESS="+freeAddress(t))...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		out = append(out, fmt.Sprint("\n", err)...)
	}
	return out
}
