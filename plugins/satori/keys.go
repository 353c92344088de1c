package satori

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"sansansatori/plugins/apicall"
)

// Keys are what SATORI issues to a user and to its company. They travel as
// request parameters and must appear nowhere else: a Keys prints as "***".
type Keys struct{ UserKey, UserSecret, CompanyKey, CompanySecret string }

const hidden = "***"

// String hides the keys.
func (Keys) String() string { return hidden }

// GoString hides the keys from %#v.
func (Keys) GoString() string { return hidden }

// Format hides the keys from every other verb.
func (Keys) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hidden) }

// LogValue hides the keys from log/slog.
func (Keys) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the keys from encoders.
func (Keys) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// params are the keys by request parameter, without the line end that a key
// read from a file brings along.
func (k Keys) params() []param {
	return []param{
		{"user_key", strings.TrimSpace(k.UserKey)}, {"user_secret", strings.TrimSpace(k.UserSecret)},
		{"company_key", strings.TrimSpace(k.CompanyKey)}, {"company_secret", strings.TrimSpace(k.CompanySecret)},
	}
}

// shortKey: a shorter value is hidden only where it stands as a word. SATORI's
// keys have 32 characters; a test's "key" must not blacken every "keyword".
const shortKey = 8

var (
	addressASCII = regexp.MustCompile("(?i)[a-z0-9.!#$%&'*+/=?^_`{|}~\\-\uff01-\uff1f\uff21-\uff5e]+(?:[@\uff20]|%40)[a-z0-9.\\-\uff0d\uff0e\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]+")
	addressAny   = regexp.MustCompile("\\S*[@\uff20]\\S*")
)

// cleaner returns what takes keys and e-mail addresses out of SATORI's words
// and makes them fit for a line in a log: SATORI may repeat in an error what it
// was sent.
func cleaner(keys []param) func(string) string {
	var patterns, plain []string
	for _, k := range keys {
		for _, form := range []string{k.value, url.QueryEscape(k.value)} {
			pattern := regexp.QuoteMeta(form)
			if utf8.RuneCountInString(k.value) < shortKey {
				pattern = `\b` + pattern + `\b`
			}
			patterns, plain = append(patterns, pattern), append(plain, strings.ToLower(form))
		}
	}
	secret := regexp.MustCompile("(?i)" + strings.Join(patterns, "|"))
	scrub := func(s string) string {
		lower := strings.ToLower(s)
		if slices.ContainsFunc(plain, func(key string) bool { return strings.Contains(lower, key) }) {
			s = secret.ReplaceAllString(s, hidden)
		}
		if strings.ContainsAny(s, "@\uff20") || strings.Contains(s, "%40") {
			s = addressASCII.ReplaceAllString(s, hidden)
			s = addressAny.ReplaceAllString(s, hidden)
		}
		return s
	}
	return func(s string) string {
		// Before Say, which would cut a key in two at its length limit, and
		// after it, since Say takes out what may have stood between.
		return scrub(apicall.Say([]byte(scrub(s))))
	}
}
