package report

import (
	"fmt"
	"unicode/utf8"
)

// Sizes of the chart, in its own units.
const (
	chartLine  = 26 // height of a bar with its gap
	chartLabel = 330
	chartBars  = 420
	chartWidth = chartLabel + chartBars + 120
	// chartColumns of half-width letters fit into a label.
	chartColumns = 48
)

// bar is one outcome of the chart.
type bar struct {
	Class, Label, Count string
	Y, TextY, CountX    int
	Width               float64
}

type chart struct {
	Width, Height, BarX, BarHeight int
	Bars                           []bar
}

func chartOf(lines []line) chart {
	c := chart{Width: chartWidth, Height: max(chartLine, len(lines)*chartLine), BarX: chartLabel, BarHeight: chartLine - 8}
	most := 0
	for _, l := range lines {
		most = max(most, l.cards)
	}
	for i, l := range lines {
		width := 0.0
		if most > 0 {
			width = max(2, float64(l.cards)*chartBars/float64(most))
		}
		c.Bars = append(c.Bars, bar{
			Class: l.Class, Label: fit(l.Action+"・"+l.Reason, chartColumns), Count: l.Cards,
			Y: i*chartLine + 4, TextY: i*chartLine + 18, Width: width, CountX: chartLabel + int(width) + 8,
		})
	}
	return c
}

func shorten(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most-1]) + "…"
}

// fit cuts a text to a number of columns.
func fit(text string, columns int) string {
	if width(text) <= columns {
		return text
	}
	runes := []rune(text)
	for len(runes) > 0 && width(string(runes)) >= columns {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "…"
}

// width in columns; Japanese letters take two.
func width(text string) (columns int) {
	for _, c := range text {
		columns++
		if utf8.RuneLen(c) > 2 && c != '…' && c != '→' {
			columns++
		}
	}
	return columns
}

// thousands prints a number as people write it: 1,234,567.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
