package rotatingfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestRotationBySize(t *testing.T) {
	o, c := connected(t, config{maxBytes: 10})
	writeAt(t, o, c, evening, "1234")
	writeAt(t, o, c, evening, "5678") // 10 bytes: just fits
	writeAt(t, o, c, evening.Add(time.Second), "9")
	huge := long(30)
	writeAt(t, o, c, evening.Add(2*time.Second), huge, "0")
	writeAt(t, o, c, evening.Add(3*time.Second), "end")
	require.Equal(t, map[string]string{
		"journal-20261123T235959.jsonl": "1234\n5678\n",
		"journal-20261124T000000.jsonl": "9\n",
		"journal-20261124T000001.jsonl": huge + "\n0\n",
		"journal.jsonl":                 "end\n",
	}, filesIn(t, o.conf.path))
	info, err := os.Stat(o.conf.path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
}

func TestNoLimit(t *testing.T) {
	o, c := connected(t, config{})
	writeAt(t, o, c, evening, long(1000))
	writeAt(t, o, c, evening.AddDate(10, 0, 0), long(1000))
	require.Len(t, filesIn(t, o.conf.path), 1)
}

func TestRotationByAge(t *testing.T) {
	const day = 24 * time.Hour
	at := func(text string) time.Time {
		m, err := time.ParseInLocation("2006-01-02 15:04:05", text, jst)
		require.NoError(t, err)
		return m.UTC()
	}
	for name, test := range map[string]struct {
		age          time.Duration
		before, then string // Asia/Tokyo
		want         string // the name of the file put away
	}{
		"the same day":             {day, "2026-11-23 00:00:00", "2026-11-23 23:59:59", ""},
		"midnight in Japan":        {day, "2026-11-23 23:59:59", "2026-11-24 00:00:00", "journal-20261123T235959.jsonl"},
		"midnight in London":       {day, "2026-11-23 08:59:59", "2026-11-23 09:00:00", ""},
		"days later":               {day, "2026-11-23 12:00:00", "2026-11-27 08:00:00", "journal-20261123T120000.jsonl"},
		"the same hour":            {time.Hour, "2026-11-23 12:00:00", "2026-11-23 12:59:59", ""},
		"the next hour":            {time.Hour, "2026-11-23 12:59:59", "2026-11-23 13:00:00", "journal-20261123T125959.jsonl"},
		"a week is over on Sunday": {7 * day, "2026-11-22 23:59:59", "2026-11-23 00:00:00", "journal-20261122T235959.jsonl"},
		"Monday to Sunday":         {7 * day, "2026-11-23 00:00:00", "2026-11-29 23:59:59", ""},
		"a clock put back":         {day, "2026-11-24 00:00:00", "2026-11-23 23:00:00", ""},
		"never":                    {0, "2026-11-23 12:00:00", "2036-11-23 12:00:00", ""},
	} {
		want := map[string]string{"journal.jsonl": "one\ntwo\n"}
		if test.want != "" {
			want = map[string]string{test.want: "one\n", "journal.jsonl": "two\n"}
		}
		for _, restarted := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restarted %v", name, restarted), func(t *testing.T) {
				o, c := connected(t, config{maxAge: test.age})
				writeAt(t, o, c, at(test.before), "one")
				if restarted {
					require.NoError(t, o.Close(t.Context()))
					o, c = connected(t, o.conf)
				}
				writeAt(t, o, c, at(test.then), "two")
				require.Equal(t, want, filesIn(t, o.conf.path))
			})
		}
	}
}

// TestTornAndOld: a file that a crash has torn yesterday is yesterday's.
func TestTornAndOld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	require.NoError(t, os.WriteFile(path, []byte("one\ntor"), 0o600))
	require.NoError(t, os.Chtimes(path, evening, evening))
	o, c := connected(t, config{path: path, maxAge: 24 * time.Hour})
	writeAt(t, o, c, evening.Add(time.Hour), "two")
	require.Equal(t, map[string]string{"journal-20261123T235959.jsonl": "one\ntor\n", "journal.jsonl": "two\n"}, filesIn(t, path))
}

func TestEmptyFileIsNotPutAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Chtimes(path, evening, evening))
	o, c := connected(t, config{path: path, maxAge: time.Hour, maxBytes: 1})
	writeAt(t, o, c, evening.Add(24*time.Hour), "one")
	require.Equal(t, map[string]string{"journal.jsonl": "one\n"}, filesIn(t, path))
}

func TestNamesThatCollide(t *testing.T) {
	for path, names := range map[string][]string{
		"journal.jsonl": {"journal-20261123T235959.jsonl", "journal-20261123T235959-2.jsonl", "journal-20261123T235959-3.jsonl"},
		"journal":       {"journal-20261123T235959", "journal-20261123T235959-2", "journal-20261123T235959-3"},
		".journal":      {".journal-20261123T235959", ".journal-20261123T235959-2", ".journal-20261123T235959-3"},
		"a.b.jsonl":     {"a.b-20261123T235959.jsonl", "a.b-20261123T235959-2.jsonl", "a.b-20261123T235959-3.jsonl"},
		"日誌[*].jsonl":   {"日誌[*]-20261123T235959.jsonl", "日誌[*]-20261123T235959-2.jsonl", "日誌[*]-20261123T235959-3.jsonl"},
	} {
		t.Run(path, func(t *testing.T) {
			o, c := connected(t, config{path: filepath.Join(t.TempDir(), path), maxBytes: 1})
			want := map[string]string{path: "4\n"}
			for i, name := range names {
				writeAt(t, o, c, evening, strconv.Itoa(i+1))
				want[name] = strconv.Itoa(i+1) + "\n"
			}
			writeAt(t, o, c, evening, "4")
			require.Equal(t, want, filesIn(t, o.conf.path))
		})
	}
	t.Run("with a folder", func(t *testing.T) {
		o, c := connected(t, config{maxBytes: 1})
		require.NoError(t, os.Mkdir(strings.TrimSuffix(o.conf.path, ".jsonl")+"-20261123T235959.jsonl", 0o700))
		writeAt(t, o, c, evening, "1")
		writeAt(t, o, c, evening, "2")
		require.Equal(t, map[string]string{"journal-20261123T235959.jsonl": "a folder", "journal-20261123T235959-2.jsonl": "1\n", "journal.jsonl": "2\n"}, filesIn(t, o.conf.path))
	})
	t.Run("the newest is kept", func(t *testing.T) {
		o, c := connected(t, config{maxBytes: 1, keep: 1})
		for i := range 12 {
			writeAt(t, o, c, evening, strconv.Itoa(i+1))
		}
		require.Equal(t, map[string]string{"journal-20261123T235959-11.jsonl": "11\n", "journal.jsonl": "12\n"}, filesIn(t, o.conf.path))
	})
}

// foreign are names that resemble those of files put away.
var foreign = []string{
	"journal-notes.jsonl", "journal-20261123T235959.jsonl.gz", "other-20261123T235959.jsonl", "journal.jsonl.replaying",
	"journal-20200101T000000", "journal-20200101T000000.json", "journal20200101T000000.jsonl", "ajournal-20200101T000000.jsonl",
	"journal-20201301T000000.jsonl", "journal-20200230T000000.jsonl", "journal-20200101T000000.5.jsonl", "journal-20200101t000000.jsonl",
	"journal-20200101T000000-1.jsonl", "journal-20200101T000000-02.jsonl", "journal-20200101T000000-+2.jsonl", "journal-20200101T000000-2-2.jsonl",
	"journal-20200101T000000-.jsonl", "journal-20200101T000000 .jsonl", "journal-.jsonl", "journal-20200101T0000.jsonl", "Journal-20200101T000000.jsonl",
}

func TestRetention(t *testing.T) {
	old := []string{"journal-20261020T000000.jsonl", "journal-20261120T235959.jsonl", "journal-20261121T000000-2.jsonl", "journal-20261121T000000-10.jsonl", "journal-20261122T000000.jsonl"}
	for name, test := range map[string]struct {
		conf config
		want []string // of old; the one put away now has to be there, too
	}{
		"all":             {config{}, old},
		"three":           {config{keep: 3}, old[3:]},
		"one":             {config{keep: 1}, nil},
		"more than exist": {config{keep: 10}, old},
		"three days":      {config{keepFor: 72 * time.Hour}, old[2:]}, // exactly three days are not over
		"a year":          {config{keepFor: 365 * 24 * time.Hour}, old},
		"two of a year":   {config{keep: 2, keepFor: 365 * 24 * time.Hour}, old[4:]},
		"ten of a day":    {config{keep: 10, keepFor: 24 * time.Hour}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			test.conf.maxBytes = 1
			o, c := connected(t, config{path: filepath.Join(t.TempDir(), "journal.jsonl")})
			o.conf = func(path string) config { test.conf.path = path; return test.conf }(o.conf.path)
			put(t, o.conf.path, foreign...)
			put(t, o.conf.path, old...)
			require.NoError(t, os.Mkdir(filepath.Join(filepath.Dir(o.conf.path), "journal-20200101T000000.jsonl"), 0o700))
			midnight := evening.Add(time.Second)
			writeAt(t, o, c, midnight, "1")
			require.Len(t, filesIn(t, o.conf.path), len(foreign)+len(old)+2, "nothing is deleted when nothing is put away")
			writeAt(t, o, c, midnight, "2")
			want := slices.Concat(foreign, test.want, []string{"journal.jsonl", "journal-20261124T000000.jsonl", "journal-20200101T000000.jsonl"})
			require.ElementsMatch(t, want, namesOf(filesIn(t, o.conf.path)))
		})
	}
}

func TestRetentionAtConnect(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	put(t, path, "journal-20261001T000000.jsonl", "journal-20261123T000000.jsonl", "journal.jsonl")
	put(t, path, foreign...)
	connected(t, config{path: path, keepFor: 24 * time.Hour})
	require.ElementsMatch(t, append(slices.Clone(foreign), "journal.jsonl", "journal-20261123T000000.jsonl"), namesOf(filesIn(t, path)))
}

// TestRetentionFails: it is told of, and lines are written nevertheless.
func TestRetentionFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	put(t, path, "journal-20261001T000000.jsonl", "journal-20261002T000000.jsonl")
	var log bytes.Buffer
	o := newOutput(config{path: path, maxBytes: 1, keep: 1}, service.NewLoggerFromSlog(slog.New(slog.NewTextHandler(&log, nil))))
	c := &clock{evening}
	o.now = c.now
	o.remove = func(name string) error { return &os.PathError{Op: "remove", Path: name, Err: syscall.EPERM} }
	require.NoError(t, o.Connect(t.Context()))
	require.Contains(t, log.String(), "deleting files put away: remove "+filepath.Dir(path)+"/journal-20261001T000000.jsonl: operation not permitted; trying again")
	log.Reset()
	writeAt(t, o, c, evening, "1")
	require.Empty(t, log.String())
	writeAt(t, o, c, evening, "2")
	require.Contains(t, log.String(), "journal-20261002T000000.jsonl: operation not permitted")
	require.Equal(t, "2\n", filesIn(t, path)["journal.jsonl"])
	log.Reset()
	o.remove = func(string) error { return os.ErrNotExist } // somebody was faster
	writeAt(t, o, c, evening, "3")
	require.Empty(t, log.String())
	require.NoError(t, o.Close(t.Context()))
}

var putAwayName = regexp.MustCompile(`^journal-(\d{8}T\d{6})(?:-(\d+))?\.jsonl$`)

// inOrder sorts names of files put away as people would: by time, then number.
func inOrder(t require.TestingT, names []string) {
	key := func(name string) string {
		parts := putAwayName.FindStringSubmatch(name)
		require.NotNil(t, parts, name)
		number, _ := strconv.Atoi(parts[2])
		return fmt.Sprintf("%s-%09d", parts[1], number)
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(key(a), key(b)) })
}

// TestEveryLineOnceInOrder: whatever happens, lines are found once and in order,
// in files that keep to their limits.
func TestEveryLineOnceInOrder(t *testing.T) {
	base, runs := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		conf := config{
			path:     filepath.Join(base, strconv.Itoa(runs), "journal.jsonl"),
			maxBytes: rapid.SampledFrom([]int64{0, 1, 20, 60, 200}).Draw(t, "max_bytes"),
			maxAge:   rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour, 24 * time.Hour}).Draw(t, "max_age"),
		}
		var o *output
		c := &clock{evening}
		start := func() {
			o = newOutput(conf, nil)
			o.now = c.now
			require.NoError(t, o.Connect(context.Background()))
		}
		start()
		defer func() { require.NoError(t, o.Close(context.Background())) }()
		var want []string
		batchAt, momentOf := map[string]int{}, map[string]time.Time{} // by line
		torn := 0
		for step := range rapid.IntRange(1, 25).Draw(t, "steps") {
			c.at = c.at.Add(rapid.SampledFrom([]time.Duration{0, 0, 300 * time.Millisecond, time.Second, 20 * time.Minute, 13 * time.Hour}).Draw(t, "later"))
			lines := make([]string, rapid.IntRange(1, 4).Draw(t, "lines"))
			for i := range lines {
				lines[i] = fmt.Sprintf("%d.%d %s", step, i, strings.Repeat("x", rapid.IntRange(0, 30).Draw(t, "size")))
			}
			switch rapid.SampledFrom([]string{"write", "write", "write", "fail", "restart", "crash"}).Draw(t, "what") {
			case "fail":
				o.write = func(f *os.File, b []byte) (int, error) {
					n, _ := f.Write(b[:rapid.IntRange(0, len(b)-1).Draw(t, "written")])
					return n, syscall.ENOSPC
				}
				before := filesIn(t, conf.path)["journal.jsonl"]
				require.ErrorIs(t, o.WriteBatch(context.Background(), batchOf(lines...)), syscall.ENOSPC)
				if after := filesIn(t, conf.path)["journal.jsonl"]; after != "" { // it may have been put away
					require.Equal(t, before, after)
				}
				require.NoError(t, os.Chtimes(conf.path, c.at, c.at))
				o.write = (*os.File).Write
			case "restart":
				require.NoError(t, o.Close(context.Background()))
				start()
			case "crash":
				require.NoError(t, o.Close(context.Background()))
				f, err := os.OpenFile(conf.path, os.O_APPEND|os.O_WRONLY, 0)
				require.NoError(t, err)
				info, err := f.Stat()
				require.NoError(t, err)
				_, err = f.WriteString("torn")
				require.NoError(t, errors.Join(err, f.Close()))
				at := info.ModTime()
				if info.Size() == 0 {
					at = c.at
				}
				require.NoError(t, os.Chtimes(conf.path, at, at))
				torn++
				start()
			}
			writeAt(t, o, c, c.at, lines...)
			for _, line := range lines {
				want = append(want, line)
				batchAt[line], momentOf[line] = step, c.at
			}
		}

		files := filesIn(t, conf.path)
		var names []string
		for name := range files {
			if name != "journal.jsonl" {
				names = append(names, name)
			}
		}
		inOrder(t, names)
		if !slices.ContainsFunc(names, func(name string) bool { return strings.Count(name, "-") > 1 }) {
			require.IsIncreasing(t, append(slices.Clone(names), "journal.jsonl"), "names alone give the order")
		}
		var got []string
		gotTorn := 0
		for _, name := range append(names, "journal.jsonl") {
			var ours []string
			require.True(t, strings.HasSuffix(files[name], "\n"), name)
			for line := range strings.Lines(files[name]) {
				if line = strings.TrimSuffix(line, "\n"); line == "torn" {
					gotTorn++
				} else {
					ours = append(ours, line)
				}
			}
			got = append(got, ours...)
			if len(ours) == 0 {
				continue // a torn line only
			}
			first, last := ours[0], ours[len(ours)-1]
			oneBatch := batchAt[first] == batchAt[last]
			if conf.maxBytes > 0 && !oneBatch && !strings.Contains(files[name], "torn") {
				require.LessOrEqual(t, int64(len(files[name])), conf.maxBytes, name)
			}
			if conf.maxAge > 0 {
				require.Equal(t, periodOf(momentOf[first], conf.maxAge), periodOf(momentOf[last], conf.maxAge), name)
			}
			if name != "journal.jsonl" {
				require.Contains(t, name, momentOf[last].In(jst).Format("20060102T150405"), "the time of its last line")
			}
		}
		require.Equal(t, want, got)
		require.Equal(t, torn, gotTorn)
	})
}
