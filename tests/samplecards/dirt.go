package samplecards

import (
	"math/rand/v2"
	"strings"

	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
)

// Kind is one kind of dirt.
type Kind struct {
	Name   string
	What   string  // what it looks like and what it breaks
	Chance float64 // share of the cards that have it, roughly: a later kind may cover an earlier one in the same field
	spoil  func(*rand.Rand, *Sample)
}

// Kinds lists every kind of dirt, in the order in which it is applied.
func Kinds() []Kind { return append([]Kind(nil), kinds...) }

// kinds is the one table of dirt. Those without a spoil function come from elsewhere, as they say.
var kinds = []Kind{
	{"same_email", "several cards of one e-mail, by other owners, with other dates (made by the generator)", oneMailAgain, nil},
	{"full_width_email", "e-mail in full-width characters: ｔａｒｏ＠ｅｘａｍｐｌｅ．ｃｏｍ", 0.03, edit("email", width.Widen.String)},
	{"upper_email", "e-mail in mixed case with blanks around it", 0.03, edit("email", func(s string) string { return " " + strings.ToUpper(s[:1]) + s[1:] + "　" })},
	{"full_width_phone", "telephone number in full-width characters: ０３－００００－００００", 0.05, edit("tel", width.Widen.String)},
	{"phone_brackets", "telephone number with brackets and an extension: 03(0000)0000 (内線123)", 0.02, edit("tel", func(s string) string {
		p := strings.Split(s, "-")
		return p[0] + "(" + p[1] + ")" + p[len(p)-1] + " (内線123)"
	})},
	{"plain_mobile", "mobile number without hyphens", 0.04, edit("mobile", func(s string) string { return strings.ReplaceAll(s, "-", "") })},
	{"unreadable", "● where a character of the name or company could not be read", 0.03, func(r *rand.Rand, s *Sample) {
		edit(pick(r, []string{"lastName", "companyName", "departmentName"}), blot)(r, s)
	}},
	{"unreadable_email", "● inside the e-mail, which makes it malformed", 0.01, edit("email", blot)},
	{"malformed_email", "e-mail without @, with two, with two addresses, a dot too many, or a stray comment", 0.03, func(r *rand.Rand, s *Sample) { edit("email", pick(r, malformed))(r, s) }},
	{"no_email_null", "e-mail null", 0.03, set("email", nil)},
	{"no_email_empty", `e-mail ""`, 0.02, set("email", "")},
	{"no_email_absent", "no e-mail field at all", 0.02, func(_ *rand.Rand, s *Sample) { delete(s.Card, "email") }},
	{"blank_fields", `some optional fields null, "" or absent`, 0.25, blanks},
	{"four_bytes", "characters outside the basic plane: 𠮷野, 𩸽, 😀 (4 bytes in UTF-8)", 0.03, func(r *rand.Rand, s *Sample) {
		s.Card["lastName"], s.Card["lastNameReading"] = "𠮷野", "ヨシノ"
		s.Card["memo"] = "𩸽の店で会った😀"
	}},
	{"memo_lines", "CR, LF, CRLF, tabs, quotes and commas in the memo", 0.06, func(r *rand.Rand, s *Sample) {
		s.Card["memo"] = pick(r, []string{"一行目\n二行目", "一行目\r\n\"二行目\", 三つ目", "古いMac\r改行\tタブ", "=1+1\n,,\"\""})
	}},
	{"address_lines", "CR/LF in the address", 0.03, edit("address", func(s string) string { return strings.Replace(s, " ", "\r\n", 1) })},
	{"half_width_kana", "readings in half-width kana, voiced marks as characters of their own: ｽｽﾞｷ", 0.06, func(r *rand.Rand, s *Sample) {
		edit("lastNameReading", HalfWidth)(r, s)
		edit("firstNameReading", HalfWidth)(r, s)
	}},
	{"combining_kana", "text in NFD: か + combining mark instead of が", 0.02, edit("companyName", norm.NFD.String)},
	{"compatibility_chars", "㈱ and Ⅲ instead of 株式会社 and III", 0.04, edit("companyName", func(s string) string { return strings.Replace(s, "株式会社", "㈱", 1) + "Ⅲ" })},
	{"blanks_around", "full-width and other blanks around a value", 0.04, edit("title", func(s string) string { return "　" + s + " \u00a0" })},
	{"no_exchange_date", "exchangeDate (名刺交換日) null", 0.05, set("exchangeDate", nil)},
	{"processing", "provisional card, digitisation not done: entryStatus processing, half of the fields wrong", 0.02, func(_ *rand.Rand, s *Sample) {
		s.Card["entryStatus"], s.Card["companyName"], s.Card["personId"] = "processing", "(仮)"+text(s.Card["companyName"]), ""
	}},
	{"unreadable_card", "card that could not be digitised: entryStatus unreadable", 0.005, set("entryStatus", "unreadable")},
	{"past", "card that a newer one of the same person replaced (過去名刺)", 0.04, func(_ *rand.Rand, s *Sample) { s.Past = true }},
	{"owner_without_email", "owner.email null (two of the owners have none)", 0, nil},
	{"owners_of_one_name", "two owners bear one name (佐藤健)", 0, nil},
	{"tags_of_one_name", "three tags bear one name (展示会2026): shared, public, another's private", 0, nil},
	{"tag_with_comma", "comma in a tag's name (東京,大阪)", 0, nil},
	{"tag_without_owner", "shared tag whose owner is null", 0, nil},
	{"ties", "equal updatedTime, now and then over 40 cards, so that page edges fall inside a tie (made by the generator)", 0, nil},
}

var malformed = []func(string) string{
	func(s string) string { return strings.Replace(s, "@", "", 1) },
	func(s string) string { return strings.Replace(s, "@", "@@", 1) },
	func(s string) string { return s + "; " + s },
	func(s string) string { return strings.Replace(s, ".example", "..example", 1) },
	func(s string) string { return s[:strings.IndexByte(s, '@')+1] },
	func(s string) string { return "E-mail: " + s + " (代表)" },
}

// edit changes a text field if there is something in it that the earlier dirt left whole.
func edit(field string, change func(string) string) func(*rand.Rand, *Sample) {
	return func(_ *rand.Rand, s *Sample) {
		if v := text(s.Card[field]); v != "" && (field != "email" || cleanMail(v)) && (field != "tel" || strings.Count(v, "-") == 2) {
			s.Card[field] = change(v)
		}
	}
}

func cleanMail(v string) bool { return strings.Count(v, "@") == 1 && v[0] >= 'a' && v[0] <= 'z' }

func set(field string, value any) func(*rand.Rand, *Sample) {
	return func(_ *rand.Rand, s *Sample) { s.Card[field] = value }
}

func text(v any) string { s, _ := v.(string); return s }

// blot replaces the second character.
func blot(s string) string {
	r := []rune(s)
	r[min(1, len(r)-1)] = '●'
	return string(r)
}

// optional are the fields that real cards often lack.
var optional = []string{
	"departmentName", "title", "mobile", "tel", "fax", "postalCode", "address", "building", "url",
	"firstName", "lastNameReading", "firstNameReading", "companyName", "countryCode",
}

func blanks(r *rand.Rand, s *Sample) {
	for range 1 + r.IntN(4) {
		switch field := pick(r, optional); r.IntN(3) {
		case 0:
			s.Card[field] = nil
		case 1:
			s.Card[field] = ""
		default:
			delete(s.Card, field)
		}
	}
}

// HalfWidth writes katakana in half-width letters (半角カナ), a voiced mark as a letter of its own.
func HalfWidth(s string) string {
	return strings.NewReplacer("\u3099", "ﾞ", "\u309a", "ﾟ").Replace(width.Narrow.String(norm.NFD.String(s)))
}
