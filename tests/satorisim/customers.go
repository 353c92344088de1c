package satorisim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// customer is one row of SATORI. Values stand at their schema's places.
type customer struct {
	id      int // 1, 2, ... in order of creation
	values  []string
	tags    []string // sorted
	score   int
	created time.Time
	updated time.Time
	log     []entry
}

// table holds the customers by normalised e-mail. Its methods are called with Sim.mu held.
type table struct {
	byEmail map[string]*customer
	byID    []*customer // id-1; nil when deleted
	gone    map[string][]entry
	spare   []string // values for the next customers, in one piece
}

func newTable() table {
	return table{byEmail: map[string]*customer{}, gone: map[string][]entry{}}
}

// columns is a header, resolved once: the item each cell stands for.
type columns struct {
	at       []int
	email    int // cell of each, or -1
	hashcode int
	append   int
	delete   int
	route    int
}

func newColumns(at []int) *columns {
	c := &columns{at: at, email: -1, hashcode: -1, append: -1, delete: -1, route: -1}
	for i, item := range at {
		switch item {
		case itemEmail:
			c.email = i
		case itemRoute:
			c.route = i
		case columnHashcode:
			c.hashcode = i
		case columnAppendTags:
			c.append = i
		case columnDeleteTags:
			c.delete = i
		}
	}
	return c
}

func cell(values []string, i int) string {
	if i < 0 || i >= len(values) {
		return ""
	}
	return values[i]
}

// isBlank reports values that mean "leave it alone": empty or white space only.
func isBlank(v string) bool {
	if v == "" {
		return true
	}
	if v[0] > ' ' && v[0] != 0xE3 && v[0] != 0xC2 {
		return false
	}
	return strings.TrimSpace(v) == ""
}

func (s *Sim) key(email string) string {
	if s.set.CaseMatters {
		return email
	}
	for i := 0; i < len(email); i++ {
		if c := email[i]; c >= 'A' && c <= 'Z' {
			return strings.ToLower(email)
		}
	}
	return email
}

// hashcode is SATORI's own key of a customer: 32 hex digits that hold the id.
func (s *Sim) hashcode(id int) string {
	x := (uint64(id) + s.set.Seed) * 0x9E3779B97F4A7C15
	return fmt.Sprintf("%016x%016x", x^x>>29, uint64(id)^0x5A5A5A5A5A5A5A5A)
}

func (s *Sim) byHashcode(code string) *customer {
	if len(code) != 32 {
		return nil
	}
	id, err := strconv.ParseUint(code[16:], 16, 64)
	if err != nil {
		return nil
	}
	id ^= 0x5A5A5A5A5A5A5A5A
	if id == 0 || id > uint64(len(s.table.byID)) || s.hashcode(int(id)) != code {
		return nil
	}
	return s.table.byID[id-1]
}

// write applies one row or single call whose values have passed check.
// byHash says that the customer is found by hash code. It gives SATORI's words when it cannot.
func (s *Sim) write(verb Verb, cols *columns, values []string, byHash bool, at time.Time, job *job, row int) (*customer, string) {
	var c *customer
	if byHash {
		if c = s.byHashcode(cell(values, cols.hashcode)); c == nil {
			return nil, "ハッシュコード(hashcode): 該当するカスタマーが存在しません"
		}
		if mail := s.key(cell(values, cols.email)); mail != "" && mail != s.key(c.values[itemEmail]) {
			if verb == Upsert && s.table.byEmail[mail] != nil {
				return nil, "メールアドレス(email): 既に使用されています"
			}
			if verb == Upsert {
				delete(s.table.byEmail, s.key(c.values[itemEmail]))
				s.table.byEmail[mail] = c
			}
		}
	} else {
		c = s.table.byEmail[s.key(cell(values, cols.email))]
	}
	e := entry{at: at, verb: verb, cols: cols, values: values, job: job, row: row}
	if c == nil {
		c = s.create(cell(values, cols.email), at)
		e.created = true
	}
	if e.created {
		s.fill(c, cols, values)
	} else {
		s.alter(c, &e, job)
	}
	switch {
	case e.created:
		s.count.Created++
	case e.repeated():
		s.count.Repeated++
	default:
		s.count.Changed++
		c.updated = at
	}
	if !s.set.NoLog {
		c.log = append(c.log, e)
	}
	return c, ""
}

// fill gives a new customer its values. What changed is not noted: it is what
// was sent, and first loads are long.
func (s *Sim) fill(c *customer, cols *columns, values []string) {
	for i, item := range cols.at {
		if item >= 0 && !isBlank(values[i]) {
			c.values[item] = values[i]
		}
	}
	c.tags = firstTags(cols, values)
}

// firstTags are the tags a customer is created with.
func firstTags(cols *columns, values []string) []string {
	tags := splitTags(cell(values, cols.append))
	slices.Sort(tags)
	tags = slices.Compact(tags)
	for _, t := range splitTags(cell(values, cols.delete)) {
		tags = slices.DeleteFunc(tags, func(o string) bool { return o == t })
	}
	return tags
}

// alter writes a known customer and notes in e what became different.
func (s *Sim) alter(c *customer, e *entry, job *job) {
	for i, item := range e.cols.at {
		if item < 0 {
			continue
		}
		v, old := e.values[i], c.values[item]
		if v == old || isBlank(v) {
			continue
		}
		if e.verb == Registration && old != "" && item != itemPermission && item != itemStatus && item != itemStar {
			continue
		}
		if item == itemEmail && s.key(v) == s.key(old) {
			continue
		}
		if item == itemPermission && old == "reject" {
			s.violate(Violation{Kind: LoosenedOptOut, At: e.at, Job: job.codeOf(), Detail: "delivery_permission reject → " + v})
		}
		if old != "" && v < old && s.schema.items[item].name == s.set.DateItem {
			s.count.DatesBack++
		}
		e.changed = append(e.changed, change{item: int16(item), old: old})
		c.values[item] = v
	}
	for _, t := range splitTags(cell(e.values, e.cols.append)) {
		if i, held := slices.BinarySearch(c.tags, t); !held {
			c.tags = slices.Insert(c.tags, i, t)
			e.tagsAdded = append(e.tagsAdded, t)
		}
	}
	for _, t := range splitTags(cell(e.values, e.cols.delete)) {
		if i, held := slices.BinarySearch(c.tags, t); held {
			c.tags = slices.Delete(c.tags, i, i+1)
			e.tagsRemoved = append(e.tagsRemoved, t)
		}
	}
}

func (s *Sim) create(email string, at time.Time) *customer {
	k := s.key(email)
	n := len(s.schema.items)
	if len(s.table.spare) < n {
		s.table.spare = make([]string, 256*n)
	}
	c := &customer{id: len(s.table.byID) + 1, values: s.table.spare[:n:n], created: at, updated: at}
	s.table.spare = s.table.spare[n:]
	if old, ok := s.table.gone[k]; ok {
		c.log = old
		delete(s.table.gone, k)
	}
	s.table.byEmail[k] = c
	s.table.byID = append(s.table.byID, c)
	return c
}

// remove deletes a customer; its history stays.
func (s *Sim) remove(c *customer, at time.Time) {
	k := s.key(c.values[itemEmail])
	delete(s.table.byEmail, k)
	s.table.byID[c.id-1] = nil
	if !s.set.NoLog {
		s.table.gone[k] = append(c.log, entry{at: at, verb: Delete})
	}
	s.count.Deleted++
}
