package japanese

import (
	"strings"
	"unicode"
)

// NormalizePhone gives a phone number (電話番号) in half-width digits parted by
// hyphens, with its + if it has one. Whatever parts the digits on the card
// (hyphens of any kind, dots, spaces, brackets) becomes one hyphen; digits that
// are not parted stay so. What holds anything else (an unreadable ●, 内線 12, two
// numbers) is a person's to read: it is only put into NFKC and trimmed.
func NormalizePhone(s string) string {
	text := OneLine(NFKC(s))
	var b strings.Builder
	b.Grow(len(text))
	parted := false
	// +81 (0)3-…: the domestic 0, which is not dialled after a country code.
	number := text
	if strings.HasPrefix(number, "+") {
		number = strings.Replace(number, "(0)", " ", 1)
	}
	for _, r := range number {
		switch {
		case r >= '0' && r <= '9':
			if parted && b.Len() > 0 && b.String() != "+" {
				b.WriteByte('-')
			}
			b.WriteRune(r)
			parted = false
		case r == '+' && b.Len() == 0:
			b.WriteByte('+')
		case partsDigits(r):
			parted = true
		case isInvisible(r):
		default:
			return text
		}
	}
	if !strings.ContainsAny(b.String(), "0123456789") {
		return text
	}
	return b.String()
}

// partsDigits: hyphens and what stands for them on cards, brackets, dots, space.
func partsDigits(r rune) bool {
	switch r {
	case '-', '.', '(', ')', '[', ']', '·', '・',
		'ー', 'ㅡ', '─', '━', '−', '˗', '⁃':
		return true
	}
	return unicode.IsSpace(r) || (r >= '\u2010' && r <= '\u2015')
}
