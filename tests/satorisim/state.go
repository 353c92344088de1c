package satorisim

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// snapshot is a customer as tests compare it: item names to strings, blanks
// left out, "tags" to a sorted []string.
func (s *Sim) snapshot(c *customer) map[string]any {
	m := make(map[string]any, 16)
	for i, v := range c.values {
		if v != "" {
			m[s.schema.items[i].name] = v
		}
	}
	if len(c.tags) > 0 {
		m["tags"] = slices.Clone(c.tags)
	}
	return m
}

// Customers is what SATORI now holds, by normalised e-mail. Comparable with
// require.Equal: values are strings, "tags" a sorted []string, blanks are left out.
func (s *Sim) Customers() map[string]map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	all := make(map[string]map[string]any, len(s.table.byEmail))
	for k, c := range s.table.byEmail {
		all[k] = s.snapshot(c)
	}
	return all
}

// Customer is one customer as in Customers.
func (s *Sim) Customer(email string) (map[string]any, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	c := s.table.byEmail[s.key(email)]
	if c == nil {
		return nil, false
	}
	return s.snapshot(c), true
}

// Len is the number of customers.
func (s *Sim) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	return len(s.table.byEmail)
}

// Digest is a hash of Customers: equal digests mean equal states.
func (s *Sim) Digest() string {
	all := s.Customers()
	h := sha256.New()
	enc := json.NewEncoder(h)
	for _, k := range slices.Sorted(maps.Keys(all)) {
		_ = enc.Encode(all[k]) // strings into a hash cannot fail
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Seed puts customers there before the test: maps as Customers gives them. An
// unknown item or a map without e-mail is an error. Seeding a customer again replaces it.
func (s *Sim) Seed(customers ...map[string]any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	now := s.set.Now()
	for n, m := range customers {
		email, _ := m["email"].(string)
		if email == "" {
			return fmt.Errorf("seeding customer %d: no e-mail", n)
		}
		values := make([]string, len(s.schema.items))
		var tags []string
		for name, v := range m {
			switch v := v.(type) {
			case []string:
				if name != "tags" {
					return fmt.Errorf("seeding customer %d: %s is a list", n, name)
				}
				tags = slices.Clone(v)
			case string:
				i, ok := s.schema.index[name]
				if !ok {
					return fmt.Errorf("seeding customer %d: no item %s", n, name)
				}
				values[i] = v
			default:
				return fmt.Errorf("seeding customer %d: %s is a %T", n, name, v)
			}
		}
		c := s.table.byEmail[s.key(email)]
		if c == nil {
			c = s.create(email, now)
		}
		slices.Sort(tags)
		c.values, c.tags, c.updated = values, slices.Compact(tags), now
	}
	return nil
}
