package items

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Lint says what is wrong with a satori_output's `fields`, the master of custom
// items at masterPath ("": none) and the overwrite rule, one sentence each: the
// place, what is wrong, the way out. readFile is os.ReadFile or like it.
func Lint(fields map[string]any, masterPath, overwrite string, readFile func(string) ([]byte, error)) []string {
	var lints []string
	var master *Master
	if masterPath != "" {
		var err error
		if master, err = readMaster(masterPath, readFile); err != nil {
			lints = append(lints, fmt.Sprintf("custom_items: %s: the path counts from the working directory; correct it, or delete the line to link without the master", err))
		}
	}
	links := Links{}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		text, _ := fields[name].(string)
		if lint := lintField(name, fields[name], master); lint != "" {
			lints = append(lints, lint)
		}
		links[name] = Kind(text)
	}
	r := readRule(overwrite, readFile)
	lints = append(lints, r.problems...)
	for _, name := range r.items.sorted() {
		if lint := lintRead(name, r.items[name], links); lint != "" {
			lints = append(lints, lint)
		}
	}
	return lints
}

func lintField(name string, value any, master *Master) string {
	text, isText := value.(string)
	kind := Kind(text)
	line := fmt.Sprintf("fields: `%s: %v`", name, value)
	if !isText || !kind.valid() {
		switch value.(type) {
		case string, bool, nil:
		default:
			line = fmt.Sprintf("fields: `%s`", name)
		}
		return line + ": the kind (連携種別) is `readable`, `writable` or `readable_writable`" + suggestKind(text) + "; delete the line if the item is NG"
	}
	if identifier, custom := Custom(name); custom {
		return lintCustom(line, identifier, master)
	}
	i := indexOf(name)
	if i < 0 {
		return line + ": SATORI has no such item" + suggestUnknown(name, master)
	}
	switch item := standard[i]; {
	case item.bar == neverLinked:
		return fmt.Sprintf("%s: %s is neither readable nor writable for any link: delete the line", line, item.label)
	case item.name == "tags" && kind.writable():
		return line + ": `tags` is what SATORI exports: change it to `append_tags: writable`"
	case item.bar == neverWritten && kind.writable():
		return fmt.Sprintf("%s: %s is never writable: change it to `%s: readable`, or delete the line", line, item.label, name)
	}
	return ""
}

func lintCustom(line, identifier string, master *Master) string {
	switch {
	case identifier == "" || strings.TrimSpace(identifier) != identifier:
		return line + ": write `custom:` and the custom item's identifier (識別名), without spaces"
	case master == nil:
		return ""
	}
	item, ok := master.items[identifier]
	switch {
	case !ok:
		return line + ": the master of custom items has no identifier (識別名) `" + identifier + "`" + suggestCustom(identifier, master) +
			"; create it in SATORI and export the master again, or correct the name: upper and lower case differ"
	case item.unique:
		return fmt.Sprintf("%s: the custom item forbids repeated values (値の重複を許可しない), so it is neither readable nor writable: delete the line", line)
	}
	return ""
}

func suggestKind(text string) string {
	switch text := fold(strings.NewReplacer("/", "_").Replace(strings.TrimSpace(text))); text {
	case "r", "read":
		return "; do you mean `readable`?"
	case "w", "write":
		return "; do you mean `writable`?"
	case "rw", "r_w", "both", "read_write", "readable_and_writable":
		return "; do you mean `readable_writable`?"
	default:
		return suggest(text, []string{string(Readable), string(Writable), string(ReadableWritable)})
	}
}

func suggestUnknown(name string, master *Master) string {
	if s := suggestStandard(name); s != "" {
		return s
	}
	if master != nil {
		if _, ok := master.items[name]; ok {
			return "; do you mean `" + customPrefix + name + "`?"
		}
	}
	return ": correct the name; a custom item is written `custom:` and its identifier (識別名)"
}

func suggestCustom(identifier string, master *Master) string {
	for _, name := range master.names {
		if master.items[name].label == identifier {
			return "; do you mean `" + customPrefix + name + "`?"
		}
	}
	prefixed := make([]string, len(master.names))
	for i, name := range master.names {
		prefixed[i] = customPrefix + name
	}
	return suggest(customPrefix+identifier, prefixed)
}

// lintRead checks that the overwrite rule may see an item it reads.
func lintRead(name string, u use, links Links) string {
	kind, listed := links[name]
	// An item that the rule compares on both sides must reach both.
	need := Readable
	if u.incoming && barOf(name) == free {
		need = ReadableWritable
	}
	switch {
	case !known(name):
		return fmt.Sprintf("overwrite: the rule reads `%s`: SATORI has no such item%s", name, suggestStandard(name))
	case barOf(name) == neverLinked:
		return fmt.Sprintf("overwrite: the rule reads `%s` (%s), which is neither readable nor writable for any link: take it out of the rule", name, Label(name))
	case !listed:
		return fmt.Sprintf("fields: add `%s: %s`: the overwrite rule reads it", name, need)
	case !kind.valid(): // said already
		return ""
	case !kind.readable():
		return fmt.Sprintf("fields: change `%s: %s` to `%s: %s`: the overwrite rule reads it", name, kind, name, ReadableWritable)
	case need == ReadableWritable && kind == Readable:
		return fmt.Sprintf("fields: change `%s: %s` to `%s: %s`: the overwrite rule reads it from the incoming card, too", name, kind, name, ReadableWritable)
	}
	return ""
}

// Warnings says what is allowed and seldom meant: items that are readable and
// writable though the overwrite rule does not read them (two masters for one
// value), and a writable mail permission.
func Warnings(fields map[string]any, overwrite string, readFile func(string) ([]byte, error)) []string {
	r := readRule(overwrite, readFile)
	var warnings []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		text, _ := fields[name].(string)
		kind := Kind(text)
		if kind == ReadableWritable && !r.items[name].existing {
			warnings = append(warnings, fmt.Sprintf("fields: `%s: %s`: two systems own the value and the overwrite rule does not read it: make it `%s` or `%s`", name, kind, Writable, Readable))
		}
		if name == deliveryPermission && kind.writable() {
			warnings = append(warnings, fmt.Sprintf("fields: `%s: %s`: an upsert that carries `approval` would undo a customer's opt-out (拒否): let the mapping give `reject` only, or delete the line", name, kind))
		}
	}
	return warnings
}
