package sheet

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// field is an item of a business card, with values that a mapping can tell apart.
type field struct {
	path, ja, en string
	values       []any // the first stands on the full card; none is another's
	text         bool  // free text: tried with what the mapping looks for as well
}

// fields of a card, in the order in which Sansan's API lists them.
var fields = []field{
	{path: "id", ja: "名刺ID", en: "card id", values: []any{"0A1B2C3D4E5F60718293A4B5C6D7E8F9", "1A1B2C3D4E5F60718293A4B5C6D7E8F9"}},
	{path: "companyId", ja: "会社ID", en: "company id", values: []any{"B2C4D6E8F0A1B3C5D7E9F1A2B4C6D8E0", "C2C4D6E8F0A1B3C5D7E9F1A2B4C6D8E0"}},
	{path: "personId", ja: "人物ID", en: "person id", values: []any{"F1E2D3C4B5A697887766554433221100", "E1E2D3C4B5A697887766554433221100"}},
	{path: "exchangeDate", ja: "名刺交換日", en: "exchange date", values: []any{"2026-04-01", "2019-02-03", "2031-11-12"}},
	{path: "registeredTime", ja: "登録日時", en: "time of registration", values: []any{"2026-04-02T11:29:39+09:00", "2018-03-04T11:29:39+09:00"}},
	{path: "updatedTime", ja: "更新日時", en: "time of update", values: []any{"2026-04-03T09:00:00+09:00", "2017-05-06T09:00:00+09:00"}},
	{path: "owner.id", ja: "名刺所有者のID", en: "card owner's id", values: []any{"owner-a", "owner-b"}, text: true},
	{path: "owner.name", ja: "名刺所有者の氏名", en: "card owner's name", values: []any{"標本所有者甲", "標本所有者乙"}, text: true},
	{path: "owner.email", ja: "名刺所有者のメールアドレス", en: "card owner's e-mail", values: []any{"owner-a@example.com", "owner-b@example.com"}, text: true},
	{path: "lastName", ja: "姓", en: "last name", values: []any{"標本姓甲", "標本姓乙"}, text: true},
	{path: "firstName", ja: "名", en: "first name", values: []any{"標本名甲", "標本名乙"}, text: true},
	{path: "lastNameReading", ja: "姓（読み）", en: "last name, reading", values: []any{"セイコウ", "セイオツ"}, text: true},
	{path: "firstNameReading", ja: "名（読み）", en: "first name, reading", values: []any{"メイコウ", "メイオツ"}, text: true},
	{path: "departmentName", ja: "部署名", en: "department", values: []any{"標本部署甲", "標本部署乙"}, text: true},
	{path: "title", ja: "役職名", en: "title", values: []any{"標本役職甲", "標本役職乙"}, text: true},
	{path: "companyName", ja: "会社名", en: "company", values: []any{"標本会社甲", "標本会社乙"}, text: true},
	{path: "email", ja: "メールアドレス", en: "e-mail", values: []any{"probe-a@example.jp", "probe-b@example.org"}, text: true},
	{path: "mobile", ja: "携帯電話番号", en: "mobile phone", values: []any{"080-0000-1111", "090-0000-2222"}, text: true},
	{path: "tel", ja: "電話番号", en: "telephone", values: []any{"03-0000-3333", "06-0000-4444"}, text: true},
	{path: "secondTel", ja: "電話番号2", en: "second telephone", values: []any{"03-0000-5555", "06-0000-6666"}, text: true},
	{path: "fax", ja: "FAX番号", en: "fax", values: []any{"03-0000-7777", "06-0000-8888"}, text: true},
	{path: "countryCode", ja: "国コード", en: "country code", values: []any{"JP", "US"}, text: true},
	{path: "postalCode", ja: "郵便番号", en: "postal code", values: []any{"1000001", "5300001"}, text: true},
	{path: "address", ja: "住所", en: "address", values: []any{"標本住所甲", "標本住所乙"}, text: true},
	{path: "prefecture", ja: "都道府県", en: "prefecture", values: []any{"東京都", "大阪府"}, text: true},
	{path: "city", ja: "市区町村", en: "city", values: []any{"標本市甲", "標本市乙"}, text: true},
	{path: "street", ja: "番地", en: "street", values: []any{"標本番地甲", "標本番地乙"}, text: true},
	{path: "building", ja: "建物名", en: "building", values: []any{"標本ビル甲", "標本ビル乙"}, text: true},
	{path: "url", ja: "URL", en: "URL", values: []any{"https://probe-a.example", "https://probe-b.example"}, text: true},
	{path: "memo", ja: "メモ", en: "memo", values: []any{"標本メモ甲", "標本メモ乙"}, text: true},
	{path: "tags.id", ja: "Sansanタグ（ID）", en: "Sansan tags (id)", values: []any{"C0FFEE00C0FFEE00C0FFEE00C0FFEE00", "D0FFEE00C0FFEE00C0FFEE00C0FFEE00"}, text: true},
	{path: "tags.name", ja: "Sansanタグ", en: "Sansan tags", values: []any{"標本タグ甲", "標本タグ乙"}, text: true},
	{path: "tags.type", ja: "Sansanタグの種別", en: "type of Sansan tags", values: []any{"shared", "public", "private"}},
	{path: "entryStatus", ja: "データ化状況", en: "entry status", values: []any{"completed", "unreadable"}},
}

// Names of the card items that conditions 3 to 8 are about.
const (
	fieldDate    = "exchangeDate"
	prefixOwner  = "owner."
	prefixTags   = "tags."
	itemTags     = "append_tags"
	itemRoute    = "collection_route"
	itemDate     = "collection_date"
	itemEmail    = "email"
	fieldUpdated = "updatedTime"
)

// set puts a value into a card; nil takes it away. Of tags, the first is meant.
func set(card map[string]any, path string, value any) {
	first, rest, nested := strings.Cut(path, ".")
	if nested {
		part, ok := card[first].(map[string]any)
		if list, isList := card[first].([]any); isList && len(list) > 0 {
			part, ok = list[0].(map[string]any)
		}
		if !ok {
			part = map[string]any{}
			card[first] = part
			if first == "tags" {
				card[first] = []any{part}
			}
		}
		card, path = part, rest
	}
	if value == nil {
		delete(card, path)
	} else {
		card[path] = value
	}
}

// full card: every field has its first value.
func full() map[string]any {
	card := map[string]any{}
	for _, f := range fields {
		set(card, f.path, f.values[0])
	}
	return card
}

// bare card: what every card has.
func bare() map[string]any {
	card := map[string]any{}
	for _, f := range fields {
		if slices.Contains([]string{"id", "registeredTime", fieldUpdated, "email"}, f.path) {
			set(card, f.path, f.values[0])
		}
	}
	return card
}

// probe is a card that differs from its base in one field.
type probe struct {
	path string // "" for a base
	base int    // place of the base in the list
	card map[string]any
}

// probes are both bases and their variants. looked are words that the mapping
// compares with, such as tags of a translation table.
func probes(looked []string) []probe {
	all := []probe{{"", 0, full()}, {"", 1, bare()}}
	vary := func(base int, make func() map[string]any, path string, value any) {
		card := make()
		set(card, path, value)
		all = append(all, probe{path, base, card})
	}
	for _, f := range fields {
		vary(0, full, f.path, nil)
		for _, value := range f.values[1:] {
			vary(0, full, f.path, value)
		}
		vary(1, bare, f.path, f.values[0])
		if !f.text {
			continue
		}
		people := strings.HasPrefix(f.path, prefixTags) || strings.HasPrefix(f.path, prefixOwner)
		for _, word := range looked {
			vary(0, full, f.path, word)
			if people { // by these, cards are told apart: with nothing else on them, and by a part of the word
				vary(1, bare, f.path, word)
				vary(0, full, f.path, word+"標本")
				vary(0, full, f.path, "標本"+word)
			}
		}
	}
	tagless := full()
	delete(tagless, "tags")
	ownerless := full()
	delete(ownerless, "owner")
	return append(all, probe{"tags.name", 0, tagless}, probe{"owner.name", 0, ownerless}, probe{"", 0, full()})
}

// Finding is what the probes say of one SATORI item.
type Finding struct {
	Item     string
	Sources  []string // paths of the card items that reach it
	Example  any      // of the full card
	Constant []string // parts that are the same whatever the card
	Possible []string // all values, when the card only chooses among fixed ones
	Volatile bool     // it differs from run to run
}

// findings are those of one way.
type findings struct {
	items   map[string]*Finding
	dropped bool // some cards do not come out
	err     error
}

const mostPossible = 8

// look leads the probes through a way.
func (w Way) look(ctx context.Context) (*findings, error) {
	looked := w.looked()
	tried := probes(looked)
	cards := make([]Card, len(tried))
	for i, p := range tried {
		id, _ := p.card["id"].(string)
		updated, _ := p.card[fieldUpdated].(string)
		cards[i] = Card{ID: id, Updated: updated, Content: p.card}
	}
	became, err := w.Lead(ctx, cards)
	if err != nil {
		return nil, err
	}
	one := func(i int) map[string]any {
		if len(became[i]) == 1 && became[i][0].Err == nil {
			return became[i][0].Items
		}
		return nil
	}
	f := &findings{items: map[string]*Finding{}}
	for i := range became {
		switch {
		case len(became[i]) == 0:
			f.dropped = true
		case became[i][0].Err != nil && f.err == nil:
			f.err = became[i][0].Err
		}
		for item := range one(i) {
			if f.items[item] == nil {
				f.items[item] = &Finding{Item: item}
			}
		}
	}
	again := one(len(tried) - 1)
	for name, found := range f.items {
		found.Example = one(0)[name]
		found.Volatile = !reflect.DeepEqual(one(0)[name], again[name])
		reached := map[string]bool{}
		for i, p := range tried {
			if out, base := one(i), one(p.base); out != nil && base != nil && p.path != "" && !found.Volatile &&
				!reflect.DeepEqual(out[name], base[name]) {
				reached[p.path] = true
			}
		}
		for _, field := range fields {
			if reached[field.path] {
				found.Sources = append(found.Sources, field.path)
			}
		}
		found.constants(tried, one, looked)
	}
	return f, nil
}

// constants finds what the card has no part in.
func (f *Finding) constants(tried []probe, one func(int) map[string]any, looked []string) {
	var kept, values []string
	begun := false
	for i := range tried {
		out := one(i)
		if out == nil {
			continue
		}
		parts := partsOf(out[f.Item])
		values = append(values, parts...)
		if !begun {
			kept, begun = parts, true
			continue
		}
		kept = slices.DeleteFunc(kept, func(part string) bool { return !slices.Contains(parts, part) })
	}
	f.Constant = slices.Compact(kept)
	slices.Sort(values)
	values = slices.Compact(values)
	fixed := !slices.ContainsFunc(values, func(v string) bool { return !slices.Contains(looked, v) })
	if len(f.Sources) > 0 && fixed && len(values) > 1 && len(values) <= mostPossible {
		f.Possible = values
	}
}

// partsOf gives the elements of a list, or the value itself, as text.
func partsOf(value any) (parts []string) {
	switch value := value.(type) {
	case nil:
	case []any:
		for _, each := range value {
			parts = append(parts, textOf(each))
		}
	default:
		if text := textOf(value); text != "" {
			parts = []string{text}
		}
	}
	return parts
}

func textOf(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}

var (
	quotedText   = regexp.MustCompile(`"(?:[^"\\\n]|\\.)*"`)
	importedFile = regexp.MustCompile(`(?m)\b(?:import|from)\s+"([^"\n]+)"`)
)

// mostLooked bounds the number of probes: a translation table may have thousands
// of lines, and a few hundred of them show as much.
const mostLooked = 300

// looked gathers the texts between quotes in the processors and in all that they
// import: among them is whatever a mapping compares a card with.
func (w Way) looked() []string {
	words := map[string]bool{}
	seen := map[string]bool{}
	var read func(text, dir string)
	read = func(text, dir string) {
		for _, match := range importedFile.FindAllStringSubmatch(text, -1) {
			path := match[1]
			if dir != "" && !filepath.IsAbs(path) {
				path = filepath.Join(dir, path)
			}
			if content, err := os.ReadFile(path); err == nil && !seen[path] {
				seen[path] = true
				read(string(content), filepath.Dir(path))
			}
		}
		for line := range strings.Lines(text) {
			if strings.HasPrefix(strings.TrimSpace(line), "#") {
				continue
			}
			for _, match := range quotedText.FindAllString(line, -1) {
				if word, err := strconv.Unquote(match); err == nil && word != "" && len(word) < 200 && !strings.Contains(line, "apply("+match) {
					words[word] = true
				}
			}
		}
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			read(v, "")
		case map[string]any:
			for _, each := range v {
				walk(each)
			}
		case []any:
			for _, each := range v {
				walk(each)
			}
		}
	}
	walk(w.processors)
	walk(w.pipeline.Root["processor_resources"])
	all := slices.Sorted(maps.Keys(words))
	return all[:min(len(all), mostLooked)]
}
