package items

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// use is where an overwrite rule takes an item from.
type use struct{ existing, incoming bool }

// ruleItems are the items an overwrite rule reads.
type ruleItems map[string]use

func (r ruleItems) add(item string, u use) {
	old := r[item]
	r[item] = use{old.existing || u.existing, old.incoming || u.incoming}
}

// rule is the text of an overwrite rule with all it imports.
type rule struct {
	readFile func(string) ([]byte, error)
	seen     map[string]bool
	items    ruleItems
	problems []string
}

// readRule finds the items an overwrite rule reads. text is Bloblang, or
// `from "file"`; paths in it count from the working directory, paths in a file
// from that file, as Bloblang has it.
func readRule(text string, readFile func(string) ([]byte, error)) *rule {
	r := &rule{readFile: readFile, seen: map[string]bool{}, items: ruleItems{}}
	r.text(text, "")
	return r
}

// text looks at one text; dir is the directory of its file, "" outside of files.
func (r *rule) text(text, dir string) {
	tokens := tokensOf(text)
	var own []token
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		isImport := t.is("import") || i == 0 && t.is("from")
		if isImport && i+1 < len(tokens) && tokens[i+1].kind == quoted {
			r.file(tokens[i+1].text, dir)
			i++
			continue
		}
		own = append(own, t)
	}
	newReading(own, r.items).all()
}

func (r *rule) file(path, dir string) {
	full := path
	if dir != "" && !filepath.IsAbs(path) {
		full = filepath.Join(dir, path)
	}
	if r.seen[full] {
		return
	}
	r.seen[full] = true
	content, err := r.readFile(full)
	if err != nil {
		base := "the path counts from the working directory, not from the configuration: start where it leads to the file, or write it from the root"
		if dir != "" {
			base = "the path counts from the file that imports it"
		}
		r.problems = append(r.problems, fmt.Sprintf("overwrite: cannot read `%s` (%s): %s", full, reasonOf(err), base))
		return
	}
	r.text(string(content), filepath.Dir(full))
}

// reading goes through the tokens of one text. It knows Bloblang's paths, get
// and variables; what it cannot follow it takes for a reading of both sides.
type reading struct {
	tokens   []token
	items    ruleItems
	names    map[string]use    // variables that stand for one side
	literals map[string]string // variables that hold an item's name
	followed map[string]bool   // those of them that some get uses
}

func newReading(tokens []token, items ruleItems) *reading {
	return &reading{tokens, items, map[string]use{}, map[string]string{}, map[string]bool{}}
}

func (r *reading) at(i int) token {
	if i < 0 || i >= len(r.tokens) {
		return token{}
	}
	return r.tokens[i]
}

func (r *reading) all() {
	for i := range r.tokens {
		r.variable(i)
	}
	for i, t := range r.tokens {
		switch {
		case t.is("."):
			r.segment(i)
		case t.kind == quoted:
			r.literal(i)
		}
	}
	for name, item := range r.literals {
		if !r.followed[name] {
			r.items.add(item, use{true, true})
		}
	}
}

// variable notes `let x = this.existing` and `let x = "item"`.
func (r *reading) variable(i int) {
	if !r.at(i).is("let") || !r.at(i+2).is("=") {
		return
	}
	name := "$" + r.at(i+1).text
	from := i + 3
	if r.at(from).kind == quoted && known(r.at(from).text) && !r.at(from+1).is(".") {
		r.literals[name] = r.at(from).text
		return
	}
	if r.at(from).is("this") && r.at(from+1).is(".") {
		from += 2
	}
	if side, ok := sides[r.at(from).text]; ok && (!r.at(from+1).is(".") || r.at(from+2).is("or")) {
		r.names[name] = side
	}
}

var sides = map[string]use{"existing": {existing: true}, "incoming": {incoming: true}}

// segment looks at what follows the dot at i.
func (r *reading) segment(i int) {
	name, after := r.at(i+1), r.at(i+2)
	side, sure := r.sideBefore(i)
	if name.kind == word && after.is("(") { // a method
		if !name.is("get") && !name.is("exists") {
			return
		}
		arg := r.at(i + 3)
		if item, ok := r.literals[arg.text]; ok && arg.kind == word && sure {
			r.followed[arg.text] = true
			r.items.add(item, side)
		} else if arg.kind == quoted && sure {
			r.items.add(arg.text, side)
		}
		return
	}
	if name.kind == mark || !sure && !known(name.text) {
		return
	}
	if _, isSide := sides[name.text]; isSide {
		return
	}
	r.items.add(name.text, side)
}

// sideBefore says what the path that ends before the dot at i stands for;
// sure: it is named, not guessed.
func (r *reading) sideBefore(i int) (side use, sure bool) {
	t := r.at(i - 1)
	if t.is(")") { // existing.or({}).x
		open := r.opening(i - 1)
		if r.at(open-2).is(".") && (r.at(open-1).is("or") || r.at(open-1).is("catch")) {
			return r.sideBefore(open - 2)
		}
		return use{existing: true}, false
	}
	if t.kind == word {
		if side, ok := sides[t.text]; ok {
			return side, true
		}
		if side, ok := r.names[t.text]; ok {
			return side, true
		}
		if t.is("this") { // inside a map that may be applied to either side
			return use{true, true}, false
		}
	}
	return use{existing: true}, false
}

// opening gives the place of the parenthesis that the one at i closes, or -1.
func (r *reading) opening(i int) int {
	for depth := 0; i >= 0; i-- {
		switch {
		case r.at(i).is(")"):
			depth++
		case r.at(i).is("("):
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// literal takes a string that is an item's name for a reading of that item,
// unless it is a segment, the argument of get, a variable's value or the value
// in an object (`"reason": "address"`), which are looked at elsewhere.
func (r *reading) literal(i int) {
	item := r.at(i).text
	before := r.at(i - 1)
	switch {
	case !known(item), before.is("."):
		return
	case before.is("(") && (r.at(i-2).is("get") || r.at(i-2).is("exists")):
		if _, sure := r.sideBefore(i - 3); sure {
			return
		}
	case before.is("=") && r.at(i-3).is("let"):
		return
	case before.is(":") && !strings.HasPrefix(item, customPrefix):
		return
	}
	r.items.add(item, use{true, true})
}

// sorted gives the items that are read from existing, by name.
func (r ruleItems) sorted() []string {
	var names []string
	for name, u := range r {
		if u.existing {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
