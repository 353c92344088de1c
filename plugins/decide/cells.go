package decide

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
)

// Cell is a SATORI item as it is sent: text.
type Cell struct{ Item, Text string }

// Cells of a customer by item name, in order; blanks are left out.
type Cells []Cell

// CellsOf puts cells in order.
func CellsOf(cells []Cell) Cells {
	slices.SortFunc(cells, func(a, b Cell) int { return strings.Compare(a.Item, b.Item) })
	return cells
}

// Get gives an item's text, "" when there is none.
func (c Cells) Get(item string) string {
	if i, ok := c.find(item); ok {
		return c[i].Text
	}
	return ""
}

// Set gives an item another text, in place where it has one.
func (c Cells) Set(item, text string) Cells {
	i, ok := c.find(item)
	if ok {
		c[i].Text = text
		return c
	}
	return slices.Insert(c, i, Cell{item, text})
}

func (c Cells) find(item string) (int, bool) {
	return slices.BinarySearchFunc(c, item, func(c Cell, item string) int { return cmp.Compare(c.Item, item) })
}

// DigestOf names a form: equal cells and tags have equal digests.
func DigestOf(cells Cells, tags []string) string {
	text := make([]byte, 0, 1024)
	add := func(s string) {
		text = binary.AppendUvarint(text, uint64(len(s)))
		text = append(text, s...)
	}
	for _, cell := range cells {
		add(cell.Item)
		add(cell.Text)
	}
	text = append(text, 0) // no item has an empty name
	for _, tag := range tags {
		add(tag)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
