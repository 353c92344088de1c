package items

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const master = `customer_custom_field_id,name,description,field_name,field_kind,validation_rule,validation_value,unique_field
1,名刺交換日,,exchange_date,date,,,0
2,担当者,,Owner,text,max_length,5,false
3,訪問回数,,visits,integer,,,
4,業種,,industry,selection,inclusion,"製造,IT・通信|その他",0
5,会員番号,,member_no,text,,,1
6,区分,,kubun,checkboxes,,,0
`

// files are what a test's readFile finds, besides the shipped rules.
func files(extra map[string]string) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		if text, ok := extra[path]; ok {
			return []byte(text), nil
		}
		if rest, ok := cutShipped(path); ok {
			return os.ReadFile(filepath.Join("..", "..", rest))
		}
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
}

func cutShipped(path string) (string, bool) {
	ok, _ := filepath.Match("bloblang/*/*.blobl", path)
	top, _ := filepath.Match("bloblang/*.blobl", path)
	return path, ok || top
}

func TestLint(t *testing.T) {
	const never = `root = if this.existing == null { "register" } else { "skip" }`
	for name, c := range map[string]struct {
		fields    map[string]any
		master    string
		overwrite string
		want      []string
	}{
		"nothing wrong": {fields: map[string]any{"last_name": "writable", "custom:a": "writable", "score": "readable", "append_tags": "writable"}},
		"kind": {fields: map[string]any{"memo": "write", "star": "ng", "address": 3.0, "position": "Readable/Writable"}, want: []string{
			"fields: `address`: the kind (連携種別) is `readable`, `writable` or `readable_writable`; delete the line if the item is NG",
			"fields: `memo: write`: the kind (連携種別) is `readable`, `writable` or `readable_writable`; do you mean `writable`?; delete the line if the item is NG",
			"fields: `position: Readable/Writable`: the kind (連携種別) is `readable`, `writable` or `readable_writable`; do you mean `readable_writable`?; delete the line if the item is NG",
			"fields: `star: ng`: the kind (連携種別) is `readable`, `writable` or `readable_writable`; delete the line if the item is NG",
		}},
		"unknown item": {fields: map[string]any{"company_name": "writable", "lastName": "writable", "postal_code": "writable", "departmnt": "writable", "Custom:a": "writable"}, want: []string{
			"fields: `Custom:a: writable`: SATORI has no such item: correct the name; a custom item is written `custom:` and its identifier (識別名)",
			"fields: `company_name: writable`: SATORI has no such item; do you mean `lead_company_name`?",
			"fields: `departmnt: writable`: SATORI has no such item; do you mean `department`?",
			"fields: `lastName: writable`: SATORI has no such item; do you mean `last_name`?",
			"fields: `postal_code: writable`: SATORI has no such item: correct the name; a custom item is written `custom:` and its identifier (識別名)",
		}},
		"never writable": {fields: map[string]any{"score": "writable", "status": "readable_writable", "hashcode": "writable", "id": "writable", "tags": "writable"}, want: []string{
			"fields: `hashcode: writable`: ハッシュコード is never writable: change it to `hashcode: readable`, or delete the line",
			"fields: `id: writable`: カスタマーID is never writable: change it to `id: readable`, or delete the line",
			"fields: `score: writable`: スコア is never writable: change it to `score: readable`, or delete the line",
			"fields: `status: readable_writable`: ステータス is never writable: change it to `status: readable`, or delete the line",
			"fields: `tags: writable`: `tags` is what SATORI exports: change it to `append_tags: writable`",
		}},
		"neither": {fields: map[string]any{"delivery_status": "readable", "mail_status": "readable"}, want: []string{
			"fields: `delivery_status: readable`: 配信ステータス is neither readable nor writable for any link: delete the line",
			"fields: `mail_status: readable`: メール状況 is neither readable nor writable for any link: delete the line",
		}},
		"master": {master: "m.csv", fields: map[string]any{"custom:owner": "writable", "custom:担当者": "writable", "custom:member_no": "readable", "custom:visits": "writable", "visits": "writable", "custom:": "writable"}, want: []string{
			"fields: `custom:: writable`: write `custom:` and the custom item's identifier (識別名), without spaces",
			"fields: `custom:member_no: readable`: the custom item forbids repeated values (値の重複を許可しない), so it is neither readable nor writable: delete the line",
			"fields: `custom:owner: writable`: the master of custom items has no identifier (識別名) `owner`; do you mean `custom:Owner`?; create it in SATORI and export the master again, or correct the name: upper and lower case differ",
			"fields: `custom:担当者: writable`: the master of custom items has no identifier (識別名) `担当者`; do you mean `custom:Owner`?; create it in SATORI and export the master again, or correct the name: upper and lower case differ",
			"fields: `visits: writable`: SATORI has no such item; do you mean `custom:visits`?",
		}},
		"no master": {master: "gone.csv", want: []string{
			"custom_items: reading gone.csv: file does not exist: the path counts from the working directory; correct it, or delete the line to link without the master",
		}},
		"rule 2-1": {overwrite: `from "bloblang/overwrite/always.blobl"`},
		"rule 2-2": {overwrite: `from "bloblang/overwrite/never.blobl"`},
		"rule 2-3": {overwrite: `from "bloblang/overwrite/keep_newer.blobl"`, fields: map[string]any{"custom:exchange_date": "readable_writable"}},
		"rule 2-3, writable": {overwrite: `from "bloblang/overwrite/keep_newer.blobl"`, fields: map[string]any{"custom:exchange_date": "writable"}, want: []string{
			"fields: change `custom:exchange_date: writable` to `custom:exchange_date: readable_writable`: the overwrite rule reads it",
		}},
		"rule 2-3, readable": {overwrite: `from "bloblang/overwrite/keep_newer.blobl"`, fields: map[string]any{"custom:exchange_date": "readable"}, want: []string{
			"fields: change `custom:exchange_date: readable` to `custom:exchange_date: readable_writable`: the overwrite rule reads it from the incoming card, too",
		}},
		"rule 2-3, not listed": {overwrite: `from "bloblang/overwrite/keep_newer.blobl"`, want: []string{
			"fields: add `custom:exchange_date: readable_writable`: the overwrite rule reads it",
		}},
		"rule that imports": {overwrite: `from "bloblang/overwrite/protect_contract.blobl"`, want: []string{
			"fields: add `custom:exchange_date: readable_writable`: the overwrite rule reads it",
			"fields: add `status: readable`: the overwrite rule reads it",
		}},
		"inline import": {overwrite: "import \"bloblang/overwrite/keep_newer.blobl\"\nroot = this.apply(\"keep_newer\")", fields: map[string]any{"custom:exchange_date": "readable_writable"}},
		"map on both sides": {overwrite: `from "bloblang/overwrite/same_company.blobl"`, fields: map[string]any{"lead_company_name": "writable"}, want: []string{
			"fields: change `lead_company_name: writable` to `lead_company_name: readable_writable`: the overwrite rule reads it",
		}},
		"missing rule": {overwrite: `from "bloblang/overwrite/keep_never.blobl"`, want: []string{
			"overwrite: cannot read `bloblang/overwrite/keep_never.blobl` (no such file or directory): the path counts from the working directory, not from the configuration: start where it leads to the file, or write it from the root",
		}},
		"rule reads unknown item": {overwrite: `root = if this.existing.company_name == "" { "register" } else { "skip" }`, want: []string{
			"overwrite: the rule reads `company_name`: SATORI has no such item; do you mean `lead_company_name`?",
		}},
		"rule reads forbidden item": {overwrite: `root = if this.existing.get("mail_status") == "" { "register" } else { "skip" }`, want: []string{
			"overwrite: the rule reads `mail_status` (メール状況), which is neither readable nor writable for any link: take it out of the rule",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.overwrite == "" {
				c.overwrite = never
			}
			require.Equal(t, c.want, Lint(c.fields, c.master, c.overwrite, files(map[string]string{"m.csv": master})))
		})
	}
}

func TestRuleItems(t *testing.T) {
	both, held, in := use{true, true}, use{existing: true}, use{incoming: true}
	for name, c := range map[string]struct {
		rule string
		want ruleItems
	}{
		"path":             {`root = this.existing.status`, ruleItems{"status": held}},
		"quoted path":      {`root = this.existing."custom:a b" > 1`, ruleItems{"custom:a b": held}},
		"bare":             {`root = existing.star`, ruleItems{"star": held}},
		"get":              {`root = this.existing.get("custom:a").or("")`, ruleItems{"custom:a": held}},
		"or":               {`root = this.existing.or({}).memo.or("")`, ruleItems{"memo": held}},
		"incoming":         {`root = this.incoming.memo == this.incoming.get("address")`, ruleItems{"memo": in, "address": in}},
		"both":             {`root = this.incoming.memo == this.existing.memo`, ruleItems{"memo": both}},
		"alias":            {"let old = this.existing\nroot = $old.phone_number", ruleItems{"phone_number": held}},
		"alias, incoming":  {"let new = this.incoming\nroot = $new.phone_number", ruleItems{"phone_number": in}},
		"lambda":           {`root = this.existing.(e -> e.memo)`, ruleItems{"memo": held}},
		"variable":         {"let i = \"custom:a\"\nroot = this.existing.get($i)", ruleItems{"custom:a": held}},
		"variable, unused": {"let i = \"custom:a\"\nroot = this.apply(\"x\")", ruleItems{"custom:a": both}},
		"methods":          {`root = this.existing.length() + this.existing.apply("x").number()`, ruleItems{}},
		"comment":          {"# this.existing.memo\nroot = \"#\" # this.existing.star", ruleItems{}},
		"reason":           {`root = {"action": "skip", "reason": "address"}`, ruleItems{}},
		"long string":      {"root = \"\"\"this.existing.memo\"\"\"", ruleItems{}},
		"escaped string":   {`root = "\"this.existing.memo"`, ruleItems{}},
		"unfinished":       {`root = this.existing."memo`, ruleItems{"memo": held}},
	} {
		t.Run(name, func(t *testing.T) {
			r := readRule(c.rule, files(nil))
			require.Empty(t, r.problems)
			require.Equal(t, c.want, r.items)
		})
	}
}

func TestRuleThatImportsItself(t *testing.T) {
	r := readRule(`import "a.blobl"`, files(map[string]string{"a.blobl": `import "./a.blobl"` + "\n" + `root = this.existing.star`}))
	require.Empty(t, r.problems)
	require.Equal(t, ruleItems{"star": {existing: true}}, r.items)
}

func TestWarnings(t *testing.T) {
	fields := map[string]any{"custom:exchange_date": "readable_writable", "memo": "readable_writable", "delivery_permission": "writable", "star": "writable"}
	require.Equal(t, []string{
		"fields: `delivery_permission: writable`: an upsert that carries `approval` would undo a customer's opt-out (拒否): let the mapping give `reject` only, or delete the line",
		"fields: `memo: readable_writable`: two systems own the value and the overwrite rule does not read it: make it `writable` or `readable`",
	}, Warnings(fields, `from "bloblang/overwrite/keep_newer.blobl"`, files(nil)))
}

// FuzzRule: no text hangs or breaks the reading of a rule.
func FuzzRule(f *testing.F) {
	f.Add(`let a = this.existing` + "\n" + `root = $a.or({}).get("memo")`)
	f.Add(`).or().x)).`)
	f.Add(`root = this.existing."""`)
	f.Fuzz(func(t *testing.T, text string) {
		readRule(text, func(string) ([]byte, error) { return nil, fs.ErrNotExist })
	})
}
