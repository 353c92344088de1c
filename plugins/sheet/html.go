package sheet

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"sansansatori/plugins/items"
	"sansansatori/plugins/report"
)

var (
	//go:embed sheet.css
	pageCSS string
	//go:embed sheet.tmpl
	pageText string
)

// policy lets the page's own style in and nothing else: no network, no script.
func policy() string {
	sum := sha256.Sum256([]byte(pageCSS))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}

// WriteHTML writes the sheet as one file for a business user to sign. source is
// the configuration's path.
func (s *Sheet) WriteHTML(w io.Writer, lang report.Lang, source string, made time.Time) error {
	t := func(ja, en string) string { return pick(lang, ja, en) }
	page, err := template.New("sheet").Funcs(template.FuncMap{
		"t":         t,
		"schedule":  func(text string) string { return scheduleInWords(text, lang) },
		"situation": func(s situation) string { return situationInWords(s, lang) },
		"verdict":   func(v string) string { return verdictInWords(v, lang) },
		"condition": func(n int) string { return conditionInWords(n, lang) },
		"rule":      func(number string) string { return ruleInWords(number, lang) },
		"field":     func(path string) string { return fieldLabel(path, lang) },
		"item":      func(name string) string { return itemLabel(name, s, lang) },
		"join":      strings.Join,
	}).Parse(pageText)
	if err != nil {
		return err
	}
	err = page.Execute(w, map[string]any{
		"Lang": string(lang), "Policy": policy(), "CSS": template.CSS(pageCSS), //nolint:gosec // our own file
		"Source": source, "Made": made.In(report.Japan).Format("2006-01-02 15:04 JST"), "S": s,
	})
	if err != nil {
		return fmt.Errorf("writing the sheet: %w", err)
	}
	return nil
}

func pick(lang report.Lang, ja, en string) string {
	if lang == report.Japanese {
		return ja
	}
	return en
}

func fieldLabel(path string, lang report.Lang) string {
	for _, f := range fields {
		if f.path == path {
			return pick(lang, f.ja, f.en)
		}
	}
	return path
}

// itemLabel is an item's label, and its name beside it.
func itemLabel(name string, s *Sheet, lang report.Lang) string {
	label := items.Label(name)
	for _, item := range s.Items {
		if item.Name == name && item.Label != "" {
			label = item.Label
		}
	}
	if label == "" || lang != report.Japanese {
		return name
	}
	return label + "（" + name + "）"
}

func ruleInWords(number string, lang report.Lang) string {
	switch number {
	case "2-1":
		return pick(lang, "2-1 上書きする", "2-1 Overwrite")
	case "2-2":
		return pick(lang, "2-2 上書きしない（更新しない）", "2-2 Do not overwrite, do not update")
	case "2-3":
		return pick(lang, "2-3 名刺交換日が登録済みより古い場合は上書きしない", "2-3 Do not overwrite when the incoming card's exchange date is older than the one held")
	}
	return pick(lang, "独自の規則（下記）", "A rule of your own (below)")
}

func situationInWords(s situation, lang report.Lang) string {
	words := map[situation][2]string{
		unknown:   {"SATORIにいない（または把握していない）顧客", "a customer that SATORI does not hold, or is not known to hold"},
		equalDate: {"名刺交換日が登録済みと同じ", "the exchange dates are equal"},
		newerCard: {"名刺交換日が登録済みより新しい", "the card's exchange date is newer"},
		olderCard: {"名刺交換日が登録済みより古い", "the card's exchange date is older"},
		noDate:    {"名刺に名刺交換日がない", "the card has no exchange date"},
		nothing:   {"登録済みの名刺交換日がない", "no exchange date is held"},
		sameHeld:  {"登録済みの値が名刺と同じ", "what is held equals the card's"},
		otherHeld: {"登録済みの値が名刺と異なる", "what is held differs from the card's"},
		blankHeld: {"登録済みの値が空", "nothing is held in these items"},
	}[s]
	return pick(lang, words[0], words[1])
}

func verdictInWords(verdict string, lang report.Lang) string {
	switch verdict {
	case "register":
		return pick(lang, "登録する（既にある値は変えない）", "register (no value that exists is changed)")
	case "upsert":
		return pick(lang, "登録または上書きする", "create or overwrite")
	case "skip":
		return pick(lang, "何もしない", "do nothing")
	case "":
		return pick(lang, "規則がエラーになる", "the rule fails")
	}
	return verdict
}

func conditionInWords(number int, lang report.Lang) string {
	words := map[int][2]string{
		3: {"名刺所有者 → タグ", "card owner → SATORI tag"},
		4: {"名刺所有者 → カスタム項目", "card owner → custom item"},
		5: {"名刺交換日 → カスタム項目", "exchange date → custom item"},
		6: {"名刺交換日 → 情報獲得日", "exchange date → collection_date"},
		7: {"Sansanタグ → タグ", "Sansan tags → SATORI tags"},
		8: {"Sansanタグ（連結） → カスタム項目", "Sansan tags, joined → custom item"},
		9: {"固定文言 → 情報獲得経路", "constant text → collection_route"},
	}[number]
	return pick(lang, words[0], words[1])
}
