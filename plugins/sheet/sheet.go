package sheet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/redpanda-data/benthos/v4/public/service"

	"sansansatori/plugins/items"
	"sansansatori/plugins/pipelinefile"
)

// Sheet is the requirements sheet (連携要件連絡書) of a pipeline.
type Sheet struct {
	Ranges     []Range
	Rule       Rule
	Conditions []Condition
	Items      []Item
	// Unlinked are items that the mapping gives and that are not writable: each
	// customer that carries one would fail.
	Unlinked []string
	Dropped  bool     // the mapping leaves cards out
	Failed   string   // the mapping failed on a probe card
	LeftOut  []string // processors that were not tried, since they reach outside
}

// Range is what one sansan_input reads (登録データの範囲) and when (連携タイミング).
type Range struct {
	Label, Whose string // Whose: all or me
	Owners, Tags []string
	Past         bool
	Start        string
	Schedule     string
	FullRead     string
}

// Condition is one of the numbered conditions 3 to 9 (登録条件).
type Condition struct {
	Number int
	Items  []string // the SATORI items concerned; none: the condition is not set
	Text   string   // of 9: the constant
}

// Item is one SATORI item, as the pipeline was found to write it.
type Item struct {
	Name, Label, Kind string
	Sources           []string // paths of card items
	Constant          []string
	Possible          []string
	Example           string
	Volatile          bool
	Written           bool // some probe card gave it
}

// Draw draws the sheet of a pipeline. Nothing is read from or written to either
// service.
func Draw(ctx context.Context, p *pipelinefile.Pipeline) (*Sheet, error) {
	ways, err := Ways(p)
	if err != nil {
		return nil, err
	}
	conf := ways[0].Output
	listed, _ := conf["fields"].(map[string]any)
	links := items.LinksOf(listed)
	overwrite, _ := conf["overwrite"].(string)
	s := &Sheet{}
	if s.Rule, err = ruleOf(overwrite, links); err != nil {
		return nil, err
	}
	var master *items.Master
	if path, _ := conf["custom_items"].(string); path != "" {
		if master, err = items.ReadMaster(path); err != nil {
			return nil, err
		}
	}
	all := map[string]*Item{}
	for name := range listed {
		all[name] = &Item{}
	}
	for _, w := range ways {
		r, err := rangeOf(w)
		if err != nil {
			return nil, err
		}
		s.Ranges = append(s.Ranges, r)
		f, err := w.look(ctx)
		if err != nil {
			return nil, err
		}
		s.LeftOut = w.LeftOut()
		s.Dropped = s.Dropped || f.dropped
		if f.err != nil {
			s.Failed = f.err.Error()
		}
		for name, found := range f.items {
			if all[name] == nil {
				all[name] = &Item{}
			}
			all[name].add(found)
		}
	}
	var names []string
	for name := range all {
		names = append(names, name)
	}
	for _, name := range items.InOrder(names) {
		item := *all[name]
		item.Name, item.Label, item.Kind = name, items.Label(name), links.KindName(name)
		if identifier, ok := items.Custom(name); ok && master != nil {
			item.Label = master.Label(identifier)
		}
		if item.Written && !links.Writable(name) {
			s.Unlinked = append(s.Unlinked, name)
		}
		s.Items = append(s.Items, item)
	}
	s.Conditions = conditionsOf(s.Items)
	return s, nil
}

// add lays what one way gives over what others gave.
func (i *Item) add(f *Finding) {
	i.Sources = ordered(append(i.Sources, f.Sources...))
	for _, c := range f.Constant {
		if !slices.Contains(i.Constant, c) {
			i.Constant = append(i.Constant, c)
		}
	}
	for _, p := range f.Possible {
		if !slices.Contains(i.Possible, p) {
			i.Possible = append(i.Possible, p)
		}
	}
	if i.Example == "" && f.Example != nil {
		i.Example = strings.Join(partsOf(f.Example), "、")
	}
	i.Volatile = i.Volatile || f.Volatile
	i.Written = true
}

func ordered(paths []string) (in []string) {
	for _, f := range fields {
		if slices.Contains(paths, f.path) {
			in = append(in, f.path)
		}
	}
	return in
}

func rangeOf(w Way) (Range, error) {
	f, err := pipelinefile.InputFields(service.GlobalEnvironment(), "sansan_input", w.Input)
	if err != nil {
		return Range{}, err
	}
	list := func(name string) (texts []string) {
		values, _ := f.Value(name).([]any)
		for _, v := range values {
			texts = append(texts, fmt.Sprint(v))
		}
		return texts
	}
	return Range{
		Label: w.Label, Whose: f.Text("range"), Owners: list("owners"), Tags: list("tags"),
		Past: f.Text("include_past_cards") == "true", Start: f.Text("start_time"),
		Schedule: f.Text("schedule"), FullRead: f.Text("full_read"),
	}, nil
}

// Number of the range condition: 1-1, 1-2, 1-3, or both of the latter.
func (r Range) Number() string {
	switch {
	case len(r.Owners) > 0 && len(r.Tags) > 0:
		return "1-2, 1-3"
	case len(r.Owners) > 0:
		return "1-2"
	case len(r.Tags) > 0:
		return "1-3"
	}
	return "1-1"
}

// conditionsOf finds which of the conditions 3 to 9 the items amount to.
func conditionsOf(all []Item) []Condition {
	from := func(prefix string, wanted func(Item) bool) (names []string) {
		for _, item := range all {
			if wanted(item) && slices.ContainsFunc(item.Sources, func(path string) bool { return strings.HasPrefix(path, prefix) }) {
				names = append(names, item.Name)
			}
		}
		return names
	}
	named := func(name string) func(Item) bool { return func(i Item) bool { return i.Name == name } }
	custom := func(i Item) bool { _, ok := items.Custom(i.Name); return ok }
	route := Condition{Number: 9}
	for _, item := range all {
		if item.Name == itemRoute && item.Written {
			route.Items = []string{itemRoute}
			if len(item.Sources) == 0 {
				route.Text = strings.Join(item.Constant, "、")
			}
		}
	}
	return []Condition{
		{Number: 3, Items: from(prefixOwner, named(itemTags))},
		{Number: 4, Items: from(prefixOwner, custom)},
		{Number: 5, Items: from(fieldDate, custom)},
		{Number: 6, Items: from(fieldDate, named(itemDate))},
		{Number: 7, Items: from(prefixTags, named(itemTags))},
		{Number: 8, Items: from(prefixTags, custom)},
		route,
	}
}

// Fingerprint names what was agreed on: two sheets with the same one say the same.
func (s *Sheet) Fingerprint() string {
	text, _ := json.Marshal(s) // texts and lists always encode
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}
