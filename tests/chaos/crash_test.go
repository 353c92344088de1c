package chaos

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/tests/link"
	"sansansatori/tests/sansansim"
	"sansansatori/tests/satorisim"
)

// moment is when a process is killed. arm prepares it before the process starts
// and gives back what takes it away.
type moment struct {
	name string
	arm  func(w *link.World, r *rand.Rand, kill func()) (disarm func())
}

// kill9 is a control that kills the client before SATORI has seen the request.
func kill9(kill func()) satorisim.Control {
	return func(r *satorisim.Request) bool {
		kill()
		r.Kill(nil)
		return true
	}
}

// thenKill sends the answer and kills within 3 ms.
func thenKill(r *rand.Rand, kill func()) satorisim.Control {
	after := time.Duration(r.IntN(3000)) * time.Microsecond
	return func(q *satorisim.Request) bool {
		q.Send(q.Answer())
		time.AfterFunc(after, kill)
		return true
	}
}

// uploads puts a control before both kinds of upload.
func uploads(w *link.World, do satorisim.Control) (remove func()) {
	first, second := w.Satori.Control(satorisim.BulkRegistration, do), w.Satori.Control(satorisim.BulkUpsert, do)
	return func() { first(); second() }
}

var moments = []moment{
	{"some time after the start", func(_ *link.World, r *rand.Rand, kill func()) func() {
		timer := time.AfterFunc(time.Duration(r.IntN(1200))*time.Millisecond, kill)
		return func() { timer.Stop() }
	}},
	{"some time after the first page", func(w *link.World, r *rand.Rand, kill func()) func() {
		after := time.Duration(r.IntN(400)) * time.Millisecond
		return w.Sansan.Control(sansansim.Cards, sansansim.Times(1, func(*sansansim.Request) bool {
			time.AfterFunc(after, kill)
			return false
		}))
	}},
	{"around a page", func(w *link.World, r *rand.Rand, kill func()) func() {
		after := time.Duration(r.IntN(5000)) * time.Microsecond
		return w.Sansan.Control(sansansim.Cards, sansansim.Skip(r.IntN(5), func(*sansansim.Request) bool {
			time.AfterFunc(after, kill)
			return false
		}))
	}},
	{"before a request to SATORI", func(w *link.World, r *rand.Rand, kill func()) func() {
		return w.Satori.Control(satorisim.Any, satorisim.Skip(r.IntN(15), kill9(kill)))
	}},
	{"a request was applied, not answered", func(w *link.World, r *rand.Rand, kill func()) func() {
		return w.Satori.Control(satorisim.Any, satorisim.Skip(r.IntN(15), satorisim.Applied(kill9(kill))))
	}},
	{"a request was answered", func(w *link.World, r *rand.Rand, kill func()) func() {
		return w.Satori.Control(satorisim.Any, satorisim.Skip(r.IntN(15), thenKill(r, kill)))
	}},
	{"before an upload", func(w *link.World, r *rand.Rand, kill func()) func() {
		return uploads(w, satorisim.Skip(r.IntN(4), kill9(kill)))
	}},
	{"an upload was applied, not answered", func(w *link.World, r *rand.Rand, kill func()) func() {
		return uploads(w, satorisim.Skip(r.IntN(4), satorisim.Applied(kill9(kill))))
	}},
	{"an upload was answered", func(w *link.World, r *rand.Rand, kill func()) func() {
		return uploads(w, satorisim.Skip(r.IntN(4), thenKill(r, kill)))
	}},
	{"a job was polled", func(w *link.World, r *rand.Rand, kill func()) func() {
		return w.Satori.Control(satorisim.Status, satorisim.Skip(1+r.IntN(8), thenKill(r, kill)))
	}},
	{"while the ledger is written", func(w *link.World, r *rand.Rand, kill func()) func() {
		return onChange(filepath.Join(w.Dir, ledgerFile+"-wal"), 1+r.IntN(12), kill)
	}},
	{"while the cursor is written", func(w *link.World, r *rand.Rand, kill func()) func() {
		return onChange(filepath.Join(w.Dir, cursorFile), 1+r.IntN(3), kill)
	}},
	{"while the journal is written", func(w *link.World, r *rand.Rand, kill func()) func() {
		return onChange(filepath.Join(w.Dir, "journal.jsonl"), 1+r.IntN(10), kill)
	}},
}

// onChange kills at the nth change seen of a file. It looks without pause: a
// transaction takes no longer than a millisecond.
func onChange(path string, n int, kill func()) (stop func()) {
	ended := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		var before os.FileInfo
		for {
			select {
			case <-ended:
				return
			case <-time.After(100 * time.Microsecond):
			}
			now, err := os.Stat(path)
			if err != nil || before != nil && now.Size() == before.Size() && now.ModTime().Equal(before.ModTime()) {
				continue
			}
			if before = now; n == 0 {
				kill()
				return
			}
			n--
		}
	})
	return func() { close(ended); watching.Wait() }
}

// settingsOf a seed: how pages, requests and jobs are cut.
func settingsOf(r *rand.Rand) (func(*sansansim.Settings, *satorisim.Settings), []string) {
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	sets := []string{
		"input.sansan_input.page_size=" + pick("7", "20", "60", "300"),
		link.SatoriPath("max_rows") + "=" + pick("4", "25", "10000"),
		link.SatoriPath("linger") + "=" + pick("1ms", "20ms"),
		link.SatoriPath("api") + "=" + pick("auto", "auto", "bulk", "bulk", "single"),
		link.SatoriPath("jobs") + "=" + pick("1", "1", "3"),
	}
	at := []satorisim.JobMoment{satorisim.AtUpload, satorisim.AtStart, satorisim.AtFinish}[r.IntN(3)]
	took := time.Duration(r.IntN(3)) * 30 * time.Millisecond
	base, rows := r.IntN(3), []satorisim.Rows{satorisim.RowNumbers, satorisim.RowObjects, satorisim.RowsAbsent}[r.IntN(3)]
	return func(_ *sansansim.Settings, s *satorisim.Settings) {
		s.ApplyAt, s.JobDuration, s.RowBase, s.SucceededRows = at, took, base, rows
	}, sets
}

// tally of all seeds, for the page on reliability.
type tally struct {
	sync.Mutex
	crashes, ends    int
	writes, repeated int
	most             int // repeated writes of one seed
	longest          time.Duration
	killed           map[string]int
	torn, newcomers  int
}

// TestChaosCrash: kill -9 at any moment, again and again; after the last restart
// all is as if nothing had happened.
func TestChaosCrash(t *testing.T) {
	link.Binary(t)
	all := &tally{killed: map[string]int{}}
	t.Run("seeds", func(t *testing.T) {
		for seed := range seeds(t, 10) {
			t.Run(strconv.Itoa(seed), func(t *testing.T) {
				t.Parallel()
				crash(t, uint64(seed), all)
			})
		}
	})
	t.Logf("crashes survived %d (processes that ended before their moment: %d), torn cursors %d, cards added meanwhile %d", all.crashes, all.ends, all.torn, all.newcomers)
	t.Logf("writes %d, repeated %d, most repeated in a seed %d, longest recovery %s", all.writes, all.repeated, all.most, all.longest.Round(time.Millisecond))
	for name, n := range all.killed {
		t.Logf("%4d %s", n, name)
	}
	require.Positive(t, all.crashes)
	require.Less(t, all.repeated*4, all.writes, "a crash costs few repeated writes")
}

func crash(t *testing.T, seed uint64, all *tally) {
	r := rand.New(rand.NewPCG(seed, 0xC4A5))
	change, sets := settingsOf(r)
	w := with(newWorld(t, change), sets...)
	var killed []string
	torn, newcomers, ends := 0, 0, 0
	ill := seed%4 == 1
	if ill { // the services as well
		w.Satori.ChaosOf([]satorisim.Control{
			satorisim.FaultStatus(503), satorisim.FaultAnswerLost(), satorisim.FaultReset(satorisim.During), satorisim.FaultTruncated(),
		}, seed, 0.15)
		for _, do := range []sansansim.Control{sansansim.FaultStatus(503), sansansim.FaultTruncated(), sansansim.FaultReset(sansansim.During)} {
			w.Sansan.Control(sansansim.Cards, sansansim.Skip(r.IntN(6), sansansim.Times(2, do)))
		}
	}
	add := seed%3 == 2 // cards arrive between the crashes
	for life := range 1 + r.IntN(4) {
		if life > 0 && add {
			newcomers += arrive(w, r)
		}
		if r.Float64() < 0.2 && tear(t, w, r) {
			torn++
		}
		// The seed walks through the moments, so that few seeds meet them all.
		m := moments[(int(seed)+life*5)%len(moments)]
		if dies(t, w, r, m) {
			killed = append(killed, m.name)
		} else {
			ends++
		}
	}
	want := undisturbed(t)
	if newcomers > 0 {
		time.Sleep(2100 * time.Millisecond) // a run leaves the last second to the next one
		want = twin(t, w)
	}
	tornLast := r.Float64() < 0.3 && tear(t, w, r)
	begun := time.Now()
	out := w.Once(t)
	took := time.Since(begun)
	if tornLast {
		torn++
		require.Contains(t, out, "cursor cannot be read")
	}
	t.Log("killed at", killed, "with", sets)
	promised(t, w, want)
	writes, repeated := writesOf(w)

	all.Lock()
	defer all.Unlock()
	all.crashes += len(killed)
	all.ends += ends
	all.torn += torn
	all.newcomers += newcomers
	if !ill { // lost answers cost writes as well
		all.writes += writes
		all.repeated += repeated
		all.most = max(all.most, repeated)
	}
	all.longest = max(all.longest, took)
	for _, name := range killed {
		all.killed[name]++
	}
}

// dies runs the link until the moment has come; false when it ended before.
func dies(t *testing.T, w *link.World, r *rand.Rand, m moment) bool {
	var killed atomic.Bool
	var p *link.Process
	started := make(chan struct{})
	kill := func() {
		<-started
		if killed.CompareAndSwap(false, true) {
			_ = p.Process.Kill()
		}
	}
	defer m.arm(w, r, kill)()
	p = w.Start(t, "config/sync.yaml")
	close(started)
	out, err := p.End(t, patience)
	if err == nil {
		return false
	}
	require.True(t, killed.Load(), "it ended by itself: %s", out)
	return true
}

// tear leaves a cursor as a crash in the middle of writing it might.
func tear(t *testing.T, w *link.World, r *rand.Rand) bool {
	path := filepath.Join(w.Dir, cursorFile)
	content, err := os.ReadFile(path)
	if err != nil || len(content) == 0 {
		return false
	}
	require.NoError(t, os.WriteFile(path, content[:r.IntN(len(content))], 0o600))
	return true
}

// arrive puts further cards of known people into Sansan, older and newer ones.
func arrive(w *link.World, r *rand.Rand) int {
	cards := w.Sansan.Cards()
	n := 1 + r.IntN(4)
	for i := range n {
		card := cards[r.IntN(len(cards))]
		for _, k := range []string{"id", "updatedTime", "registeredTime"} {
			delete(card, k)
		}
		card["exchangeDate"] = time.Date(2022, 1, 1+r.IntN(2000), 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
		card["companyName"] = fmt.Sprintf("転職先%d株式会社", i)
		card["entryStatus"] = "completed"
		w.Sansan.Put(card)
	}
	return n
}

// TestChaosCursor: whatever stands where the cursor was, all is read again, with
// a warning: here a card that no change of Sansan's would bring.
func TestChaosCursor(t *testing.T) {
	link.Binary(t)
	cases := map[string]func(content []byte) []byte{
		"empty":              func([]byte) []byte { return nil },
		"cut short":          func(content []byte) []byte { return content[:len(content)/2] },
		"its last byte gone": func(content []byte) []byte { return content[:len(content)-1] },
		"zeros":              func(content []byte) []byte { return make([]byte, len(content)) },
		"of another version": func(content []byte) []byte {
			return bytes.Replace(content, []byte(`"version":`), []byte(`"version":9`), 1)
		},
		"of the far future": func(content []byte) []byte {
			return bytes.Replace(content, []byte(`"position":"20`), []byte(`"position":"29`), 1)
		},
		"something else's":    func([]byte) []byte { return []byte("hello") },
		"an empty JSON value": func([]byte) []byte { return []byte("{}") },
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.Once(t)
			path := filepath.Join(w.Dir, cursorFile)
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			spoilt := spoil(content)
			require.NotEqual(t, content, spoilt)
			require.NoError(t, os.WriteFile(path, spoilt, 0o600))
			w.Sansan.Put(map[string]any{
				"email": "new.hire@sample.example.jp", "lastName": "新人", "companyName": "株式会社見本",
				"updatedTime": "2024-05-01T09:00:00+09:00", "exchangeDate": "2024-04-30", "entryStatus": "completed",
			})
			require.Contains(t, w.Once(t), "cursor cannot be read")
			require.Contains(t, w.Satori.Customers(), "new.hire@sample.example.jp")
			require.Contains(t, w.Once(t), "Read ", "and the cursor is whole again")
		})
	}
}
