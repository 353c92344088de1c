package golden

import (
	"bytes"
	"context"
	"fmt"
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"sansansatori/plugins/items"
)

// Lines of the shipped pipeline that the breakings change.
const (
	rateLine     = "    range: all"
	addressLine  = "          address: writable\n"
	dateLine     = "          custom:exchange_date: readable_writable\n"
	ruleLine     = `overwrite: from "bloblang/overwrite/keep_newer.blobl"`
	ledgerLine   = "        ledger:\n"
	routeMapping = `root.collection_route = "Sansan" # 9`
)

// breaking is an ordinary way to break a configuration.
type breaking struct {
	en, ja   string
	from, to string // of the shipped pipeline
	env      bool   // variables are demanded
	bulk     bool   // with api: bulk
}

func inInput(line string) (from, to string) { return rateLine, "    " + line + "\n" + rateLine }
func inOutput(line string) (from, to string) {
	return ledgerLine, "        " + line + "\n" + ledgerLine
}
func inFields(line string) (from, to string) {
	return addressLine, addressLine + "          " + line + "\n"
}
func withMaster(line string) (from, to string) {
	return "        fields:\n", "        custom_items: tests/golden/testdata/master.csv\n        fields:\n          " + line + "\n"
}
func asRule(text string) (from, to string) { return ruleLine, "overwrite: '" + text + "'" }

func broken(en, ja string, change func(string) (string, string), line string) breaking {
	from, to := change(line)
	return breaking{en: en, ja: ja, from: from, to: to}
}

// section is a heading of the page, with its breakings.
type section struct {
	en, ja    string
	breakings []breaking
}

var sections = []section{
	{"The file and the engine", "ファイルとエンジン", []breaking{
		{en: "A field's name is mistyped", ja: "フィールド名の誤記", from: "    full_read:", to: "    fullread:"},
		{en: "A component's name is mistyped", ja: "部品名の誤記", from: "satori_output:\n", to: "satori_outputs:\n"},
		{en: "A required field is missing", ja: "必須フィールドの欠落", from: "    checkpoint_cache: cursor\n", to: ""},
		{en: "A value that does not exist", ja: "存在しない選択肢", from: "range: all", to: "range: mine"},
		{en: "Another of satori_output", ja: "satori_output の選択肢", from: ledgerLine, to: "        api: batch\n" + ledgerLine},
		{en: "A label with a capital or a hyphen", ja: "ラベルに大文字やハイフン", from: "label: satori\n", to: "label: My-Satori\n"},
		{en: "A tab indents", ja: "タブによる字下げ", from: "  processors:\n    # Each", to: "  processors:\n\t# Each"},
		{en: "A line is indented too little", ja: "字下げの不足", from: "        journal: journal", to: "      journal: journal"},
		{en: "The mapping has an error", ja: "マッピングの文法誤り", from: routeMapping, to: `root.collection_route="Sansan"`},
		{en: "The mapping imports a file that is not there", ja: "マッピングの import 先がない", from: "bloblang/conditions.blobl", to: "bloblang/condition.blobl"},
		{en: "A variable is not set", ja: "環境変数の未設定", from: "${SANSAN_API_KEY}", to: "${SANSAN_KEY}", env: true},
	}},
	{"sansan_input", "sansan_input", []breaking{
		broken("The key would travel unencrypted", "キーが平文で流れる", func(string) (string, string) {
			return `"${SANSAN_BASE_URL:https://api.sansan.com/v3.2}"`, "http://api.sansan.com/v3.2"
		}, ""),
		broken("An empty owner", "空の名刺所有者", inInput, `owners: [""]`),
		broken("An empty tag", "空のタグ", inInput, `tags: ["展示会2026", ""]`),
		broken("A start without time and zone", "時刻と時差のない開始日", inInput, "start_time: 2020-01-01"),
		{en: "A schedule in words", ja: "文章のスケジュール", from: `"${SCHEDULE:@every 15m}"`, to: "every 15 minutes"},
		{en: "A duration without unit", ja: "単位のない間隔", from: `"${SCHEDULE:@every 15m}"`, to: `"@every 15"`},
		{en: "A zone that does not exist", ja: "存在しない時間帯", from: `"${SCHEDULE:@every 15m}"`, to: "TZ=Asia/Tokio 0 2 * * *"},
		{en: "A day that never comes", ja: "来ない日付", from: `"${SCHEDULE:@every 15m}"`, to: "0 2 30 2 *"},
		{en: "`once` as full_read", ja: "full_read に once", from: `"0 3 * * SUN"`, to: "once"},
		broken("Pages that are too large", "大きすぎるページ", inInput, "page_size: 1000"),
		broken("Faster than Sansan allows", "Sansanの上限を超える速度", func(string) (string, string) {
			return `    base_url: "${SANSAN_BASE_URL:https://api.sansan.com/v3.2}"`, "    requests_per_second: 10"
		}, ""),
		broken("No speed at all", "速度が0", inInput, "requests_per_second: 0"),
		broken("A duration without unit", "単位のない時間", inInput, "overlap: 10"),
		broken("No cards under way", "処理中の名刺が0", inInput, "checkpoint_limit: 0"),
		broken("A negative overlap", "負の重なり", inInput, "overlap: -10m"),
		broken("No time for a request", "要求の時間が0", inInput, "timeout: 0s"),
		broken("A negative wait", "負の待ち時間", inInput, "backoff: {max_interval: -1s}"),
		broken("The first wait exceeds the longest", "初回が最長を超える", inInput, "backoff: {initial_interval: 10m}"),
	}},
	{"satori_output: 連携種別 (fields)", "satori_output: 連携種別（fields）", []breaking{
		broken("An item of another name", "別名の項目", inFields, "company_name: writable"),
		broken("Sansan's name of an item", "Sansanの項目名", inFields, "lastName: writable"),
		broken("A mistyped item", "項目名の誤記", inFields, "memmo: writable"),
		broken("An item that SATORI does not have", "SATORIにない項目", inFields, "postal_code: writable"),
		broken("A mistyped kind", "連携種別の誤記", inFields, "memo: writeable"),
		broken("A kind as the paper has it", "書面どおりの連携種別", inFields, "memo: R/W"),
		broken("An abbreviated kind", "連携種別の略記", inFields, "memo: R"),
		broken("NG as a kind", "NGと書く", inFields, "memo: NG"),
		broken("A list as a kind", "連携種別が一覧", inFields, "memo: [readable, writable]"),
		broken("score (スコア) is never writable", "スコアは書き込み不可", inFields, "score: writable"),
		broken("status (ステータス) is never writable", "ステータスは書き込み不可", inFields, "status: readable_writable"),
		broken("hashcode (ハッシュコード) is never writable", "ハッシュコードは書き込み不可", inFields, "hashcode: writable"),
		broken("id (カスタマーID) is never writable", "カスタマーIDは書き込み不可", inFields, "id: writable"),
		broken("delivery_status (配信ステータス) is linked", "配信ステータスを連携", inFields, "delivery_status: readable"),
		broken("mail_status (メール状況) is linked", "メール状況を連携", inFields, "mail_status: writable"),
		broken("`tags` is what SATORI exports", "tags は書き出し用の名前", inFields, "tags: writable"),
		broken("A custom item without identifier", "識別名のないカスタム項目", inFields, `"custom:": writable`),
	}},
	{"satori_output: custom items (custom_items)", "satori_output: カスタム項目（custom_items）", []breaking{
		broken("The master CSV is not there", "マスタCSVがない", inOutput, "custom_items: ./custom_items.csv"),
		broken("The master CSV is empty", "マスタCSVが空", inOutput, "custom_items: tests/golden/testdata/empty.csv"),
		broken("Another CSV than the master", "マスタでないCSV", inOutput, "custom_items: tests/golden/testdata/customers.csv"),
		broken("An unknown identifier", "未知の識別名", withMaster, "custom:rank: writable"),
		broken("The label in the identifier's place", "識別名の代わりに名称", withMaster, "custom:担当者: writable"),
		broken("Upper and lower case differ", "大文字と小文字の違い", withMaster, "custom:Card_Owner: writable"),
		broken("An item that forbids repeated values", "値の重複を許可しない項目", withMaster, "custom:member_no: writable"),
		broken("An identifier without `custom:`", "custom: のない識別名", withMaster, "card_owner: writable"),
	}},
	{"satori_output: the rule (overwrite)", "satori_output: 登録の挙動（overwrite）", []breaking{
		{en: "The rule is missing", ja: "規則の欠落", from: ruleLine, to: ""},
		{en: "The rule's file is not there", ja: "規則のファイルがない", from: ruleLine, to: `overwrite: from "overwrite/keep_newer.blobl"`},
		{en: "A file that the rule imports is not there", ja: "規則の import 先がない", from: ruleLine, to: `overwrite: from "tests/golden/testdata/broken_import.blobl"`},
		broken("The rule has an error", "規則の文法誤り", asRule, `root = if this.existing == null { "register"`),
		{en: "Rule 2-3 without its item", ja: "規則2-3の項目の欠落", from: dateLine, to: ""},
		{en: "Rule 2-3, and the item is only writable", ja: "規則2-3の項目がWritable", from: dateLine, to: strings.Replace(dateLine, "readable_writable", "writable", 1)},
		{en: "Rule 2-3, and the item is only readable", ja: "規則2-3の項目がReadable", from: dateLine, to: strings.Replace(dateLine, "readable_writable", "readable", 1)},
		broken("The rule reads an item that does not exist", "規則が存在しない項目を読む", asRule, `root = if this.existing.company_name == "" { "upsert" } else { "skip" }`),
		broken("The rule reads an item that no link may read", "規則が読めない項目を読む", asRule, `root = if this.existing.mail_status == "" { "upsert" } else { "skip" }`),
	}},
	{"satori_output: all else", "satori_output: その他", []breaking{
		{en: "The keys would travel unencrypted", ja: "キーが平文で流れる", from: `"${SATORI_BASE_URL:https://api.satr.jp}"`, to: "http://api.satr.jp"},
		{en: "Bulk without a collection_route", ja: "一括登録で情報獲得経路がない", from: "          collection_route: writable\n", to: "", bulk: true},
		broken("More rows than a job takes", "1回の行数の超過", inOutput, "max_rows: 20000"),
		broken("A duration in words", "文章の時間", inOutput, "linger: 5 seconds"),
		broken("No bulk threshold", "しきい値が0", inOutput, "bulk_threshold: 0"),
		broken("No jobs", "同時実行が0", inOutput, "jobs: 0"),
		broken("No speed at all", "速度が0", inOutput, "requests_per_second: 0"),
	}},
}

var schema = sync.OnceValue(func() *service.ConfigSchema {
	return service.GlobalEnvironment().FullConfigSchema("", "")
})

// said lints the shipped pipeline with one thing broken.
func (b breaking) said(t *testing.T) []string {
	t.Helper()
	lints, applies := b.in(t, shipped)
	require.True(t, applies, b.en)
	return lints
}

// in lints a pipeline with one thing broken; false when it has no such line.
func (b breaking) in(t *testing.T, config string) (lints []string, applies bool) {
	t.Helper()
	content, err := os.ReadFile(config)
	require.NoError(t, err)
	if !strings.Contains(string(content), b.from) {
		return nil, false
	}
	text := strings.Replace(string(content), b.from, b.to, 1)
	var parsed map[string]any
	if err := yaml.Unmarshal([]byte(text), &parsed); err != nil && strings.Contains(err.Error(), "already defined") {
		return nil, false // the pipeline has such a line itself
	}
	if b.bulk {
		text = strings.Replace(text, ledgerLine, "        api: bulk\n"+ledgerLine, 1)
	}
	linter := schema().NewStreamConfigLinter()
	linter.SetSkipEnvVarCheck(!b.env)
	linter.SetEnvVarLookupFunc(func(_ context.Context, name string) (string, bool) {
		return "", name != "SANSAN_KEY"
	})
	found, err := linter.LintYAML([]byte(text))
	if err != nil {
		lints = append(lints, err.Error())
	}
	for _, l := range found {
		if said := l.Error(); !b.env || strings.Contains(said, "SANSAN_KEY") {
			lints = append(lints, said)
		}
	}
	return lints, true
}

// warned are configurations that are allowed and seldom meant.
var warned = []struct{ en, ja, item, kind, rule string }{
	{"An item is readable and writable, and the rule does not read it", "規則が読まない項目がReadable/Writable", "memo", "readable_writable", `root = "upsert"`},
	{"The mail permission is writable", "配信許可がWritable", "delivery_permission", "writable", `root = "upsert"`},
}

// pages are docs/lint.md and docs/lint.ja.md, by name.
func pages(t *testing.T) (map[string]string, string) {
	t.Helper()
	var en, ja, all bytes.Buffer
	en.WriteString(introEN)
	ja.WriteString(introJA)
	here, err := os.Getwd()
	require.NoError(t, err)
	escape := strings.NewReplacer(here+"/", "", "|", "\\|", "\n", " ").Replace
	for _, s := range sections {
		fmt.Fprintf(&en, "\n## %s\n\n| what was broken | what lint says |\n|---|---|\n", s.en)
		fmt.Fprintf(&ja, "\n## %s\n\n| 壊し方 | lint の表示 |\n|---|---|\n", s.ja)
		for _, b := range s.breakings {
			lints := b.said(t)
			require.NotEmpty(t, lints, "%s: lint is silent", b.en)
			said := escape(strings.Join(lints, "<br>"))
			fmt.Fprintf(&en, "| %s | %s |\n", b.en, said)
			fmt.Fprintf(&ja, "| %s | %s |\n", b.ja, said)
			all.WriteString(strings.Join(lints, "\n") + "\n")
		}
	}
	fmt.Fprintf(&en, "\n## Warnings at the start\n\nThe link runs, and says once:\n\n| configuration | warning |\n|---|---|\n")
	fmt.Fprintf(&ja, "\n## 起動時の警告\n\n連携は動き、次の警告を一度だけ出します。\n\n| 構成 | 警告 |\n|---|---|\n")
	for _, w := range warned {
		said := items.Warnings(map[string]any{w.item: w.kind}, w.rule, os.ReadFile)
		require.Len(t, said, 1)
		fmt.Fprintf(&en, "| %s | %s |\n", w.en, escape(said[0]))
		fmt.Fprintf(&ja, "| %s | %s |\n", w.ja, escape(said[0]))
		all.WriteString(said[0] + "\n")
	}
	return map[string]string{"docs/lint.md": en.String(), "docs/lint.ja.md": ja.String()}, all.String()
}

const introEN = `<!-- Written by a test: UPDATE_GOLDEN=1 go test ./tests/golden -run Lint -->
# What lint says

` + "`sansan-satori lint config/sync.yaml`" + ` names the place (line, column), what is wrong, and the way out. Each line below was
tried on the shipped pipeline by a test, which also holds that no message of ours is missing here.

One thing lint does not see, since the engine's linter does not check numbers: a text where a number belongs
(` + "`page_size: many`" + `). The link then ends at its start and names the field and the line; until it is mended, lint is silent
about the rest of that component too.
([日本語](lint.ja.md))
`

const introJA = `<!-- Written by a test: UPDATE_GOLDEN=1 go test ./tests/golden -run Lint -->
# lint の表示

` + "`sansan-satori lint config/sync.yaml`" + ` は、場所（行、列）、誤り、直し方を示します。次の表はすべて、出荷時の構成を実際に壊して
試した結果です。表にない独自の表示がないことも、テストで確かめています。

lint が見ないものが1つあります。数値の場所にある文字列（` + "`page_size: many`" + `）です（エンジンの lint が数値を確かめないため）。
連携は起動時にフィールドと行を示して終了します。直すまで、lint はその部品の他の誤りも示しません。
([English](lint.md))
`

// What lint says is written down, word by word.
func TestLintPages(t *testing.T) {
	written, all := pages(t)
	for path, text := range written {
		if os.Getenv("UPDATE_GOLDEN") != "" {
			require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		}
		committed, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, text, string(committed), "UPDATE_GOLDEN=1 go test ./tests/golden -run Lint")
	}
	complete(t, all)
}

// linting are the sources of our lint messages.
var linting = []string{
	"plugins/items/lint.go", "plugins/items/rule.go", "plugins/sansaninput/lint.go", "plugins/sansaninput/schedule.go", "plugins/satorioutput/lint.go",
}

var verb = regexp.MustCompile(`%[a-z]`)

// complete: every message in the sources is provoked by a breaking, so that it
// stands on the pages.
func complete(t *testing.T, all string) {
	t.Helper()
	checked := 0
	for _, path := range linting {
		source, err := os.ReadFile(path)
		require.NoError(t, err)
		var s scanner.Scanner
		files := token.NewFileSet()
		s.Init(files.AddFile(filepath.Base(path), files.Base(), len(source)), source, nil, 0)
		for {
			_, tok, literal := s.Scan()
			if tok == token.EOF {
				break
			}
			if tok != token.STRING {
				continue
			}
			text, err := strconv.Unquote(literal)
			require.NoError(t, err)
			if len(text) < 15 || !strings.Contains(text, " ") || strings.HasPrefix(text, "Lints ") || strings.HasPrefix(text, "root = ") {
				continue
			}
			checked++
			for _, part := range verb.Split(text, -1) {
				require.True(t, strings.Contains(all, part), "%s: %q: add a breaking to provoke it", path, text)
			}
		}
	}
	require.Greater(t, checked, 30)
}

var position = regexp.MustCompile(`^\(\d+,\d+\) |line \d+`)

// What is tried on the first pipeline is said of each that is shipped, in the
// same words.
func TestEveryShippedPipelineBreaks(t *testing.T) {
	placeless := func(lints []string) (all []string) {
		for _, lint := range lints {
			all = append(all, position.ReplaceAllString(lint, ""))
		}
		return all
	}
	names := []string{"daily", "department", "departments", "exhibition", "replay"}
	tried := map[string]int{}
	for i, s := range sections {
		for _, b := range s.breakings {
			said := placeless(b.said(t))
			for _, name := range names {
				lints, applies := b.in(t, "config/"+name+".yaml")
				if !applies {
					continue
				}
				tried[name]++
				require.NotEmpty(t, lints, "%s: %s", name, b.en)
				if i > 0 { // the engine's own words depend on the lines around
					require.Contains(t, placeless(lints), said[0], "%s: %s", name, b.en)
				}
			}
		}
	}
	for _, name := range names {
		require.GreaterOrEqual(t, tried[name], 20, name)
	}
}
