package items

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"sansansatori/plugins/csvfile"
)

// Columns of the master CSV that are used (customer_custom_field_master).
const (
	columnName      = "name"
	columnFieldName = "field_name"
	columnFieldKind = "field_kind"
	columnRule      = "validation_rule"
	columnValue     = "validation_value"
	columnUnique    = "unique_field"
)

// maxMasterRecord is the longest row of a master, in bytes. Selections are long.
const maxMasterRecord = 1 << 20

// customItem is a custom item (カスタマーカスタム項目) as its master describes it.
type customItem struct {
	label     string
	unique    bool // values may not repeat (値の重複を許可しない)
	kind      valueKind
	options   []string // labels of a selection in every reading; none: not known
	shown     int      // the first of them are the likeliest reading
	maxLength int      // characters of a text; 0: not known
}

// valueKind is which values a custom item takes. SATORI does not document the
// words of field_kind: what is not known is not checked.
type valueKind int

const (
	anyValue valueKind = iota
	integerValue
	dateValue
	selectionValue
	textValue
)

var kindWords = map[string]valueKind{
	"integer": integerValue, "int": integerValue, "整数": integerValue,
	"date": dateValue, "日付": dateValue,
	"selection": selectionValue, "select": selectionValue, "radio": selectionValue, "list": selectionValue, "選択": selectionValue, "選択式": selectionValue,
	"text": textValue, "string": textValue, "textarea": textValue, "テキスト": textValue, "文字列": textValue,
}

// repeatable are the words of unique_field that allow repeated values. Any
// other forbids them: SATORI bars such items from every link.
var repeatable = []string{"", "0", "false", "f", "no", "n", "off", "null", "nil", "none", "-", "×", "なし", "許可する", "重複を許可する", "値の重複を許可する"}

// Master is SATORI's list of custom items.
type Master struct {
	path  string
	items map[string]customItem // by identifier (識別名), case-sensitive
	names []string              // identifiers in the file's order
}

// ReadMaster reads the master CSV of custom items, UTF-8 (with or without byte
// order mark) or cp932. Errors name the file, and the line where it is one's.
func ReadMaster(path string) (*Master, error) { return readMaster(path, os.ReadFile) }

func readMaster(path string, readFile func(string) ([]byte, error)) (*Master, error) {
	content, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, reasonOf(err))
	}
	m, err := parseMaster(content)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	m.path = path
	return m, nil
}

// reasonOf drops the path a file error repeats.
func reasonOf(err error) error {
	var e *os.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

func parseMaster(content []byte) (*Master, error) {
	encoding, err := csvfile.Detect(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	r := csvfile.NewReader(bytes.NewReader(content), encoding, maxMasterRecord)
	head, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty: export the master of custom items (customer_custom_field_master) from SATORI")
	}
	if err != nil {
		return nil, err
	}
	for i := range head.Cells {
		head.Cells[i] = strings.TrimSpace(head.Cells[i])
	}
	if !slices.Contains(head.Cells, columnFieldName) {
		return nil, fmt.Errorf("line %d: no column `%s`: this is no master of custom items (customer_custom_field_master)", head.Line, columnFieldName)
	}
	m := &Master{items: map[string]customItem{}}
	lines := map[string]int{}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return m, nil
		}
		if err != nil {
			return nil, err
		}
		if len(row.Cells) != len(head.Cells) {
			return nil, fmt.Errorf("line %d: %d cells, but the header has %d", row.Line, len(row.Cells), len(head.Cells))
		}
		cell := func(column string) string {
			if i := slices.Index(head.Cells, column); i >= 0 {
				return row.Cells[i]
			}
			return ""
		}
		identifier := strings.TrimPrefix(strings.TrimSpace(cell(columnFieldName)), customPrefix)
		if identifier == "" {
			return nil, fmt.Errorf("line %d: `%s` is empty", row.Line, columnFieldName)
		}
		if first, again := lines[identifier]; again {
			return nil, fmt.Errorf("line %d: `%s` stands on line %d already", row.Line, identifier, first)
		}
		lines[identifier] = row.Line
		m.names = append(m.names, identifier)
		m.items[identifier] = customItemOf(cell)
	}
}

func customItemOf(cell func(string) string) customItem {
	it := customItem{
		label:  strings.TrimSpace(cell(columnName)),
		unique: !slices.Contains(repeatable, plainWord(cell(columnUnique))),
		kind:   kindWords[plainWord(cell(columnFieldKind))],
	}
	switch it.kind {
	case selectionValue:
		it.options, it.shown = optionsOf(cell(columnValue))
	case textValue:
		it.maxLength = maxLengthOf(plainWord(cell(columnRule)), strings.TrimSpace(cell(columnValue)))
	}
	return it
}

func plainWord(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// optionsOf reads the labels of a selection. How SATORI separates them is not
// documented; a label is allowed when any usual way of reading gives it. The
// first shown of them are for people.
func optionsOf(text string) (options []string, shown int) {
	if json.Unmarshal([]byte(text), &options) == nil {
		return options, len(options)
	}
	add := func(parts []string) {
		for _, p := range parts {
			p = strings.Trim(strings.TrimSpace(p), `"'[]`)
			if p != "" && !slices.Contains(options, p) {
				options = append(options, p)
			}
		}
	}
	const separators = ",\n\r|;、\t"
	add(strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(separators, r) }))
	shown = len(options)
	for _, s := range separators {
		if strings.ContainsRune(text, s) {
			add(strings.Split(text, string(s)))
		}
	}
	return options, shown
}

// maxLengthOf reads a limit like max_length 100; anything less clear is none.
func maxLengthOf(rule, value string) int {
	n, err := strconv.Atoi(value)
	if err != nil || n <= 0 {
		return 0
	}
	switch rule {
	case "max_length", "maxlength", "length_max", "max", "最大文字数":
		return n
	}
	return 0
}
