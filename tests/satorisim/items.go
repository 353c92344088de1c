package satorisim

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Items of a customer in SATORI's own order. Names are the same in the single
// API, the bulk CSV and the admin CSV.
const (
	itemEmail = iota
	itemLastName
	itemFirstName
	itemLastNameReading
	itemFirstNameReading
	itemCompany
	itemDepartment
	itemPosition
	itemPhone
	itemMobile
	itemAddress
	itemWebSite
	itemMemo
	itemRoute // 情報獲得経路
	itemDate  // 情報獲得日
	itemPermission
	itemStatus
	itemStar
	standardItems // custom items follow
)

// Columns that are no item of a customer.
const (
	columnAppendTags = -1 - iota
	columnDeleteTags
	columnHashcode
	columnIgnored
)

var standard = [standardItems]struct{ name, label, english string }{
	{"email", "メールアドレス", "E-mail"},
	{"last_name", "苗字", "Last name"},
	{"first_name", "名前", "First name"},
	{"last_name_reading", "みょうじ(ふりがな)", "Last name, reading"},
	{"first_name_reading", "なまえ(ふりがな)", "First name, reading"},
	{"lead_company_name", "企業名", "Company"},
	{"department", "部署", "Department"},
	{"position", "役職", "Position"},
	{"phone_number", "電話番号", "Phone"},
	{"mobile_phone_number", "携帯電話番号", "Mobile"},
	{"address", "住所", "Address"},
	{"web_site", "ウェブサイト", "Web site"},
	{"memo", "メモ", "Memo"},
	{"collection_route", "情報獲得経路", "Route"},
	{"collection_date", "情報獲得日", "Collection date"},
	{"delivery_permission", "配信許可", "Mail permission"},
	{"status", "ステータス", "Status"},
	{"star", "スター", "Star"},
}

// foreign names exist in SATORI but no call may write them.
var foreign = map[string]bool{"id": true, "score": true, "delivery_status": true, "mail_status": true}

type item struct {
	name, label, english string
	custom               *CustomItem // nil for the standard ones
}

// schema is the list of items this SATORI has; an item's place in it is its
// place in a customer's values.
type schema struct {
	items []item
	index map[string]int
}

func newSchema(custom []CustomItem) *schema {
	s := &schema{index: map[string]int{}}
	for _, it := range standard {
		s.add(item{name: it.name, label: it.label, english: it.english})
	}
	for _, c := range custom {
		s.add(item{name: "custom:" + c.FieldName, label: c.Name, english: c.FieldName, custom: &c})
	}
	return s
}

func (s *schema) add(it item) {
	s.index[it.name] = len(s.items)
	s.items = append(s.items, it)
}

// column says which item a name stands for, or why it stands for none.
func (s *schema) column(name string, set *Settings) (col int, reaction Reaction, complaint string) {
	switch name {
	case "append_tags":
		return columnAppendTags, "", ""
	case "delete_tags":
		return columnDeleteTags, "", ""
	case "hashcode":
		return columnHashcode, "", ""
	}
	i, ok := s.index[name]
	switch {
	case foreign[name], name == "status" && !set.StatusItem, ok && s.items[i].custom != nil && s.items[i].custom.Unique:
		return columnIgnored, set.ForeignItem, name + "は更新できない項目です"
	case !ok:
		return columnIgnored, set.UnknownItem, name + "は存在しない項目です"
	}
	return i, "", ""
}

// check gives SATORI's words about a value that is no value of the item, or "".
// Blank values are not checked: they mean "leave it alone".
func (s *schema) check(i int, value string, set *Settings) string {
	if value == "" {
		return ""
	}
	bad := ""
	switch it := &s.items[i]; {
	case i == itemEmail:
		bad = checkEmail(value, set.LooseEmail)
	case i == itemDate:
		if !isDate(value) {
			bad = "日付の形式が不正です"
		}
	case i == itemPermission:
		if value != "approval" && value != "reject" {
			bad = "一覧にない値です"
		}
	case i == itemStatus:
		if !oneOf(value, "regist", "reply", "phone", "visit", "contract") {
			bad = "一覧にない値です"
		}
	case it.custom == nil:
	case it.custom.Kind == "integer":
		if !isInteger(value) {
			bad = "整数ではありません"
		}
	case it.custom.Kind == "date":
		if !isDate(value) {
			bad = "日付の形式が不正です"
		}
	case it.custom.Kind == "selection":
		if !oneOf(value, it.custom.Options...) {
			bad = "一覧にない値です"
		}
	}
	if bad == "" && set.MaxText > 0 && utf8.RuneCountInString(value) > set.MaxText {
		bad = fmt.Sprintf("%d文字以内で入力してください", set.MaxText)
	}
	if bad == "" && !set.FourBytes && hasFourBytes(value) {
		bad = "使用できない文字が含まれています"
	}
	if bad == "" {
		return ""
	}
	if set.QuoteValues {
		bad += ": " + value
	}
	return s.items[i].label + "(" + s.items[i].name + "): " + bad
}

// checkEmail accepts what SATORI documents (at most 255, half-width, valid);
// "valid" is read as dot-atom@host.tld.
func checkEmail(v string, loose bool) string {
	if len(v) > 255 {
		return "255文字以内で入力してください"
	}
	at := strings.IndexByte(v, '@')
	if at <= 0 || at > 64 {
		return "形式が不正です"
	}
	local, host := v[:at], v[at+1:]
	for i := 0; i < len(local); i++ {
		if c := local[i]; !isAlnum(c) && strings.IndexByte(".!#$%&'*+-/=?^_`{|}~", c) < 0 {
			return "形式が不正です"
		}
	}
	if !loose && (local[0] == '.' || local[at-1] == '.' || strings.Contains(local, "..")) {
		return "形式が不正です"
	}
	dots, label := 0, 0
	for i := 0; i < len(host); i++ {
		switch c := host[i]; {
		case c == '.':
			if label == 0 || host[i-1] == '-' {
				return "形式が不正です"
			}
			dots++
			label = 0
		case c == '-':
			if label == 0 {
				return "形式が不正です"
			}
			label++
		case isAlnum(c):
			label++
		default:
			return "形式が不正です"
		}
		if label > 63 {
			return "形式が不正です"
		}
	}
	if dots == 0 || label < 2 || host[len(host)-1] == '-' {
		return "形式が不正です"
	}
	return ""
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z'
}

func isInteger(v string) bool {
	d := strings.TrimPrefix(v, "-")
	for i := 0; i < len(d); i++ {
		if d[i] < '0' || d[i] > '9' {
			return false
		}
	}
	return d != "" && len(d) <= 18
}

// isDate reports YYYY-MM-DD of a day that exists.
func isDate(v string) bool {
	if len(v) != 10 {
		return false
	}
	_, err := time.Parse(time.DateOnly, v)
	return err == nil
}

func oneOf(v string, list ...string) bool {
	for _, o := range list {
		if v == o {
			return true
		}
	}
	return false
}

func hasFourBytes(v string) bool {
	for i := 0; i < len(v); i++ {
		if v[i] >= 0xF0 {
			return true
		}
	}
	return false
}

// splitTags reads a comma-joined list of tags; blanks between commas are none.
func splitTags(v string) []string {
	if v == "" {
		return nil
	}
	var tags []string
	for t := range strings.SplitSeq(v, ",") {
		if t = strings.TrimSpace(t); t != "" {
			tags = append(tags, t)
		}
	}
	return tags
}
