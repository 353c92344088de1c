package report

import "fmt"

// Sizes of the chart, in its own units.
const (
	chartLine  = 26 // height of a bar with its gap
	chartLabel = 330
	chartBars  = 420
	chartWidth = chartLabel + chartBars + 120
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
			Class: l.Class, Label: shorten(l.Action+"・"+l.Reason, 34), Count: l.Cards,
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

// thousands prints a number as people write it: 1,234,567.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
