package sansaninput

import (
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
	return names
}
