package sansansim

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"sort"
	"strings"
	"time"

	"sansansatori/tests/samplecards"
)

// Tag is a Sansan tag (タグ).
type Tag = samplecards.Tag

// card is one business card; it never changes, an edit puts another in its place. Its JSON is kept ready, because a
// benchmark lets client and simulator share two cores.
type card struct {
	id, owner, person, status                 string
	name, company, email, tel, mobile, search string // what /bizCards/search and the page look at
	updated, registered                       int64  // Unix seconds
	past                                      bool
	doc                                       []byte // JSON without tags, entryStatus and the closing brace
	tags                                      []*tag
	private                                   bool // bears a private tag, which not everybody may see
}

type tag struct {
	Tag
	listed, embedded []byte // JSON in GET /tags and inside a card
}

// index holds cards by a time, ties by id.
type index struct {
	at    func(*card) int64
	cards []*card
}

func (x *index) less(c *card, at int64, id string) bool {
	return x.at(c) < at || x.at(c) == at && c.id < id
}

func (x *index) find(at int64, id string) int {
	return sort.Search(len(x.cards), func(i int) bool { return !x.less(x.cards[i], at, id) })
}

func (x *index) add(c *card) { x.cards = slices.Insert(x.cards, x.find(x.at(c), c.id), c) }

func (x *index) remove(c *card) {
	i := x.find(x.at(c), c.id)
	x.cards = slices.Delete(x.cards, i, i+1)
}

func (x *index) sort() {
	slices.SortFunc(x.cards, func(a, b *card) int {
		if x.less(a, x.at(b), b.id) {
			return -1
		}
		return 1
	})
}

// Load adds a set of sample cards and their tags.
func (s *Sim) Load(set samplecards.Set) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range set.Tags {
		s.addTag(t)
	}
	for _, c := range set.Cards {
		s.append(c, set.Past[fmt.Sprint(c["id"])])
	}
	s.byUpdated.sort()
	s.byRegistered.sort()
}

// LoadSample adds samplecards' n cards of a seed without holding them as maps: for large numbers.
func (s *Sim) LoadSample(n int, seed uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range samplecards.Tags() {
		s.addTag(t)
	}
	samplecards.Each(n, seed, func(c samplecards.Sample) { s.append(c.Card, c.Past) })
	s.byUpdated.sort()
	s.byRegistered.sort()
}

// append leaves the indexes unsorted.
func (s *Sim) append(fields map[string]any, past bool) {
	c := s.newCard(fields, past)
	if s.cards[c.id] != nil {
		panic("sansansim: loading a card twice: " + c.id)
	}
	s.cards[c.id] = c
	s.byUpdated.cards = append(s.byUpdated.cards, c)
	s.byRegistered.cards = append(s.byRegistered.cards, c)
}

// Put adds a card or replaces the one of its id, and returns the id. Any field may be missing, null or of a wrong type;
// a missing id is invented, a missing or unreadable updatedTime or registeredTime counts as now (and is filled in when it
// is missing). Tags that it bears and that are new become known.
func (s *Sim) Put(fields map[string]any) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	fields = maps.Clone(fields)
	now := s.set.Now()
	for _, k := range []string{"updatedTime", "registeredTime"} {
		if _, there := fields[k]; !there {
			fields[k] = stamp(now)
		}
	}
	if _, there := fields["id"].(string); !there {
		fields["id"] = fmt.Sprintf("%016X%016X", rand.Uint64(), rand.Uint64())
	}
	old := s.cards[fields["id"].(string)]
	c := s.newCard(fields, old != nil && old.past)
	s.replace(c)
	return c.id
}

// Edit lets change work on a copy of the card. Unless change sets updatedTime itself, it becomes now, except when only
// [Settings].StillFields changed, or only tags and not [Settings].TaggingMoves. Nothing happens when nothing changed.
func (s *Sim) Edit(id string, change func(fields map[string]any)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.cards[id]
	if old == nil {
		return fmt.Errorf("editing card %s: no such card", id)
	}
	before, after := old.fields(), old.fields()
	change(after)
	after["id"] = id
	if reflect.DeepEqual(before, after) {
		return nil
	}
	if before["updatedTime"] == after["updatedTime"] && s.moves(before, after) {
		after["updatedTime"] = stamp(s.set.Now())
	}
	s.replace(s.newCard(after, old.past))
	return nil
}

func (s *Sim) moves(before, after map[string]any) bool {
	keys := maps.Clone(before)
	maps.Copy(keys, after)
	for k := range keys {
		still := k == "tags" && !s.set.TaggingMoves || slices.Contains(s.set.StillFields, k)
		if !still && !reflect.DeepEqual(before[k], after[k]) {
			return true
		}
	}
	return false
}

// Delete removes a card; it simply stops appearing. It says whether there was one.
func (s *Sim) Delete(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cards[id]
	if c == nil {
		return false
	}
	delete(s.cards, id)
	s.byUpdated.remove(c)
	s.byRegistered.remove(c)
	return true
}

// SetPast says whether a newer card of the same person has replaced this one (過去名刺); updatedTime does not move.
func (s *Sim) SetPast(id string, past bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.cards[id]
	if old == nil {
		return fmt.Errorf("marking card %s as past: no such card", id)
	}
	c := *old
	c.past = past
	s.replace(&c)
	return nil
}

// AddTag makes a tag known, or changes the one of its id.
func (s *Sim) AddTag(t Tag) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addTag(t)
}

// Tag puts a known tag on a card.
func (s *Sim) Tag(cardID, tagID string) error {
	s.mu.RLock()
	t := s.tagByID[tagID]
	s.mu.RUnlock()
	if t == nil {
		return fmt.Errorf("tagging card %s: no such tag", cardID)
	}
	return s.Edit(cardID, func(c map[string]any) {
		if tags := listOf(c["tags"]); !slices.ContainsFunc(tags, hasID(tagID)) {
			c["tags"] = append(tags, t.JSON())
		}
	})
}

// Untag takes a tag off a card.
func (s *Sim) Untag(cardID, tagID string) error {
	return s.Edit(cardID, func(c map[string]any) { c["tags"] = slices.DeleteFunc(listOf(c["tags"]), hasID(tagID)) })
}

// Card gives a card with all its tags and entryStatus, nil if there is none.
func (s *Sim) Card(id string) map[string]any {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if c := s.cards[id]; c != nil {
		return c.fields()
	}
	return nil
}

// Cards gives every card, ascending by updatedTime.
func (s *Sim) Cards() []map[string]any {
	s.mu.RLock()
	defer s.mu.RUnlock()
	got := make([]map[string]any, len(s.byUpdated.cards))
	for i, c := range s.byUpdated.cards {
		got[i] = c.fields()
	}
	return got
}

// Tags gives every tag.
func (s *Sim) Tags() []Tag {
	s.mu.RLock()
	defer s.mu.RUnlock()
	got := make([]Tag, len(s.tags))
	for i, t := range s.tags {
		got[i] = t.Tag
	}
	return got
}

func (s *Sim) replace(c *card) {
	if old := s.cards[c.id]; old != nil {
		s.byUpdated.remove(old)
		s.byRegistered.remove(old)
	}
	s.cards[c.id] = c
	s.byUpdated.add(c)
	s.byRegistered.add(c)
}

func (s *Sim) addTag(t Tag) *tag {
	known := s.tagByID[t.ID]
	if known == nil {
		known = &tag{}
		s.tagByID[t.ID] = known
		s.tags = append(s.tags, known)
	}
	known.Tag = t
	known.encode(&s.set)
	return known
}

func (s *Sim) newCard(f map[string]any, past bool) *card {
	owner, _ := f["owner"].(map[string]any)
	c := &card{
		id: text(f["id"]), owner: text(owner["id"]), person: text(f["personId"]), status: text(f["entryStatus"]), past: past,
		name: text(f["lastName"]) + text(f["firstName"]), company: text(f["companyName"]),
		email: text(f["email"]), tel: text(f["tel"]), mobile: text(f["mobile"]),
		updated: s.seconds(f["updatedTime"]), registered: s.seconds(f["registeredTime"]),
	}
	if c.status == "" {
		c.status = "completed"
	}
	if c.owner != "" {
		s.owners[c.owner] = owner
	}
	c.search = strings.ToLower(strings.Join([]string{c.name, c.company, c.email, text(owner["name"]), text(f["memo"]), c.id}, "\n"))
	for _, v := range listOf(f["tags"]) {
		m, _ := v.(map[string]any)
		t := s.tagByID[text(m["id"])]
		if t == nil {
			t = s.addTag(tagOf(m))
		}
		c.tags = append(c.tags, t)
		c.private = c.private || t.Type == "private"
	}
	c.doc = encodeCard(f)
	return c
}

// seconds reads a time of the API.
func (s *Sim) seconds(v any) int64 {
	t, err := time.Parse(time.RFC3339, text(v))
	if err != nil {
		return s.set.Now().Unix()
	}
	return t.Unix()
}

// fields gives the whole card, a copy.
func (c *card) fields() map[string]any {
	var f map[string]any
	if err := json.Unmarshal(append(slices.Clone(c.doc), '}'), &f); err != nil {
		panic(err) // encodeCard made it
	}
	tags := make([]any, len(c.tags))
	for i, t := range c.tags {
		tags[i] = t.JSON()
	}
	f["tags"], f["entryStatus"] = tags, c.status
	return f
}

func tagOf(m map[string]any) Tag {
	t := Tag{ID: text(m["id"]), Name: text(m["name"]), Type: text(m["type"])}
	if o, _ := m["owner"].(map[string]any); o != nil {
		t.Owner = &samplecards.Person{ID: text(o["id"]), Name: text(o["name"]), Email: text(o["email"])}
	}
	return t
}

func hasID(id string) func(any) bool {
	return func(v any) bool { m, _ := v.(map[string]any); return text(m["id"]) == id }
}

func listOf(v any) []any { l, _ := v.([]any); return l }

func text(v any) string { t, _ := v.(string); return t }

var tokyo = time.FixedZone("JST", 9*60*60)

// stamp writes a time as the API does: whole seconds, Japan's offset.
func stamp(t time.Time) string { return t.In(tokyo).Format(time.RFC3339) }
