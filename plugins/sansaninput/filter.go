package sansaninput

import (
	"context"
	"encoding/hex"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"sansansatori/plugins/sansan"
)

// owners (名刺所有者) whose cards are wanted: by e-mail, id or name.
type owners struct {
	wanted  map[string]string // comparable form → as configured
	matched map[string]bool
}

func newOwners(list []string) *owners {
	o := &owners{wanted: map[string]string{}, matched: map[string]bool{}}
	for _, name := range list {
		o.wanted[comparable(name)] = name
	}
	return o
}

// comparable: width, case and spaces do not tell names or addresses apart.
func comparable(s string) string {
	return strings.ToLower(strings.Join(strings.Fields(norm.NFKC.String(s)), ""))
}

// want says whether a card passes; no owners configured pass all.
func (o *owners) want(p sansan.Person) bool {
	if len(o.wanted) == 0 {
		return true
	}
	for _, s := range []string{p.Email, p.ID, p.Name} {
		if s == "" {
			continue
		}
		if name, ok := o.wanted[comparable(s)]; ok {
			o.matched[name] = true
			return true
		}
	}
	return false
}

// unmatched are the owners none of whose cards came by.
func (o *owners) unmatched() (names []string) {
	for _, name := range o.wanted {
		if !o.matched[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// tag (タグ) that is swept, and the configured name or id that it answers to.
type tag struct{ id, wanted string }

// resolve finds the wanted tags, each name with all visible tags that bear it,
// and says which were not found. list gives the tags of a name, all for none.
func resolve(ctx context.Context, wanted []string, list func(context.Context, string) ([]sansan.Tag, error)) (tags []tag, missing []string, err error) {
	seen := map[string]bool{}
	var all []sansan.Tag
	for _, name := range wanted {
		var found []sansan.Tag
		if !looksLikeID(name) {
			if found, err = list(ctx, name); err != nil {
				return nil, nil, err
			}
		}
		ids := matching(found, name)
		if len(ids) == 0 { // an id, or a name that differs in width or spaces
			if all == nil {
				if all, err = list(ctx, ""); err != nil {
					return nil, nil, err
				}
			}
			ids = matching(all, name)
		}
		if len(ids) == 0 {
			missing = append(missing, name)
		}
		for _, id := range ids {
			if !seen[id] {
				seen[id] = true
				tags = append(tags, tag{id: id, wanted: name})
			}
		}
	}
	return tags, missing, nil
}

func looksLikeID(s string) bool {
	_, err := hex.DecodeString(s)
	return len(s) == 32 && err == nil
}

// matching gives the ids of the tags that a name or id means: those of exactly
// that name, else those that look alike.
func matching(tags []sansan.Tag, wanted string) (ids []string) {
	for _, t := range tags {
		if t.Name == wanted || strings.EqualFold(t.ID, wanted) {
			ids = append(ids, t.ID)
		}
	}
	if len(ids) > 0 {
		return ids
	}
	for _, t := range tags {
		if comparable(t.Name) == comparable(wanted) {
			ids = append(ids, t.ID)
		}
	}
	return ids
}
