package items

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Checker makes the text that is sent to SATORI of a customer's values, and
// refuses what the links forbid and what SATORI would refuse.
type Checker struct {
	links  Links
	master *Master
}

// NewChecker checks by links; master may be nil: then values of custom items are
// not checked by type.
func NewChecker(links Links, master *Master) *Checker { return &Checker{links, master} }

// Cell gives an item's value as SATORI gets it; "" is left out. Text stays as it
// is. Errors name the item and never its value, which is personal data.
//
// delivery_permission (配信許可) is passed like any other item: a mapping that gives
// `approval` for a customer who opted out would loosen that. Do not link it, or
// let the mapping give `reject` only.
func (c *Checker) Cell(item string, value any) (string, error) {
	if !c.links.Writable(item) || barOf(item) != free {
		return "", c.notLinked(item)
	}
	if item == appendTags || item == deleteTags {
		cell, err := tags(value)
		return cell, of(item, err)
	}
	cell, err := scalar(value)
	if err != nil || cell == "" {
		return "", of(item, err)
	}
	switch item {
	case collectionDate:
		err = date(cell)
	case deliveryPermission:
		err = permission(cell)
	default:
		if identifier, ok := Custom(item); ok && c.master != nil {
			err = c.master.check(identifier, cell)
		}
	}
	if err != nil {
		return "", of(item, err)
	}
	return cell, nil
}

func of(item string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", shorten(item), err)
}

// shorten keeps a runaway key from filling a journal.
func shorten(name string) string {
	const most = 100
	if utf8.RuneCountInString(name) <= most {
		return name
	}
	return string([]rune(name)[:most]) + "…"
}

func (c *Checker) notLinked(item string) error {
	name := shorten(item)
	kind, listed := c.links[item]
	switch {
	case item == "tags":
		return fmt.Errorf("item %q is never written (連携種別 %s): give the tags in append_tags", name, kindName(kind))
	case barOf(item) != free:
		return fmt.Errorf("item %q (%s) is never written by a link: take it out of the mapping", name, Label(item))
	case !known(item):
		return fmt.Errorf("item %q is none of SATORI's%s: correct the mapping", name, suggestStandard(item))
	case listed:
		return fmt.Errorf("item %q is not linked for writing (連携種別 %s): change it to \"%s: readable_writable\" under fields, or take it out of the mapping", name, kindName(kind), name)
	}
	return fmt.Errorf("item %q is not linked for writing (連携種別 NG): add \"%s: writable\" under fields, or take it out of the mapping", name, name)
}

// kindName is a kind as the service's papers write it.
func kindName(k Kind) string {
	switch k {
	case Readable:
		return "Readable"
	case Writable:
		return "Writable"
	case ReadableWritable:
		return "Readable/Writable"
	}
	return "NG"
}

// scalar is the text of a JSON value that is neither a list nor an object.
func scalar(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case []byte:
		return string(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	case json.Number:
		if !strings.ContainsAny(string(v), "eE") {
			return string(v), nil
		}
		f, err := v.Float64()
		if err != nil {
			return "", errors.New("the number is too large")
		}
		return number(f)
	case float64:
		return number(v)
	case float32:
		return number(float64(v))
	case int:
		return strconv.Itoa(v), nil
	case int32:
		return strconv.FormatInt(int64(v), 10), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case uint32:
		return strconv.FormatUint(uint64(v), 10), nil
	case uint64:
		return strconv.FormatUint(v, 10), nil
	case time.Time:
		return "", errors.New(`a timestamp is no text: give it a form, for instance .ts_format("2006-01-02")`)
	case []any, []string:
		return "", errors.New(`a list is no text: join it, for instance .join("、")`)
	case map[string]any:
		return "", errors.New("an object is no text: pick one of its fields")
	}
	return "", fmt.Errorf("a %T is no text", value)
}

// number writes without exponent: 1e+06 is no integer to SATORI.
func number(f float64) (string, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "", errors.New("it is not a finite number")
	}
	if f == 0 {
		return "0", nil // there is no -0
	}
	return strconv.FormatFloat(f, 'f', -1, 64), nil
}

// tags joins a list of tags, or one tag, as SATORI reads it.
func tags(value any) (string, error) {
	var list []any
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		list = []any{v}
	case []string:
		for _, tag := range v {
			list = append(list, tag)
		}
	case []any:
		list = v
	default:
		return "", fmt.Errorf("%s is no list of tags", typeName(value))
	}
	joined := make([]string, 0, len(list))
	for _, item := range list {
		tag, ok := item.(string)
		switch {
		case item == nil || ok && tag == "":
			continue
		case !ok:
			return "", fmt.Errorf("a tag is text, not %s", typeName(item))
		case strings.Contains(tag, ","):
			return "", errors.New(`a tag holds a comma, which would make two of it: replace it, for instance .replace_all(",", "，")`)
		}
		joined = append(joined, tag)
	}
	return strings.Join(joined, ","), nil
}

func typeName(value any) string {
	switch value.(type) {
	case []any, []string:
		return "a list"
	case map[string]any:
		return "an object"
	case bool:
		return "a boolean"
	case json.Number, float64, float32, int, int32, int64, uint32, uint64:
		return "a number"
	}
	return fmt.Sprintf("a %T", value)
}

func date(cell string) error {
	if _, err := time.Parse(time.DateOnly, cell); err != nil || len(cell) != len(time.DateOnly) {
		return errors.New(`not a date that exists, written YYYY-MM-DD: bring it into that form, for instance .apply("day") of bloblang/date.blobl`)
	}
	return nil
}

func permission(cell string) error {
	switch cell {
	case "approval", "reject":
		return nil
	case "承認":
		return errors.New("SATORI's API takes `approval` for 承認")
	case "拒否":
		return errors.New("SATORI's API takes `reject` for 拒否")
	}
	return errors.New("neither `approval` nor `reject`")
}

// check says why SATORI would refuse a value of a custom item.
func (m *Master) check(identifier, cell string) error {
	it, ok := m.items[identifier]
	if !ok {
		return fmt.Errorf("not in the master of custom items (%s)", m.path)
	}
	switch it.kind {
	case integerValue:
		digits := strings.TrimPrefix(cell, "-")
		if digits == "" || strings.Trim(digits, "0123456789") != "" {
			return errors.New("not an integer, in half-width digits")
		}
	case dateValue:
		return date(cell)
	case selectionValue:
		if len(it.options) > 0 && !slices.Contains(it.options, cell) {
			return fmt.Errorf("not a label of the selection: the master has %s", firstOf(it.options[:it.shown]))
		}
	case textValue:
		if it.maxLength > 0 && utf8.RuneCountInString(cell) > it.maxLength {
			return fmt.Errorf("longer than %d characters", it.maxLength)
		}
	}
	return nil
}

// firstOf names a few options: a selection may have hundreds.
func firstOf(options []string) string {
	const most = 8
	if len(options) <= most {
		return strings.Join(options, ", ")
	}
	return strings.Join(options[:most], ", ") + fmt.Sprintf(" and %d more", len(options)-most)
}
