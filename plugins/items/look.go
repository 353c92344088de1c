package items

import (
	"maps"
	"slices"
)

// RuleItems names the items an overwrite rule reads from what SATORI holds, as
// Lint finds them.
func RuleItems(overwrite string, readFile func(string) ([]byte, error)) []string {
	return readRule(overwrite, readFile).items.sorted()
}

// InOrder sorts names as SATORI lists its items; custom items follow by name.
func InOrder(names []string) []string {
	sorted := slices.Clone(names)
	place := func(name string) int {
		if i := indexOf(name); i >= 0 {
			return i
		}
		return len(standard)
	}
	slices.SortFunc(sorted, func(a, b string) int {
		if d := place(a) - place(b); d != 0 {
			return d
		}
		if a < b {
			return -1
		}
		return 1
	})
	return sorted
}

// Label of a custom item as the master has it; "" when it does not know it.
func (m *Master) Label(identifier string) string { return m.items[identifier].label }

// KindName is a kind as the service's papers write it; what is not listed is NG.
func (l Links) KindName(name string) string { return kindName(l[name]) }

// LinksOf reads a `fields` map.
func LinksOf(fields map[string]any) Links {
	links := make(Links, len(fields))
	for name := range maps.Keys(fields) {
		text, _ := fields[name].(string)
		links[name] = Kind(text)
	}
	return links
}
