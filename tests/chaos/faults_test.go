package chaos

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/tests/link"
	"sansansatori/tests/sansansim"
	"sansansatori/tests/satorisim"
)

// soon is a hint that costs a test little: hints count in whole seconds.
const soon = time.Second

// fault is one line of the menu. It disturbs a world whose end must all the same
// be that of an undisturbed one.
type fault struct {
	name   string
	sets   []string
	struck bool // it leaves a trace in the simulators' logs
	do     func(w *link.World)
}

func sansanFault(name string, do sansansim.Control, sets ...string) fault {
	return fault{"Sansan: " + name, sets, true, func(w *link.World) {
		w.Sansan.Control(sansansim.Any, sansansim.Skip(1, sansansim.Times(2, do)))
	}}
}

func satoriFault(name string, do satorisim.Control, sets ...string) fault {
	return fault{"SATORI: " + name, sets, true, func(w *link.World) {
		for _, kind := range []satorisim.Kind{satorisim.BulkRegistration, satorisim.BulkUpsert, satorisim.Status} {
			w.Satori.Control(kind, satorisim.Times(2, do))
		}
	}}
}

func setting(name string, change func(*satorisim.Settings), sets ...string) fault {
	return fault{"SATORI: " + name, sets, false, func(w *link.World) { w.Satori.Change(change) }}
}

func pages(name string, change func(*sansansim.Settings), sets ...string) fault {
	return fault{"Sansan: " + name, sets, false, func(w *link.World) { w.Sansan.Configure(change) }}
}

var (
	impatientInput  = "input.sansan_input.timeout=300ms"
	impatientOutput = link.SatoriPath("timeout") + "=300ms"
	manyRequests    = link.SatoriPath("max_rows") + "=25"
)

// menu is the list of issue 4, one by one.
func menu() []fault {
	once := func(do satorisim.Control) func(w *link.World) {
		return func(w *link.World) {
			w.Satori.Control(satorisim.BulkRegistration, satorisim.Times(1, do))
			w.Satori.Control(satorisim.BulkUpsert, satorisim.Times(1, do))
		}
	}
	return []fault{
		sansanFault("429", sansansim.Fault429(sansansim.Hint{})),
		sansanFault("429, seconds in the header", sansansim.Fault429(sansansim.Hint{Kind: sansansim.HintHeader, After: soon})),
		sansanFault("429, a date in the header", sansansim.Fault429(sansansim.Hint{Kind: sansansim.HintHeaderDate, After: soon})),
		sansanFault("429, seconds in the body", sansansim.Fault429(sansansim.Hint{Kind: sansansim.HintBody, After: soon})),
		sansanFault("500", sansansim.FaultStatus(500)),
		sansanFault("502", sansansim.FaultStatus(502)),
		sansanFault("503", sansansim.FaultStatus(503)),
		sansanFault("HTML", sansansim.FaultHTML()),
		sansanFault("truncated JSON", sansansim.FaultTruncated()),
		sansanFault("wrong JSON types", sansansim.FaultWrongTypes()),
		sansanFault("reset before the answer", sansansim.FaultReset(sansansim.Before)),
		sansanFault("reset during the answer", sansansim.FaultReset(sansansim.During)),
		sansanFault("reset after the answer", sansansim.FaultReset(sansansim.After)),
		sansanFault("stall past the time limit", sansansim.FaultStall(time.Minute), impatientInput),
		sansanFault("slow body", sansansim.FaultSlowBody(5*time.Millisecond)),
		sansanFault("slow body past the time limit", sansansim.FaultSlowBody(time.Second), impatientInput),
		pages("a token that expires", func(s *sansansim.Settings) { s.TokenUses = 1 }),
		pages("a token that expires before its use", func(s *sansansim.Settings) { s.TokenLife = time.Nanosecond }),
		pages("a token that repeats", func(s *sansansim.Settings) { s.RepeatFromPage = 2 }),
		pages("empty pages with hasMore", func(s *sansansim.Settings) { s.EmptyPageEvery = 2 }),
		pages("null rows", func(s *sansansim.Settings) { s.NullRowEvery = 3 }),
		pages("order is ignored", func(s *sansansim.Settings) { s.IgnoreOrder = true }),

		satoriFault("429", satorisim.Fault429(satorisim.Hint{})),
		satoriFault("429, seconds in the header", satorisim.Fault429(satorisim.Hint{Kind: satorisim.HintHeader, After: soon})),
		satoriFault("429, a date in the header", satorisim.Fault429(satorisim.Hint{Kind: satorisim.HintHeaderDate, After: soon})),
		satoriFault("429, seconds in the body", satorisim.Fault429(satorisim.Hint{Kind: satorisim.HintBody, After: soon})),
		satoriFault("500", satorisim.FaultStatus(500)),
		satoriFault("502", satorisim.FaultStatus(502)),
		satoriFault("503", satorisim.FaultStatus(503)),
		satoriFault("HTML", satorisim.FaultHTML()),
		satoriFault("a page that shows the request", satorisim.FaultEcho()),
		satoriFault("truncated JSON", satorisim.FaultTruncated()),
		satoriFault("wrong JSON types", satorisim.FaultWrongTypes()),
		satoriFault("reset before the answer", satorisim.FaultReset(satorisim.Before)),
		satoriFault("reset during the answer", satorisim.FaultReset(satorisim.During)),
		satoriFault("reset after the answer", satorisim.FaultReset(satorisim.After)),
		satoriFault("applied, the answer lost", satorisim.FaultAnswerLost()),
		satoriFault("applied, then a gateway's 502", satorisim.Applied(satorisim.FaultStatus(502))),
		satoriFault("stall past the time limit", satorisim.FaultStall(time.Minute), impatientOutput),
		satoriFault("slow body", satorisim.FaultSlowBody(5*time.Millisecond)),
		satoriFault("slow body past the time limit", satorisim.FaultSlowBody(time.Second), impatientOutput),
		satoriFault("an answer without end", satorisim.FaultHuge(40<<20)),
		{"SATORI: applied and stalled past the time limit", []string{impatientOutput}, true, once(satorisim.Applied(satorisim.FaultStall(time.Minute)))},
		{"SATORI: a job that never finishes", []string{link.SatoriPath("job_timeout") + "=500ms"}, false, func(w *link.World) {
			w.Satori.Change(func(s *satorisim.Settings) { s.JobNever, s.Jobs = true, satorisim.Parallel })
			w.Satori.Control(satorisim.Status, satorisim.Skip(1, func(*satorisim.Request) bool {
				w.Satori.Change(func(s *satorisim.Settings) { s.JobNever = false })
				return false
			}))
		}},
		{"SATORI: a job that is forgotten before it was asked for", []string{manyRequests}, true, func(w *link.World) {
			w.Satori.Control(satorisim.Status, satorisim.Times(2, satorisim.FaultStatus(404)))
		}},
		setting("row numbers count from 0", func(s *satorisim.Settings) { s.RowBase = 0 }),
		setting("row numbers count from 1", func(s *satorisim.Settings) { s.RowBase = 1 }),
		setting("rows in both lists", func(s *satorisim.Settings) { s.DoubledRows = true }),
		setting("numbers as text", func(s *satorisim.Settings) { s.NumbersQuoted = true }),
		setting("answers in message", func(s *satorisim.Settings) { s.ProcessCodeIn, s.StatusIn = satorisim.InMessage, satorisim.InMessage }),
		setting("answers at top level", func(s *satorisim.Settings) { s.ProcessCodeIn, s.StatusIn = satorisim.TopLevel, satorisim.TopLevel }),
		setting("no list of good rows", func(s *satorisim.Settings) { s.SucceededRows = satorisim.RowsAbsent }),
		setting("an empty list of good rows", func(s *satorisim.Settings) { s.SucceededRows = satorisim.RowsEmpty }),
		setting("a second job is refused", func(s *satorisim.Settings) { s.Jobs, s.JobDuration = satorisim.Refuse, 50*time.Millisecond }, manyRequests, link.SatoriPath("jobs")+"=3"),
	}
}

// TestFaults: each fault by itself ends in the right state.
func TestFaults(t *testing.T) {
	link.Binary(t)
	want := undisturbed(t)
	for _, f := range menu() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			w := with(newWorld(t, nil), f.sets...)
			f.do(w)
			w.Once(t)
			if f.struck {
				require.NotZero(t, len(w.Sansan.Faults())+len(w.Satori.Faults()), "the fault never struck")
			}
			promised(t, w, want)
			require.Empty(t, badManners(w))
		})
	}
}

// badManners are what a good client never does, where it could know.
func badManners(w *link.World) (bad []satorisim.Violation) {
	for _, v := range w.Satori.Violations() {
		if !v.Excused {
			bad = append(bad, v)
		}
	}
	return bad
}

// TestChaosMixed: all faults at both ends at once.
func TestChaosMixed(t *testing.T) {
	link.Binary(t)
	want := undisturbed(t)
	for seed := range seeds(t, 3) {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			w := with(newWorld(t, func(_ *sansansim.Settings, s *satorisim.Settings) { s.JobDuration = 20 * time.Millisecond }),
				impatientInput, impatientOutput, manyRequests, "input.sansan_input.page_size=9")
			w.Sansan.Chaos(uint64(seed), 0.2)
			w.Satori.Chaos(uint64(seed), 0.2)
			w.Once(t)
			t.Logf("faults of Sansan %v, of SATORI %v", w.Sansan.Faults(), w.Satori.Faults())
			promised(t, w, want)
		})
	}
}

// TestRefusedRows: rows that SATORI refuses, however it says so, are dead letters
// with its words; all others are written.
func TestRefusedRows(t *testing.T) {
	const words = "this customer is refused"
	want := undisturbed(t)
	refuse := func(email string) string {
		if email[0] < 'f' {
			return words
		}
		return ""
	}
	cases := map[string]func(*satorisim.Settings){
		"row by row":             func(*satorisim.Settings) {},
		"the request as a whole": func(s *satorisim.Settings) { s.BadRow = satorisim.RefuseRequest },
		"with 200 in HTTP": func(s *satorisim.Settings) {
			s.Invalid, s.BadUpload = satorisim.Refusal{HTTP: 200, Body: 400}, satorisim.Refusal{HTTP: 200, Body: 400}
		},
		"row numbers out of range":  func(s *satorisim.Settings) { s.StrayRows = 2 },
		"row numbers from 0":        func(s *satorisim.Settings) { s.RowBase = 0 },
		"refused rows also as good": func(s *satorisim.Settings) { s.DoubledRows = true },
		"no list of good rows":      func(s *satorisim.Settings) { s.SucceededRows = satorisim.RowsAbsent },
		"no list, counted from 0":   func(s *satorisim.Settings) { s.SucceededRows, s.RowBase = satorisim.RowsAbsent, 0 },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(_ *sansansim.Settings, s *satorisim.Settings) {
				s.RejectRow = refuse
				change(s)
			})
			var sets []string
			if name == "no list, counted from 0" { // nothing in the answers would show it
				sets = append(sets, link.SatoriPath("first_row")+"=0")
			}
			with(w, sets...).Once(t)
			got := w.Satori.Customers()
			refused, lettered := map[string]bool{}, map[string]bool{}
			for email, customer := range want {
				if refuse(email) == "" {
					require.Equal(t, customer, got[email])
					continue
				}
				refused[email] = true
				require.NotContains(t, got, email)
			}
			require.NotEmpty(t, refused)
			for _, letter := range linesOf(t, w.Dir+"/dead_letters.jsonl") {
				email, _ := letter["email"].(string)
				said, _ := letter["error"].(string)
				if !refused[strings.ToLower(email)] {
					t.Errorf("%s is a dead letter: %s", email, said)
				}
				require.Contains(t, said, words)
				lettered[strings.ToLower(email)] = true
			}
			require.Equal(t, refused, lettered)
			whole(t, w)
		})
	}
}

// TestEndless: a service that never gets any further does not keep a run for
// ever, nor does it end it as if all were well.
func TestEndless(t *testing.T) {
	const soon = "input.sansan_input.backoff.max_elapsed_time=2s" // instead of 15m
	cases := map[string]func(*sansansim.Settings){
		"the same page for ever": func(s *sansansim.Settings) { s.RepeatFromPage = 1; s.TokenUses = 1 },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(s *sansansim.Settings, _ *satorisim.Settings) { change(s) })
			w.Set = append(slices.Clone(w.Set), soon)
			_, _ = w.Start(t, "config/sync.yaml").End(t, patience)
			require.Less(t, w.Sansan.Count(sansansim.Any), 2000)
		})
	}
	t.Run("empty pages for ever", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		w.Set = append(slices.Clone(w.Set), soon)
		n := 0
		w.Sansan.Control(sansansim.Cards, func(r *sansansim.Request) bool {
			n++ // one request at a time
			r.Send(&sansansim.Answer{Status: 200, Body: []byte(`{"data":[],"hasMore":true,"nextPageToken":"` + strings.Repeat("x", n%50+1) + `"}`)})
			return true
		})
		out, err := w.Start(t, "config/sync.yaml").End(t, patience)
		require.Error(t, err, "nothing was read: that is no success")
		require.Contains(t, out, "pages")
	})
}
