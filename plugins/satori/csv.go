package satori

import (
	"bufio"
	"io"
	"strings"
)

// writeCSV writes a table as the bulk API wants it: UTF-8 without BOM, a header
// row, commas, LF, quotes doubled. Line breaks inside a value stay, quoted; of
// CRLF the LF, since readers make that of it anyway. Nothing is put before
// values that a spreadsheet would take for formulas: SATORI must get them as
// they are.
//
// encoding/csv is not used: it leaves a row of one empty cell an empty line,
// which readers skip, and then every later row's number is off by one.
func writeCSV(to io.Writer, header []string, rows [][]string) error {
	w := bufio.NewWriterSize(to, 64<<10)
	writeRow(w, header)
	for _, row := range rows {
		writeRow(w, row)
	}
	return w.Flush() // holds the first error of any write
}

func writeRow(w *bufio.Writer, cells []string) {
	for i, cell := range cells {
		if i > 0 {
			_ = w.WriteByte(',')
		}
		writeCell(w, cell, len(cells) == 1)
	}
	_ = w.WriteByte('\n')
}

func writeCell(w *bufio.Writer, cell string, alone bool) {
	cell = normalCell(cell)
	if !needsQuotes(cell, alone) {
		_, _ = w.WriteString(cell)
		return
	}
	_ = w.WriteByte('"')
	for {
		i := strings.IndexByte(cell, '"')
		if i < 0 {
			break
		}
		_, _ = w.WriteString(cell[:i+1])
		_ = w.WriteByte('"')
		cell = cell[i+1:]
	}
	_, _ = w.WriteString(cell)
	_ = w.WriteByte('"')
}

// normalCell is a cell as SATORI gets it: one bad byte would spoil the whole
// request.
func normalCell(cell string) string {
	cell = strings.ToValidUTF8(cell, "\ufffd")
	for strings.Contains(cell, "\r\n") { // again for CR CR LF
		cell = strings.ReplaceAll(cell, "\r\n", "\n")
	}
	return cell
}

func needsQuotes(cell string, alone bool) bool {
	if cell == "" {
		return alone
	}
	return strings.ContainsAny(cell, ",\"\r\n") || space(cell[0]) || space(cell[len(cell)-1]) ||
		strings.HasPrefix(cell, "\ufeff") // at the head of the file it would be a BOM
}

func space(b byte) bool { return b == ' ' || b == '\t' }

func sizeOf(header []string, rows [][]string) (n int) {
	for _, cell := range header {
		n += len(cell) + 3
	}
	for _, row := range rows {
		for _, cell := range row {
			n += len(cell) + 3
		}
	}
	return n
}
