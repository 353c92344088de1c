package sansansim

import (
	"encoding/json"
	"maps"
	"slices"
	"unicode/utf8"
)

// order is the order of a card's fields in the documentation's example.
var order = []string{
	"id", "companyId", "personId", "exchangeDate", "registeredTime", "updatedTime", "owner", "lastName", "firstName",
	"lastNameReading", "firstNameReading", "departmentName", "title", "email", "mobile", "companyName", "countryCode",
	"postalCode", "address", "prefecture", "city", "street", "building", "tel", "secondTel", "fax", "url", "memo",
}

// known are the fields of which [order] or the answer takes care.
var known = func() map[string]bool {
	m := map[string]bool{"tags": true, "entryStatus": true}
	for _, k := range order {
		m[k] = true
	}
	return m
}()

// encodeCard writes a card without tags, entryStatus and its closing brace; fields of other names come last.
func encodeCard(f map[string]any) []byte {
	b := make([]byte, 0, 2048)
	member := func(k string) {
		if len(b) > 0 {
			b = append(b, ',')
		} else {
			b = append(b, '{')
		}
		b = append(appendJSON(b, k), ':')
		b = appendJSON(b, f[k])
	}
	for _, k := range order {
		if _, there := f[k]; there {
			member(k)
		}
	}
	for k := range f {
		if !known[k] {
			for _, k := range slices.Sorted(maps.Keys(f)) {
				if !known[k] {
					member(k)
				}
			}
			break
		}
	}
	return slices.Clone(b) // no spare room: there may be 100,000 of them
}

// appendJSON is encoding/json with a short way for what cards are made of.
func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case string:
		if plain(v) {
			b = append(b, '"')
			b = append(b, v...)
			return append(b, '"')
		}
	case map[string]any: // an owner: short, in the documentation's order
		if len(v) == 3 && v["id"] != nil && v["name"] != nil {
			if mail, there := v["email"]; there {
				b = appendJSON(append(b, `{"id":`...), v["id"])
				b = appendJSON(append(b, `,"name":`...), v["name"])
				return append(appendJSON(append(b, `,"email":`...), mail), '}')
			}
		}
	}
	j, err := json.Marshal(v)
	if err != nil {
		panic(err) // cards hold what JSON can hold
	}
	return append(b, j...)
}

func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c == 0x7f {
			return false
		}
	}
	return utf8.ValidString(s)
}

// appendCard writes the card as the user sees it.
func (c *card) appendCard(b []byte, set *Settings, u *User, withTags bool) []byte {
	b = append(b, c.doc...)
	if !set.HideEntryStatus {
		b = appendJSON(append(b, `,"entryStatus":`...), c.status)
	}
	if withTags {
		b = append(b, `,"tags":`...)
		b = c.appendTags(b, u)
	}
	return append(b, '}')
}

func (c *card) appendTags(b []byte, u *User) []byte {
	b = append(b, '[')
	first := true
	for _, t := range c.tags {
		if c.private && !t.visible(u) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		b, first = append(b, t.embedded...), false
	}
	return append(b, ']')
}

// visible: one's own private tags, public tags, shared tags.
func (t *tag) visible(u *User) bool {
	return t.Type != "private" || t.Owner != nil && t.Owner.ID == u.ID
}

func (t *tag) encode(set *Settings) {
	write := func(id, kind string) []byte {
		b := appendJSON(nil, id)
		b = append([]byte{'{'}, b...)
		b = appendJSON(append(b, ':'), t.ID)
		b = appendJSON(append(b, `,"name":`...), t.Name)
		b = appendJSON(append(b, `,"type":`...), kind)
		b = append(b, `,"owner":`...)
		if t.Owner == nil {
			return append(b, "null}"...)
		}
		return append(appendJSON(b, t.Owner.JSON()), '}')
	}
	t.listed = write("id", t.Type)
	kind := t.Type
	if kind == "shared" {
		kind = set.EmbeddedShared
	}
	t.embedded = write(set.EmbeddedTagID, kind)
}
