// Package items knows SATORI's items (項目): what they are called, what a link may
// do with each (連携種別) and which values they take.
package items

import (
	"slices"
	"strings"
)

// Kind is what the link may do with an item (連携種別).
type Kind string

// Kinds. An item that is not listed is NG: it is not linked.
const (
	Readable         Kind = "readable"          // taken from SATORI, never written
	Writable         Kind = "writable"          // written, SATORI's value is not looked at
	ReadableWritable Kind = "readable_writable" // both: two masters for one value
)

func (k Kind) valid() bool    { return k == Readable || k == Writable || k == ReadableWritable }
func (k Kind) readable() bool { return k == Readable || k == ReadableWritable }
func (k Kind) writable() bool { return k == Writable || k == ReadableWritable }

// Links says what the link may do with each item, by the item's name.
type Links map[string]Kind

// Readable says whether the overwrite rule may see the item.
func (l Links) Readable(name string) bool { return l[name].readable() }

// Writable says whether the link may write the item. The e-mail address is the
// match key: it is written with every customer and needs no line.
func (l Links) Writable(name string) bool { return name == email || l[name].writable() }

// Names that mean something to this package.
const (
	email              = "email"
	collectionDate     = "collection_date"
	deliveryPermission = "delivery_permission"
	appendTags         = "append_tags"
	deleteTags         = "delete_tags"

	customPrefix = "custom:" // カスタマーカスタム項目, followed by the identifier (識別名)
)

// bar is what SATORI forbids every link to do with an item.
type bar int

const (
	free         bar = iota
	neverWritten     // may be read
	neverLinked      // neither readable nor writable
)

// standard are SATORI's own items in its order: label for people, and bar.
var standard = []struct {
	name, label string
	bar         bar
}{
	{email, "メールアドレス", free},
	{"hashcode", "ハッシュコード", neverWritten},
	{"last_name", "苗字", free},
	{"first_name", "名前", free},
	{"last_name_reading", "苗字のふりがな", free},
	{"first_name_reading", "名前のふりがな", free},
	{"lead_company_name", "企業名", free},
	{"department", "部署", free},
	{"position", "役職", free},
	{"phone_number", "電話番号", free},
	{"mobile_phone_number", "携帯電話番号", free},
	{"address", "住所", free},
	{"web_site", "ウェブサイト", free},
	{"memo", "メモ", free},
	{"collection_route", "情報獲得経路", free},
	{collectionDate, "情報獲得日", free},
	{deliveryPermission, "配信許可", free},
	{"status", "ステータス", neverWritten},
	{"star", "スター", free},
	{appendTags, "タグの追加", free},
	{deleteTags, "タグの削除", free},
	{"tags", "タグ", neverWritten}, // as SATORI exports them; written by the two above
	{"score", "スコア", neverWritten},
	{"id", "カスタマーID", neverWritten},
	{"delivery_status", "配信ステータス", neverLinked},
	{"mail_status", "メール状況", neverLinked},
}

// otherNames are names people try, from Sansan's cards and from elsewhere.
var otherNames = map[string]string{
	"company_name": "lead_company_name", "company": "lead_company_name",
	"department_name": "department", "title": "position", "job_title": "position",
	"tel": "phone_number", "phone": "phone_number", "mobile": "mobile_phone_number",
	"mobile_number": "mobile_phone_number", "url": "web_site", "website": "web_site",
	"route": "collection_route", "tag": appendTags, "add_tags": appendTags, "remove_tags": deleteTags,
	"customer_id": "id", "hash_code": "hashcode", "mail": email, "e_mail": email, "mail_address": email,
	"permission": deliveryPermission, "last_name_kana": "last_name_reading", "first_name_kana": "first_name_reading",
}

// Label gives the Japanese name of one of SATORI's own items; "" for any other.
func Label(name string) string {
	if i := indexOf(name); i >= 0 {
		return standard[i].label
	}
	return ""
}

// Custom gives the identifier (識別名) of a custom item; false for any other item.
func Custom(name string) (identifier string, ok bool) {
	return strings.CutPrefix(name, customPrefix)
}

func indexOf(name string) int {
	for i := range standard {
		if standard[i].name == name {
			return i
		}
	}
	return -1
}

// known: one of SATORI's own items, or shaped like a custom one.
func known(name string) bool {
	identifier, custom := Custom(name)
	return custom && identifier != "" || indexOf(name) >= 0
}

func barOf(name string) bar {
	if i := indexOf(name); i >= 0 {
		return standard[i].bar
	}
	return free
}

// suggest gives the way to say what name probably means: `, do you mean x?`, or "".
func suggest(name string, among []string) string {
	best, least := "", 1+len([]rune(name))/3
	for _, candidate := range among {
		if d := distance(fold(name), fold(candidate)); d < least {
			best, least = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return "; do you mean `" + best + "`?"
}

func suggestStandard(name string) string {
	if other, ok := otherNames[fold(name)]; ok {
		return "; do you mean `" + other + "`?"
	}
	names := make([]string, len(standard))
	for i := range standard {
		names[i] = standard[i].name
	}
	return suggest(name, names)
}

// fold makes lastName, last-name and LAST_NAME alike.
func fold(name string) string {
	var b strings.Builder
	for i, r := range name {
		switch {
		case r == '-' || r == ' ':
			r = '_'
		case r >= 'A' && r <= 'Z':
			if i > 0 && name[i-1] >= 'a' && name[i-1] <= 'z' {
				b.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// distance is Levenshtein's: insertions, deletions and replacements of a
// character that make a into b.
func distance(a, b string) int {
	to := []rune(b)
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i, r := range []rune(a) {
		corner := row[0]
		row[0] = i + 1
		for j, s := range to {
			cost := corner
			if r != s {
				cost++
			}
			corner = row[j+1]
			row[j+1] = slices.Min([]int{cost, row[j] + 1, corner + 1})
		}
	}
	return row[len(to)]
}
