package sansaninput

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/require"

	"sansansatori/plugins/sansan"
)

func TestOwners(t *testing.T) {
	for name, test := range map[string]struct {
		wanted []string
		card   sansan.Person
		want   bool
	}{
		"none configured":          {nil, sansan.Person{}, true},
		"e-mail":                   {[]string{"Suzuki@Example.com"}, sansan.Person{Email: "suzuki@example.COM"}, true},
		"e-mail, full width":       {[]string{"ｓｕｚｕｋｉ＠example.com"}, sansan.Person{Email: "suzuki@example.com"}, true},
		"id":                       {[]string{"suzuki"}, sansan.Person{ID: "suzuki"}, true},
		"name, without the space":  {[]string{"鈴木一郎"}, sansan.Person{ID: "x", Name: "鈴木　一郎"}, true},
		"name, half-width kana":    {[]string{"ｽｽﾞｷ ｲﾁﾛｳ"}, sansan.Person{Name: "スズキイチロウ"}, true},
		"another":                  {[]string{"鈴木一郎"}, sansan.Person{ID: "y", Name: "鈴木二郎", Email: "a@example.com"}, false},
		"a part of a name":         {[]string{"鈴木"}, sansan.Person{Name: "鈴木一郎"}, false},
		"an owner without any":     {[]string{"suzuki"}, sansan.Person{}, false},
		"one of several":           {[]string{"a", "b", "鈴木一郎"}, sansan.Person{Name: "鈴木一郎"}, true},
		"no e-mail, the name then": {[]string{"suzuki@example.com", "鈴木一郎"}, sansan.Person{Name: "鈴木一郎"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOwners(test.wanted)
			require.Equal(t, test.want, o.want(test.card))
			if test.want && len(test.wanted) > 0 {
				require.Len(t, o.unmatched(), len(test.wanted)-1)
			} else {
				require.Len(t, o.unmatched(), len(test.wanted))
			}
		})
	}
}

// deck is a world whose cards have owners and tags.
func deck(t *testing.T) (*world, []string) {
	w := newWorld(t)
	ids := w.deal(40)
	w.tags = [][2]string{{"T1", "展示会"}, {"T2", "展示会"}, {"T3", "重要"}, {strings.Repeat("AB", 16), "無"}}
	for i := range w.cards {
		c := &w.cards[i]
		if i%4 == 0 {
			c.owner = "tanaka"
		}
		if i < 25 && i%2 == 0 {
			c.tags = append(c.tags, "T1")
		}
		if i < 25 && i%3 == 0 {
			c.tags = append(c.tags, "T2")
		}
		if i < 25 && i%5 == 0 {
			c.tags = append(c.tags, "T3")
		}
	}
	return w, ids
}

func TestRanges(t *testing.T) {
	bears := func(tags ...string) func(fakeCard) bool {
		return func(c fakeCard) bool {
			return slices.ContainsFunc(tags, func(id string) bool { return slices.Contains(c.tags, id) })
		}
	}
	owned := func(c fakeCard) bool { return c.owner == "tanaka" }
	for name, test := range map[string]struct {
		more string
		want func(fakeCard) bool
		warn string
	}{
		"all":                         {"", func(fakeCard) bool { return true }, ""},
		"an owner":                    {"owners: [tanaka@example.com]", owned, ""},
		"an owner, by name":           {"owners: [tanaka一郎]", owned, ""},
		"an owner who has none":       {"owners: [tanaka, nobody]", owned, `owners: no card of \"nobody\" was met in a full read`},
		"a tag":                       {"tags: [重要]", bears("T3"), ""},
		"a name that two tags bear":   {"tags: [展示会]", bears("T1", "T2"), ""},
		"a name written another way":  {"tags: [\"展示会 \"]", bears("T1", "T2"), ""},
		"a tag by id":                 {"tags: [T2]", bears("T2"), ""},
		"two tags, cards come once":   {"tags: [展示会, 重要]", bears("T1", "T2", "T3"), ""},
		"a tag and its name":          {"tags: [T1, 展示会]", bears("T1", "T2"), ""},
		"a tag that no card bears":    {"tags: [" + strings.Repeat("ab", 16) + "]", bears(), `no card that the key's user sees bears`},
		"tags and owners: both":       {"tags: [展示会]\nowners: [tanaka]", func(c fakeCard) bool { return owned(c) && bears("T1", "T2")(c) }, ""},
		"owners that leave out pages": {"owners: [tanaka]\npage_size: 2", owned, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := deck(t)
			var want []string
			for _, c := range w.cards {
				if test.want(c) {
					want = append(want, c.id)
				}
			}
			got := all(t, connected(t, w.input(t, test.more)))
			slices.Sort(got)
			require.Equal(t, want, got)
			require.False(t, w.kept.cursor(t).LastRun.IsZero())
			if test.warn == "" {
				require.NotContains(t, w.log.String(), "level=WARN")
			} else {
				require.Contains(t, w.log.String(), test.warn)
			}
			for _, q := range w.questions() {
				require.Equal(t, strings.Contains(test.more, "tags"), q.Get("tagId") != "")
				require.LessOrEqual(t, len(q["tagId"]), 1)
			}
		})
	}
}

func TestASweepFindsAnOldCardThatWasTaggedLater(t *testing.T) {
	w, ids := deck(t)
	before := all(t, connected(t, w.input(t, "tags: [重要]")))
	w.touch(ids[30], func(c *fakeCard) { c.tags = append(c.tags, "T3") })
	got := all(t, connected(t, w.input(t, "tags: [重要]")))
	require.Len(t, got, len(before)+1)
	require.Contains(t, got, ids[30])
}

func TestATagThatVanishes(t *testing.T) {
	w, _ := deck(t)
	in := connected(t, w.input(t, "tags: [展示会, 重要]\nschedule: \"@every 1ms\"\nbackoff: { initial_interval: 1ms, max_interval: 20ms }\npage_size: 300"))
	run := func() (ids []string, err error) {
		for in.run != nil || len(ids) == 0 {
			p, err := read(t, in)
			if err != nil {
				return ids, err
			}
			p.ack()
			ids = append(ids, p.ids...)
		}
		return
	}
	full, err := run()
	require.NoError(t, err)
	w.mu.Lock()
	gone := w.tags
	w.tags = w.tags[:2]
	w.mu.Unlock()
	fewer, err := run()
	require.NoError(t, err)
	require.Less(t, len(fewer), len(full))
	require.Contains(t, w.log.String(), `no tag \"重要\"`)

	t.Log("the last one goes, and all come back")
	w.mu.Lock()
	w.tags = nil
	w.mu.Unlock()
	_, err = run()
	require.ErrorIs(t, err, service.ErrNotConnected)
	require.ErrorContains(t, in.Connect(t.Context()), "展示会")
	w.mu.Lock()
	w.tags = gone
	w.mu.Unlock()
	require.Eventually(t, func() bool { return in.Connect(t.Context()) == nil }, 5*time.Second, 5*time.Millisecond)
	again, err := run()
	require.NoError(t, err)
	require.Equal(t, full, again)
}

func TestCardsWithoutAnIDAreNeverTakenForOneAnother(t *testing.T) {
	w := newWorld(t)
	w.deal(6)
	w.tags = [][2]string{{"T1", "展示会"}, {"T2", "重要"}}
	for i := range w.cards {
		w.cards[i].tags, w.cards[i].at = []string{"T1"}, day
		if i > 2 {
			w.cards[i].id = ""
		}
	}
	require.Len(t, all(t, connected(t, w.input(t, "tags: [展示会, 重要]"))), 6)
	require.Len(t, all(t, connected(t, w.input(t, ""))), 6)
}
