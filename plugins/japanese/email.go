package japanese

import (
	"net/mail"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// MaxEmail is the longest e-mail address (メールアドレス) SATORI takes, in bytes.
const MaxEmail = 255

// maxLocalPart is the longest part before the @ (RFC 5321, 4.5.3.1.1).
const maxLocalPart = 64

// NormalizeEmail gives the one spelling of an e-mail address under which a
// customer is known: half-width, lower case, without invisible characters and
// surrounding space. What is no address stays as text: ValidEmail judges it.
func NormalizeEmail(s string) string {
	if isPlainEmail(s) {
		return s
	}
	// Twice: NFKC makes hyphens of its own out of superscripts and the like.
	s = strings.Map(emailRune, norm.NFKC.String(strings.Map(emailRune, s)))
	return strings.TrimSpace(s)
}

// lowerASCII leaves other letters alone: Unicode's lower case of İ is i, and a
// malformed address must not become another person's.
func lowerASCII(r rune) rune {
	if r >= 'A' && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

// isPlainEmail: nothing to do. Nearly all addresses end here.
func isPlainEmail(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || (c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return true
}

// emailRune drops what cannot be seen and mends what NFKC leaves alone.
func emailRune(r rune) rune {
	switch r {
	case '。', '｡': // typed with the Japanese keyboard's full stop
		return '.'
	case '\u2010', '\u2011', '\u2012', '\u2013', '\u2212': // hyphens and their look-alikes
		return '-'
	}
	if isInvisible(r) {
		return -1
	}
	return lowerASCII(r)
}

// isInvisible: zero-width characters, direction marks, the byte order mark and
// control characters other than white space. They come with copy and paste.
func isInvisible(r rune) bool {
	return unicode.Is(unicode.Cf, r) || (unicode.IsControl(r) && !unicode.IsSpace(r))
}

// ValidEmail says whether SATORI can hold a customer under this address: at
// most 255 characters, half-width, one @, no quoting, no dot at an end or twice
// in a row, a domain of at least two labels. The address is normalised already.
func ValidEmail(s string) bool {
	if len(s) > MaxEmail || !isPlainASCII(s) {
		return false
	}
	local, domain, found := strings.Cut(s, "@")
	if !found || local == "" || len(local) > maxLocalPart || strings.ContainsAny(local, `"(),:;<>[\]`) {
		return false
	}
	if !validDomain(domain) {
		return false
	}
	parsed, err := mail.ParseAddress(s)
	return err == nil && parsed.Name == "" && parsed.Address == s
}

func isPlainASCII(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

func validDomain(domain string) bool {
	labels := strings.Split(domain, ".")
	if len(labels) < 2 {
		return false
	}
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; c != '-' && !isASCIILetter(c) && !isDigit(c) {
				return false
			}
		}
	}
	// No top-level domain is a number: 192.168.0.1 is not a domain.
	last := labels[len(labels)-1]
	return len(last) >= 2 && isASCIILetter(last[0])
}

func isASCIILetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
