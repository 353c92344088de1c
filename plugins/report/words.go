package report

import "fmt"

// Lang is the language of a report.
type Lang string

const (
	Japanese Lang = "ja"
	English  Lang = "en"
)

// ParseLang reads "ja" or "en".
func ParseLang(text string) (Lang, error) {
	switch l := Lang(text); l {
	case Japanese, English:
		return l, nil
	}
	return "", fmt.Errorf("lang: %q is neither ja nor en", text)
}

func (l Lang) pick(ja, en string) string {
	if l == Japanese {
		return ja
	}
	return en
}

// Action in words; what it does not know it gives back.
func (l Lang) Action(action string) string {
	switch action {
	case "register":
		return l.pick("登録", "Register")
	case "upsert":
		return l.pick("更新（上書き）", "Update (overwrite)")
	case "skip":
		return l.pick("対象外（送信なし）", "Skip (nothing sent)")
	case "invalid":
		return l.pick("登録不可", "Not possible")
	case "failed":
		return l.pick("失敗", "Failed")
	}
	return action
}

// Reason in words. Of a failure it is what SATORI said, and stays as it is.
func (l Lang) Reason(reason string) string {
	switch reason {
	case "new":
		return l.pick("新規の顧客", "new customer")
	case "changed":
		return l.pick("内容に変更あり", "changed")
	case "unchanged":
		return l.pick("変更なし", "unchanged")
	case "older":
		return l.pick("登録済みの内容より古い名刺", "older than what SATORI holds")
	case "exists":
		return l.pick("SATORIに登録済み", "exists in SATORI")
	case "no_email":
		return l.pick("メールアドレスなし", "no e-mail address")
	case "malformed_email":
		return l.pick("メールアドレスの形式が不正", "malformed e-mail address")
	case "":
		return l.pick("理由の記載なし", "no reason given")
	}
	return reason
}

// itemLabels are SATORI's own, spec/satori-api.md section 3.
var itemLabels = map[string]string{
	"email": "メールアドレス", "last_name": "苗字", "first_name": "名前",
	"last_name_reading": "苗字ふりがな", "first_name_reading": "名前ふりがな",
	"lead_company_name": "企業名", "department": "部署", "position": "役職",
	"phone_number": "電話番号", "mobile_phone_number": "携帯電話番号", "address": "住所",
	"web_site": "ウェブサイト", "memo": "メモ", "collection_route": "情報獲得経路",
	"collection_date": "情報獲得日", "delivery_permission": "配信許可", "star": "スター",
	"append_tags": "タグ", "delete_tags": "タグ（削除）",
}

// Item is the label SATORI shows for an item, in English its name in the API.
func (l Lang) Item(name string) string {
	if label := itemLabels[name]; label != "" && l == Japanese {
		return label
	}
	return name
}
