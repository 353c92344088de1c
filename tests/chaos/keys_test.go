package chaos

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/tests/link"
	"sansansatori/tests/sansansim"
	"sansansatori/tests/satorisim"
)

// TestWrongKeys: a run that was asked for once ends at once and names the field.
func TestWrongKeys(t *testing.T) {
	link.Binary(t)
	cases := []struct {
		name   string
		change func(*sansansim.Settings, *satorisim.Settings)
		says   string
	}{
		{"Sansan 401", func(s *sansansim.Settings, _ *satorisim.Settings) { delete(s.Keys, sansansim.Key) }, "api_key"},
		{"Sansan 403", func(s *sansansim.Settings, _ *satorisim.Settings) {
			user := s.Keys[sansansim.Key]
			user.DataHubOnly = true
			s.Keys[sansansim.Key] = user
		}, "rights"},
		{"SATORI 401", func(_ *sansansim.Settings, s *satorisim.Settings) {}, "user_key, user_secret, company_key and company_secret"},
		{"SATORI 401 inside 200", func(_ *sansansim.Settings, s *satorisim.Settings) {
			s.BadKeys = satorisim.Refusal{HTTP: 200, Body: 401}
		}, "user_key, user_secret, company_key and company_secret"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.change)
			var env []string
			if strings.HasPrefix(c.name, "SATORI") {
				env = append(env, "SATORI_USER_SECRET=wrong")
			}
			begun := time.Now()
			out, err := w.Start(t, "config/sync.yaml", env...).End(t, patience)
			require.Error(t, err, out)
			require.Contains(t, out, c.says)
			require.Less(t, time.Since(begun), 20*time.Second, "quickly, even on a busy machine")
			lines := 0 // beside the engine's log
			for line := range strings.Lines(out) {
				if strings.Contains(line, c.says) && !strings.HasPrefix(line, "time=") {
					lines++
				}
			}
			require.Equal(t, 1, lines, "one clear line:\n%s", out)
			require.Less(t, w.Sansan.Count(sansansim.Any), 20)
			require.Less(t, len(w.Satori.Requests()), 20)
			require.Zero(t, w.Satori.Len())
			require.Empty(t, linesOf(t, w.Dir+"/dead_letters.jsonl"), "no customer is to blame")

			// With the keys mended all is written.
			w.Sansan.Configure(func(s *sansansim.Settings) { s.Keys = sansansim.Defaults().Keys })
			w.Once(t)
			promised(t, w, undisturbed(t))
		})
	}
}

// TestRightsAreMissing: SATORI's rights gate each call. Where all calls are
// refused a run ends and says so; it does not retry for ever.
func TestRightsAreMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(_ *sansansim.Settings, s *satorisim.Settings) {
		s.Forbidden = []satorisim.Kind{satorisim.BulkRegistration, satorisim.BulkUpsert, satorisim.SingleRegistration, satorisim.SingleUpsert}
	})
	out, err := w.Start(t, "config/sync.yaml").End(t, patience)
	require.Error(t, err, out)
	require.Contains(t, out, "failed")
	require.Zero(t, w.Satori.Len())
	require.Less(t, len(w.Satori.Requests()), 50)

	// With the rights given all is written.
	w.Satori.Change(func(s *satorisim.Settings) { s.Forbidden = nil })
	w.Once(t)
	promised(t, w, undisturbed(t))
}

// TestWrongKeysForever: with a schedule the link is not ready, looks again
// slowly, and goes on by itself when the keys are known.
func TestWrongKeysForever(t *testing.T) {
	link.Binary(t)
	for _, end := range []string{"Sansan", "SATORI"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			w := with(newWorld(t, nil), "http.enabled=true",
				"input.sansan_input.backoff.max_interval=1s", link.SatoriPath("backoff.max_interval")+"=1s")
			good := w.Satori.Keys()
			env := []string{"SATORI_USER_SECRET=" + good.UserSecret}
			asked := func() int { return w.Sansan.Count(sansansim.Any) }
			if end == "Sansan" {
				w.Sansan.Configure(func(s *sansansim.Settings) { s.Keys = nil })
			} else {
				w.Satori.Change(func(s *satorisim.Settings) { s.Keys.UserSecret = "another" })
				asked = func() int { return len(w.Satori.Requests()) }
			}
			address := freeAddress(t)
			p := w.Start(t, "config/sync.yaml", append(env, "SCHEDULE=@every 1s", "HTTP_ADDRESS="+address)...)
			require.Eventually(t, func() bool { return asked() > 1 }, patience, 10*time.Millisecond)
			before, begun := asked(), time.Now()
			for range 6 {
				code, _ := fetch(t.Context(), address, "/ready")
				require.NotEqual(t, 200, code)
				time.Sleep(500 * time.Millisecond)
			}
			require.LessOrEqual(t, asked()-before, 2+2*int(time.Since(begun)/time.Second), "it looks again slowly")
			w.Sansan.Configure(func(s *sansansim.Settings) { s.Keys = sansansim.Defaults().Keys })
			w.Satori.Change(func(s *satorisim.Settings) { s.Keys = good })
			want := undisturbed(t)
			require.Eventually(t, func() bool { return w.Satori.Len() == len(want) }, patience, 50*time.Millisecond)
			require.Eventually(t, func() bool { code, _ := fetch(t.Context(), address, "/ready"); return code == 200 }, patience, 50*time.Millisecond)
			p.Term()
			out, err := p.End(t, patience)
			require.NoError(t, err, out)
			require.Empty(t, linesOf(t, w.Dir+"/dead_letters.jsonl"))
			promised(t, w, want)
		})
	}
}
