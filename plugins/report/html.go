package report

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"
)

var (
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string
	//go:embed page.tmpl
	pageText string

	page = template.Must(template.New("page").Parse(pageText))
)

// policy lets the page's own script and style run and nothing else: no network,
// no script that a value might bring along.
func policy() string {
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'none'; script-src " + hash(pageJS) + "; style-src " + hash(pageCSS) + "; base-uri 'none'; form-action 'none'"
}

// line is one row of the totals.
type line struct {
	Class, Action, Reason, Cards, Share string
	cards                               int
}

type costLine struct{ Service, Requests, Quota, Time, Detail string }

// view is what the template sees.
type view struct {
	Lang, Policy    string
	CSS             template.CSS
	JS              template.JS
	T               texts
	Heading, Source string
	Period, Made    string
	Preview         bool
	Cards           string
	Customers       string
	Unreadable      string
	Lines           []line
	Chart           chart
	Cost            []costLine
}

// reasonsShown is how many reasons of one action the totals list; SATORI's words
// can differ for every row.
const reasonsShown = 12

// WriteHTML writes the report as one file. source says what was looked at: a
// configuration or a journal.
func (r *Report) WriteHTML(w io.Writer, lang Lang, source string, made time.Time) error {
	t := lang.texts()
	v := view{
		Lang: string(lang), Policy: policy(), CSS: template.CSS(pageCSS), JS: template.JS(pageJS), //nolint:gosec // our own files
		T: t, Heading: t.Result, Source: source, Preview: r.preview,
		Period: r.period(), Made: clock(made), Cards: thousands(r.cards), Customers: thousands(len(r.customers)),
		Lines: r.lines(lang), Cost: r.costLines(lang),
	}
	if r.preview {
		v.Heading = t.Preview
	}
	if r.bad > 0 {
		v.Unreadable = thousands(r.bad)
	}
	v.Chart = chartOf(v.Lines)
	out := bufio.NewWriterSize(w, 64<<10)
	if err := page.ExecuteTemplate(out, "head", v); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := r.writeData(out, lang); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := page.ExecuteTemplate(out, "tail", v); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// writeData writes the rows for the page's script: data, not code. Marshal
// escapes <, > and &, so that nothing in it ends the element.
func (r *Report) writeData(out *bufio.Writer, lang Lang) error {
	type kind struct {
		Class  string `json:"class"`
		Action string `json:"action"`
		Reason string `json:"reason"`
	}
	kinds := make([]kind, len(r.kinds))
	for i, c := range r.kinds {
		kinds[i] = kind{classOf(c.Action), lang.Action(c.Action), lang.Reason(c.Reason)}
	}
	lists := make([]string, len(r.items))
	for i, names := range r.items {
		lists[i] = itemList(names, lang)
	}
	t := lang.texts()
	meta, err := json.Marshal(map[string]any{
		"kinds": kinds, "items": lists, "times": !r.preview,
		"text": map[string]string{"rows": t.Rows, "page": t.Page, "all": t.All},
	})
	if err != nil {
		return err
	}
	for _, part := range []struct {
		id   string
		text []byte
	}{{"meta", meta}, {"rows", r.rows.Bytes()}} {
		open, end := "", ""
		if part.id == "rows" {
			open, end = "[", "]"
		}
		if _, err := fmt.Fprintf(out, "<script type=\"application/json\" id=\"%s\">%s%s%s</script>\n", part.id, open, part.text, end); err != nil {
			return err
		}
	}
	return nil
}

func itemList(names []string, lang Lang) string {
	labels := make([]string, len(names))
	for i, name := range names {
		labels[i] = lang.Item(name)
	}
	return strings.Join(labels, lang.pick("、", ", "))
}

func classOf(action string) string {
	if slices.Contains(actions, action) {
		return action
	}
	return "other"
}

// lines of the totals: per action the most frequent reasons, then the rest.
func (r *Report) lines(lang Lang) []line {
	var lines []line
	shown := map[string]int{}
	for _, c := range r.Counts() {
		shown[c.Action]++
		last := len(lines) - 1
		switch n := shown[c.Action]; {
		case n > reasonsShown+1:
			lines[last].cards += c.Cards
			continue
		case n == reasonsShown+1:
			c.Reason = lang.texts().Others
		}
		lines = append(lines, line{Class: classOf(c.Action), Action: lang.Action(c.Action), Reason: lang.Reason(c.Reason), cards: c.Cards})
	}
	for i := range lines {
		lines[i].Cards = thousands(lines[i].cards)
		lines[i].Share = fmt.Sprintf("%.1f %%", 100*float64(lines[i].cards)/float64(r.cards))
	}
	return lines
}

func (r *Report) costLines(lang Lang) []costLine {
	if r.cost == nil {
		return nil
	}
	c, t := *r.cost, lang.texts()
	rate := func(perSecond float64) string {
		if perSecond <= 0 {
			return "—"
		}
		return fmt.Sprintf("%g %s", perSecond, t.PerSecond)
	}
	return []costLine{
		{"Sansan", thousands(c.Sansan), rate(c.SansanRate), duration(c.SansanTime(), lang), lang.pick("名刺の読み取り", "reading the cards")},
		{"SATORI", thousands(c.Satori()), rate(c.SatoriRate), duration(c.SatoriTime(), lang), c.detail(lang)},
	}
}

func (c Cost) detail(lang Lang) string {
	return fmt.Sprintf(lang.pick("%s行：個別 %s、一括 %s、状況確認 %s", "%s rows: %s single calls, %s uploads, %s status calls"),
		thousands(c.Rows), thousands(c.Single), thousands(c.Uploads), thousands(c.Polls))
}

func (r *Report) period() string {
	if r.from.IsZero() {
		return "—"
	}
	return clock(r.from) + " – " + clock(r.to)
}

func clock(t time.Time) string { return t.In(Japan).Format("2006-01-02 15:04:05 JST") }

// duration in words, to the second.
func duration(d time.Duration, lang Lang) string {
	h, m, s := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case h > 0:
		return fmt.Sprintf(lang.pick("%d時間%d分", "%d h %d min"), h, m)
	case m > 0:
		return fmt.Sprintf(lang.pick("%d分%d秒", "%d min %d s"), m, s)
	}
	return fmt.Sprintf(lang.pick("%d秒", "%d s"), s)
}
