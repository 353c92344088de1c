// Package samplecards invents Japanese business cards (名刺) as Sansan's Open API would give them, with the dirt of
// real ones. Nothing here is a real person: names are drawn from lists, every e-mail is under a reserved example domain,
// every telephone number has 0000 in its middle.
//
// The same seed gives the same cards for ever, and a smaller number gives a prefix of a larger one.
package samplecards

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Tag is a Sansan tag (タグ). Names are not unique.
type Tag struct {
	ID    string
	Name  string
	Type  string  // "private", "public" or "shared"
	Owner *Person // nil: a shared tag without an owner
}

// Person is a user of Sansan: the owner of cards (名刺所有者) or of tags. Names are not unique.
type Person struct {
	ID    string
	Name  string
	Email string // "": null in JSON
}

// Sample is one card and what cannot be read from its JSON.
type Sample struct {
	// Card holds the fields of the API, "tags" and "entryStatus" always among them, as encoding/json would decode them.
	Card map[string]any
	// Past says that a newer card of the same person has replaced this one (過去名刺): only includePastBizCards shows it.
	Past bool
	// Dirt names the kinds of dirt in this card, see [Kinds].
	Dirt []string
}

// Set is a number of cards with the tags and owners they use.
type Set struct {
	Cards  []map[string]any    // ascending by updatedTime, ties included
	Past   map[string]bool     // ids of cards that a newer one replaced
	Dirt   map[string][]string // kind of dirt → ids of the cards that have it
	Tags   []Tag               // every tag, used or not
	Owners []Person            // the first, suzuki, is the simulator's default user
}

// Generate invents n cards.
func Generate(n int, seed uint64) Set {
	s := Set{
		Cards: make([]map[string]any, 0, n), Past: map[string]bool{}, Dirt: map[string][]string{},
		Tags: Tags(), Owners: Owners(),
	}
	Each(n, seed, func(c Sample) {
		id := c.Card["id"].(string)
		s.Cards = append(s.Cards, c.Card)
		if c.Past {
			s.Past[id] = true
		}
		for _, k := range c.Dirt {
			s.Dirt[k] = append(s.Dirt[k], id)
		}
	})
	return s
}

// Each invents n cards one by one, so that a large number needs little memory.
func Each(n int, seed uint64, yield func(Sample)) {
	g := &generator{seed: seed, r: rand.New(rand.NewPCG(seed, 0)), now: start, owners: ownerObjects(), tags: tagObjects()}
	for range n {
		yield(g.next())
	}
}

var (
	tokyo = time.FixedZone("JST", 9*60*60)
	start = time.Date(2024, 4, 1, 9, 0, 0, 0, tokyo)
)

const (
	oneMailAgain = 0.15  // share of cards that repeat the e-mail of an earlier one (another colleague met that person)
	tie          = 0.25  // share of cards with the updatedTime of the card before
	burst        = 0.004 // share of cards that start an import: the next burstLength cards bear one updatedTime
	burstLength  = 40
)

type generator struct {
	seed    uint64
	r       *rand.Rand
	now     time.Time // updatedTime of the card in hand
	serial  uint64    // cards made
	persons uint64    // persons met
	burst   int       // cards still to come in this import
	owners  []map[string]any
	tags    []map[string]any
}

func (g *generator) next() Sample {
	g.serial++
	g.tick()
	number, again := g.persons, g.persons > 0 && g.r.Float64() < oneMailAgain
	if again {
		number = g.r.Uint64N(g.persons)
	} else {
		g.persons++
	}
	s := Sample{Card: g.card(contactOf(g.seed, number))}
	if again {
		s.Dirt = append(s.Dirt, "same_email")
		if g.r.Float64() < 0.3 { // changed jobs within the company
			s.Card["departmentName"], s.Card["title"] = pick(g.r, departments), pick(g.r, titles)
		}
		if g.r.Float64() < 0.2 { // Sansan has not yet seen that it is one person
			s.Card["personId"] = hexID(g.r)
		}
	}
	for _, k := range kinds {
		if k.spoil != nil && g.r.Float64() < k.Chance {
			k.spoil(g.r, &s)
			s.Dirt = append(s.Dirt, k.Name)
		}
	}
	return s
}

// tick moves the clock so that about a third of the cards share their second with a neighbour.
func (g *generator) tick() {
	switch {
	case g.burst > 0:
		g.burst--
	case g.r.Float64() < burst:
		g.burst = burstLength - 1
		g.now = g.now.Add(time.Minute)
	case g.r.Float64() >= tie:
		g.now = g.now.Add(time.Duration(1+g.r.IntN(120)) * time.Second)
	}
}

// contact is one invented person, the same for every card of theirs.
type contact struct {
	person, company           string // ids
	last, first               name
	mail, host, companyName   string
	department, title, mobile string
	place                     place
	block, floor, ext         int
}

// contactOf invents person number i: from the seed alone, so that an earlier person need not be remembered.
func contactOf(seed, i uint64) contact {
	r := rand.New(rand.NewPCG(seed, i+1))
	c := contact{
		person: hexID(r), company: hexID(r), last: pick(r, lastNames), first: pick(r, firstNames),
		department: pick(r, departments), title: pick(r, titles), place: pick(r, places),
		block: 1 + r.IntN(20), floor: 1 + r.IntN(30), ext: r.IntN(10000),
	}
	word := pick(r, companyWords)
	c.companyName = fmt.Sprintf(pick(r, companyForms), word.kanji)
	c.host = word.romaji + "." + pick(r, domains)
	c.mail = fmt.Sprintf("%s.%s%d@%s", c.first.romaji, c.last.romaji, i, c.host)
	c.mobile = fmt.Sprintf("0%d0-0000-%04d", 7+r.IntN(3), r.IntN(10000))
	return c
}

func (g *generator) card(c contact) map[string]any {
	registered := g.now.Add(-time.Duration(g.r.IntN(30*24*3600)) * time.Second)
	street := fmt.Sprintf("%s %d-%d", c.place.town, c.block, 1+c.floor%9)
	building := fmt.Sprintf("サンプルビル %dF", c.floor)
	tel := fmt.Sprintf("%s-0000-%04d", c.place.area, c.ext)
	return map[string]any{
		"id": hexID(g.r), "companyId": c.company, "personId": c.person,
		"exchangeDate":   registered.AddDate(0, 0, -g.r.IntN(500)).Format(time.DateOnly),
		"registeredTime": registered.Format(time.RFC3339), "updatedTime": g.now.Format(time.RFC3339),
		"owner":    g.owners[g.r.IntN(len(g.owners))],
		"lastName": c.last.kanji, "firstName": c.first.kanji, "lastNameReading": c.last.kana, "firstNameReading": c.first.kana,
		"departmentName": c.department, "title": c.title, "companyName": c.companyName,
		"email": c.mail, "mobile": c.mobile, "tel": tel, "secondTel": nil,
		"fax": fmt.Sprintf("%s-0000-%04d", c.place.area, (c.ext+1)%10000), "countryCode": "JP",
		"postalCode": c.place.postal, "address": c.place.prefecture + c.place.city + street + " " + building,
		"prefecture": c.place.prefecture, "city": c.place.city, "street": street, "building": building,
		"url": "https://" + c.host, "memo": nil, "tags": g.someTags(), "entryStatus": "completed",
	}
}

// someTags gives none to half of the cards, else one to three different ones.
func (g *generator) someTags() []any {
	got := []any{}
	if g.r.Float64() < 0.5 {
		return got
	}
	for _, i := range g.r.Perm(len(g.tags))[:1+g.r.IntN(3)] {
		got = append(got, g.tags[i])
	}
	return got
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// hexID gives an id as Sansan's: 32 upper-case hexadecimal digits.
func hexID(r *rand.Rand) string {
	const digits = "0123456789ABCDEF"
	var b [32]byte
	for i := 0; i < 32; i += 16 {
		for j, v := 0, r.Uint64(); j < 16; j, v = j+1, v>>4 {
			b[i+j] = digits[v&15]
		}
	}
	return string(b[:])
}
