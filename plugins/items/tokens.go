package items

import (
	"strconv"
	"strings"
)

// token of a Bloblang text, as far as finding items needs it. Comments and space
// are left out.
type token struct {
	kind tokenKind
	text string // of a string: its value
}

type tokenKind int

const (
	mark   tokenKind = iota // one character that is none of the others
	word                    // name, $variable, @metadata, number
	quoted                  // string
)

func (t token) is(text string) bool { return t.kind != quoted && t.text == text }

func tokensOf(text string) (tokens []token) {
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '#':
			i = endOf(text, i, "\n")
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			i++
		case strings.HasPrefix(text[i:], `"""`):
			end := endOf(text, i+3, `"""`)
			tokens = append(tokens, token{quoted, strings.TrimSuffix(text[i+3:end], `"""`)})
			i = end
		case c == '"':
			end := endOfString(text, i)
			value, err := strconv.Unquote(text[i:end])
			if err != nil {
				value = strings.Trim(text[i:end], `"`)
			}
			tokens = append(tokens, token{quoted, value})
			i = end
		case inWord(c):
			end := i + 1
			for end < len(text) && inWord(text[end]) {
				end++
			}
			tokens = append(tokens, token{word, text[i:end]})
			i = end
		default:
			tokens = append(tokens, token{mark, text[i : i+1]})
			i++
		}
	}
	return tokens
}

func inWord(c byte) bool {
	return c == '_' || c == '$' || c == '@' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// endOf gives the place after the next stop, or the end of the text.
func endOf(text string, from int, stop string) int {
	if i := strings.Index(text[from:], stop); i >= 0 {
		return from + i + len(stop)
	}
	return len(text)
}

func endOfString(text string, begin int) int {
	for i := begin + 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}
