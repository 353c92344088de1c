package decide

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sansansatori/plugins/ledger"
)

const dateItem = "custom:exchange_date"

func readable(item string) bool { return item == dateItem || item == "status" }

func card(id, email string, cells map[string]string, tags ...string) *Card {
	c := &Card{Key: ledger.KeyOf(email), ID: id, Tags: tags, Items: map[string]any{}}
	for name, cell := range cells {
		c.Items[name] = cell
		c.Cells = append(c.Cells, Cell{name, cell})
	}
	c.Cells = CellsOf(c.Cells)
	c.Digest = DigestOf(c.Cells, tags)
	return c
}

func always(_, _ map[string]any) (Verdict, error) { return Verdict{Action: Upsert}, nil }

func never(_, existing map[string]any) (Verdict, error) {
	if existing == nil {
		return Verdict{Action: Register}, nil
	}
	return Verdict{Action: Skip}, nil
}

func fillBlanks(_, _ map[string]any) (Verdict, error) { return Verdict{Action: Register}, nil }

func keepNewer(incoming, existing map[string]any) (Verdict, error) {
	if existing == nil {
		return Verdict{Action: Register}, nil
	}
	in, _ := incoming[dateItem].(string)
	held, _ := existing[dateItem].(string)
	if held == "" || in >= held {
		return Verdict{Action: Upsert}, nil
	}
	return Verdict{Action: Skip}, nil
}

func TestDigestTellsFormsApart(t *testing.T) {
	seen := map[string]string{}
	for name, form := range map[string]struct {
		cells Cells
		tags  []string
	}{
		"none":           {},
		"a cell":         {cells: Cells{{"a", "b"}}},
		"split":          {cells: Cells{{"ab", ""}}},
		"two cells":      {cells: Cells{{"a", "b"}, {"c", "d"}}},
		"a tag":          {tags: []string{"a"}},
		"two tags":       {tags: []string{"a", "b"}},
		"tags, as cell":  {tags: []string{"ab"}},
		"cell and tag":   {cells: Cells{{"a", "b"}}, tags: []string{"c"}},
		"tags, as a row": {cells: Cells{{"a", "b"}}, tags: []string{"c", "d"}},
	} {
		digest := DigestOf(form.cells, form.tags)
		require.Empty(t, seen[digest], name)
		seen[digest] = name
	}
}

func TestCellsStayInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := map[string]string{}
		var cells Cells
		for range rapid.IntRange(0, 12).Draw(t, "n") {
			item, text := rapid.StringN(1, 3, 9).Draw(t, "item"), rapid.StringN(1, 3, 9).Draw(t, "text")
			want[item] = text
			cells = cells.Set(item, text)
		}
		require.Len(t, cells, len(want))
		require.True(t, slices.IsSortedFunc(cells, func(a, b Cell) int { return cmp.Compare(a.Item, b.Item) }))
		for item, text := range want {
			require.Equal(t, text, cells.Get(item))
		}
		require.Empty(t, cells.Get("no such item"))
	})
}

func TestGroup(t *testing.T) {
	key := ledger.KeyOf("a@example.com")
	newer := card("2", "a@example.com", map[string]string{dateItem: "2026-05-01", "position": "部長"}, "展示会")
	older := card("1", "a@example.com", map[string]string{dateItem: "2026-01-01", "position": "課長", "address": "東京"}, "旧")
	newest := card("3", "a@example.com", map[string]string{dateItem: "2026-06-01", "position": "社長"})
	held := func(date string) *ledger.Customer {
		return &ledger.Customer{Known: true, Held: ledger.Values{dateItem: date}}
	}
	open := func(verb string, known bool, c *Card) *ledger.Customer {
		return &ledger.Customer{Known: known, Open: &ledger.Intent{
			Key: key, Verb: verb, Held: ledger.Values{dateItem: c.Items[dateItem]}, Cards: ledger.Cards{c.ID: c.Digest},
		}}
	}
	for name, test := range map[string]struct {
		known *ledger.Customer
		rule  Rule
		cards []*Card
		want  string
	}{
		"a new customer is registered":             {nil, keepNewer, []*Card{older}, "row registration [1]; 1 register new"},
		"newer overwrites":                         {held("2026-01-01"), keepNewer, []*Card{newer}, "row upsert [2]; 2 upsert changed"},
		"older yields":                             {held("2026-03-01"), keepNewer, []*Card{older}, "1 skip older"},
		"existing yields under never":              {held(""), never, []*Card{older}, "1 skip exists"},
		"applied in this form":                     {&ledger.Customer{Known: true, Applied: ledger.Cards{"1": older.Digest}}, always, []*Card{older}, "1 skip unchanged"},
		"applied in another form":                  {&ledger.Customer{Known: true, Applied: ledger.Cards{"1": "other"}}, always, []*Card{older}, "row upsert [1]; 1 upsert changed"},
		"two cards of a new customer make one row": {nil, keepNewer, []*Card{older, newer}, "row registration [1 2]; 1 register new; 2 upsert changed"},
		"a skip waits for the row it yields to":    {nil, keepNewer, []*Card{newer, older}, "row registration [2]; 2 register new; 1 yields: skip older"},
		"and keeps no other from the row":          {nil, keepNewer, []*Card{newer, older, newest}, "row registration [2 3]; 2 register new; 3 upsert changed; 1 yields: skip older"},
		"fill blanks, then overwrite: two requests": {held("2026-01-01"), func(in, ex map[string]any) (Verdict, error) {
			if in[dateItem] == "2026-01-01" {
				return Verdict{Action: Register}, nil
			}
			return Verdict{Action: Upsert}, nil
		}, []*Card{older, newer}, "row registration [1]; 1 register changed; later 2"},
		"an open registration of this card is repeated":      {open(VerbRegistration, false, older), keepNewer, []*Card{older}, "row registration [1]; 1 register new"},
		"a newer card overwrites what may have been written": {open(VerbRegistration, false, older), keepNewer, []*Card{newer}, "row upsert [2]; 2 upsert changed"},
		"nothing is lost to what may not have been written":  {open(VerbRegistration, false, newer), keepNewer, []*Card{older}, "row registration [1]; 1 register changed"},
		"never: an open registration does not hide the card": {open(VerbRegistration, false, older), never, []*Card{newer}, "row registration [2]; 2 register changed"},
		"known, and perhaps newer: the older one yields":     {open(VerbUpsert, true, newer), keepNewer, []*Card{older}, "1 skip older"},
		"an open upsert of this very card is sent once more": {open(VerbUpsert, true, newer), keepNewer, []*Card{newer}, "row upsert [2]; 2 upsert changed"},
		"a rule that fails":               {nil, func(_, _ map[string]any) (Verdict, error) { return Verdict{}, fmt.Errorf("no") }, []*Card{older}, "1 failed "},
		"a rule that says something else": {nil, func(_, _ map[string]any) (Verdict, error) { return Verdict{Action: "x"}, nil }, []*Card{older}, "1 failed "},
	} {
		t.Run(name, func(t *testing.T) {
			known := map[ledger.Key]*ledger.Customer{}
			if test.known != nil {
				known[key] = test.known
			}
			require.Equal(t, test.want, describe(Group(test.cards, known, test.rule, readable)))
		})
	}
}

func describe(res Result) string {
	text := ""
	add := func(format string, args ...any) {
		if text != "" {
			text += "; "
		}
		text += fmt.Sprintf(format, args...)
	}
	for _, row := range res.Rows {
		var ids []string
		for _, c := range row.Cards {
			ids = append(ids, c.ID)
		}
		add("row %s %v", row.Verb, ids)
		for i, c := range row.Cards {
			add("%s %s %s", c.ID, row.Decisions[i].Action, row.Decisions[i].Reason)
		}
		for _, d := range row.Yields {
			add("%s yields: %s %s", d.Card.ID, d.Action, d.Reason)
		}
	}
	for _, d := range res.Settled {
		if d.Err != nil {
			d.Reason = ""
		}
		add("%s %s %s", d.Card.ID, d.Action, d.Reason)
	}
	for _, c := range res.Later {
		add("later %s", c.ID)
	}
	return text
}

// world is SATORI and the ledger together, as a model.
type world struct {
	satori map[ledger.Key]map[string]string
	ledger map[ledger.Key]*ledger.Customer
	bad    string // a cell SATORI refuses
}

func newWorld() *world {
	return &world{satori: map[ledger.Key]map[string]string{}, ledger: map[ledger.Key]*ledger.Customer{}, bad: "●"}
}

// write applies a row as SATORI does, and confirms it.
func (w *world) write(row *Row) bool {
	for _, cell := range row.Cells {
		if cell.Text == w.bad {
			return false
		}
	}
	held, ok := w.satori[row.Key]
	if !ok {
		held = map[string]string{}
		w.satori[row.Key] = held
	}
	for _, cell := range row.Cells {
		if row.Verb == VerbRegistration && held[cell.Item] != "" {
			continue
		}
		held[cell.Item] = cell.Text
	}
	for _, tag := range row.Tags {
		held["tag:"+tag] = "1"
	}
	c := w.ledger[row.Key]
	if c == nil {
		c = &ledger.Customer{Applied: ledger.Cards{}}
		w.ledger[row.Key] = c
	}
	c.Known, c.Held = true, row.Held
	for _, card := range row.Cards {
		c.Applied[card.ID] = card.Digest
	}
	return true
}

// handle works through cards in groups of at most size until none is left.
func (w *world) handle(cards []*Card, rule Rule, size int) {
	for len(cards) > 0 {
		n := min(size, len(cards))
		group := cards[:n]
		rest := slices.Clone(cards[n:])
		res := Group(group, w.ledger, rule, readable)
		var apart []*Card
		for _, row := range res.Rows {
			if w.write(row) {
				continue
			}
			for _, d := range row.Yields {
				apart = append(apart, d.Card)
			}
			if len(row.Cards) > 1 {
				for _, c := range row.Cards {
					c.Alone = true
				}
				apart = append(apart, row.Cards...)
			}
		}
		again := append(apart, res.Later...)
		order := func(a, b *Card) int { return int(a.Items["n"].(int)) - int(b.Items["n"].(int)) }
		slices.SortStableFunc(again, order)
		cards = append(again, rest...)
		slices.SortStableFunc(cards, order)
	}
}

// TestGroupingEqualsOneByOne: whatever is gathered into a group, the end equals
// handling the cards one by one.
func TestGroupingEqualsOneByOne(t *testing.T) {
	rules := map[string]Rule{"always": always, "never": never, "keep newer": keepNewer, "fill blanks": fillBlanks}
	rapid.Check(t, func(t *rapid.T) {
		rule := rules[rapid.SampledFrom(slices.Sorted(maps.Keys(rules))).Draw(t, "rule")]
		dates := rapid.SampledFrom([]string{"", "2026-01-01", "2026-02-01", "2026-03-01"})
		cells := rapid.SampledFrom([]string{"", "x", "y", "z"})
		make2 := func() (a, b []*Card) {
			n := rapid.IntRange(1, 14).Draw(t, "cards")
			for i := range n {
				email := rapid.SampledFrom([]string{"a@example.com", "b@example.com"}).Draw(t, "email")
				id := fmt.Sprint(rapid.IntRange(0, 6).Draw(t, "id"))
				c := map[string]string{"email": email}
				for _, item := range []string{"position", "address"} {
					if cell := cells.Draw(t, item); cell != "" {
						c[item] = cell
					}
				}
				// What SATORI refuses is an item no other card carries: a value that a
				// later card of the row replaces is never seen by SATORI.
				if rapid.IntRange(0, 5).Draw(t, "refused") == 0 {
					c[fmt.Sprintf("memo%d", i)] = "●"
				}
				if date := dates.Draw(t, "date"); date != "" {
					c[dateItem] = date
				}
				tag := rapid.SampledFrom([]string{"t1", "t2"}).Draw(t, "tag")
				for _, to := range []*[]*Card{&a, &b} {
					made := card(id, email, maps.Clone(c), tag)
					made.Items["n"] = i
					*to = append(*to, made)
				}
			}
			return
		}
		one, many := make2()
		size := rapid.IntRange(2, 14).Draw(t, "size")
		slow, fast := newWorld(), newWorld()
		slow.handle(one, rule, 1)
		fast.handle(many, rule, size)
		require.Equal(t, slow.satori, fast.satori)
	})
}
