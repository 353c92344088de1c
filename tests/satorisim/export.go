package satorisim

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/transform"
)

// ExportOptions are the ways an admin export varies.
type ExportOptions struct {
	CP932 bool     // Shift-JIS as Windows writes it; characters it lacks become ?
	BOM   bool     // byte-order mark (UTF-8 only)
	CRLF  bool     // lines end in CR LF
	Omit  []string // items left out, by name; "custom:*" leaves out all custom items
}

// ExportCSV writes the customers as SATORI's admin screen exports them: in
// order of creation, all items, tags in "tags", the mail permission in Japanese.
func (s *Sim) ExportCSV(w io.Writer, o ExportOptions) error {
	// The copy is taken at once, so that writing slowly holds nobody up.
	header, rows := s.export(o)
	b := bufio.NewWriterSize(w, 64<<10)
	var out io.Writer = b
	if o.CP932 {
		// Not closed: the encoder keeps no bytes back between writes of whole UTF-8.
		out = transform.NewWriter(b, encoding.ReplaceUnsupported(japanese.ShiftJIS.NewEncoder()))
	} else if o.BOM {
		if _, err := b.Write(bom); err != nil {
			return fmt.Errorf("exporting customers: %w", err)
		}
	}
	cw := csv.NewWriter(out)
	cw.UseCRLF = o.CRLF
	if err := cw.Write(header); err != nil {
		return fmt.Errorf("exporting customers: %w", err)
	}
	if err := cw.WriteAll(rows); err != nil {
		return fmt.Errorf("exporting customers: %w", err)
	}
	if t, ok := out.(*transform.Writer); ok {
		if err := t.Close(); err != nil {
			return fmt.Errorf("exporting customers: %w", err)
		}
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("exporting customers: %w", err)
	}
	return nil
}

// Columns of an export that are no item of the schema.
const (
	exportID = -1 - iota
	exportTags
	exportHashcode
	exportScore
	exportDelivery
)

func (s *Sim) export(o ExportOptions) (header []string, rows [][]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	var cols []int
	add := func(name string, col int) {
		if slices.Contains(o.Omit, name) || strings.HasPrefix(name, "custom:") && slices.Contains(o.Omit, "custom:*") {
			return
		}
		header, cols = append(header, name), append(cols, col)
	}
	add("id", exportID)
	for i, it := range s.schema.items {
		if i == standardItems {
			add("tags", exportTags)
		}
		add(it.name, i)
	}
	if len(s.schema.items) == standardItems {
		add("tags", exportTags)
	}
	add("hashcode", exportHashcode)
	add("score", exportScore)
	add("delivery_status", exportDelivery)
	for _, c := range s.table.byID {
		if c == nil {
			continue
		}
		row := make([]string, len(cols))
		for i, col := range cols {
			row[i] = s.exported(c, col)
		}
		rows = append(rows, row)
	}
	return header, rows
}

func (s *Sim) exported(c *customer, col int) string {
	switch col {
	case exportID:
		return strconv.Itoa(c.id)
	case exportTags:
		return strings.Join(c.tags, ",")
	case exportHashcode:
		return s.hashcode(c.id)
	case exportScore:
		return "0"
	case exportDelivery:
		return "正常"
	case itemPermission:
		switch c.values[col] {
		case "approval":
			return "承認"
		case "reject":
			return "拒否"
		}
	}
	return c.values[col]
}

// CustomItemsCSV writes the master of custom items
// (customer_custom_field_master). How SATORI writes a selection's options is an
// assumption: comma-joined in validation_value.
func (s *Sim) CustomItemsCSV(w io.Writer, o ExportOptions) error {
	set := s.settings()
	var out = w
	var t *transform.Writer
	if o.CP932 {
		t = transform.NewWriter(w, encoding.ReplaceUnsupported(japanese.ShiftJIS.NewEncoder()))
		out = t
	} else if o.BOM {
		if _, err := w.Write(bom); err != nil {
			return fmt.Errorf("writing the custom-item master: %w", err)
		}
	}
	rows := [][]string{{"customer_custom_field_id", "name", "description", "field_name", "field_kind", "validation_rule", "validation_value", "unique_field"}}
	for i, c := range set.CustomItems {
		rule := ""
		if len(c.Options) > 0 {
			rule = "selection"
		}
		rows = append(rows, []string{strconv.Itoa(i + 1), c.Name, "", c.FieldName, c.Kind, rule, strings.Join(c.Options, ","), strconv.FormatBool(c.Unique)})
	}
	cw := csv.NewWriter(out)
	cw.UseCRLF = o.CRLF
	if err := cw.WriteAll(rows); err != nil {
		return fmt.Errorf("writing the custom-item master: %w", err)
	}
	if t != nil {
		if err := t.Close(); err != nil {
			return fmt.Errorf("writing the custom-item master: %w", err)
		}
	}
	return nil
}

// CustomItemsFrom reads such a master, UTF-8 with or without a byte-order mark.
func CustomItemsFrom(r io.Reader) ([]CustomItem, error) {
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("reading the custom-item master: %w", err)
	}
	sh, words := parseSheet(raw)
	if words != "" {
		return nil, fmt.Errorf("reading the custom-item master: %s", words)
	}
	at := map[string]int{}
	for i, h := range sh.header {
		at[h] = i
	}
	for _, need := range []string{"name", "field_name", "field_kind"} {
		if _, ok := at[need]; !ok {
			return nil, fmt.Errorf("reading the custom-item master: no column %s", need)
		}
	}
	get := func(row []string, name string) string {
		i, ok := at[name]
		if !ok {
			return ""
		}
		return cell(row, i)
	}
	items := make([]CustomItem, 0, len(sh.rows))
	for _, row := range sh.rows {
		c := CustomItem{Name: get(row, "name"), FieldName: get(row, "field_name"), Kind: get(row, "field_kind")}
		c.Unique = oneOf(strings.ToLower(get(row, "unique_field")), "true", "1", "t", "yes")
		if v := get(row, "validation_value"); v != "" && c.Kind == "selection" {
			c.Options = strings.Split(v, ",")
		}
		items = append(items, c)
	}
	return items, nil
}
