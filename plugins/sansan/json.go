package sansan

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// deepest is how deep JSON may be nested: far deeper than any card.
const deepest = 100

var errNotJSON = errors.New("not JSON")

// parse reads JSON of which nothing is taken for granted into maps, lists,
// strings, bools and json.Number, which keeps every digit. It is read once:
// cards go through the pipeline in this form. encoding/json takes twice the time
// and the memory for it.
func parse(body []byte) (any, error) {
	if !utf8.Valid(body) {
		body = bytes.ToValidUTF8(body, []byte("\uFFFD"))
	}
	if deeper(body, deepest) || !gjson.ValidBytes(body) {
		return nil, errNotJSON
	}
	return valueOf(gjson.ParseBytes(body), 0), nil
}

// valueOf a part. size is about how many fields it has, if it is an object.
func valueOf(part gjson.Result, size int) any {
	switch {
	case part.Type == gjson.String:
		return part.Str
	case part.Type == gjson.Number:
		return json.Number(part.Raw)
	case part.Type == gjson.True, part.Type == gjson.False:
		return part.Bool()
	case part.IsObject():
		object := make(map[string]any, size)
		part.ForEach(func(field, value gjson.Result) bool {
			object[field.Str] = valueOf(value, 0)
			return true
		})
		return object
	case part.IsArray():
		list := []any{}
		part.ForEach(func(_, value gjson.Result) bool {
			v := valueOf(value, size)
			if object, ok := v.(map[string]any); ok {
				size = len(object) // the next one is of its kind
			}
			list = append(list, v)
			return true
		})
		return list
	}
	return nil
}

// deeper: is it nested deeper than allowed?
func deeper(body []byte, most int) bool {
	depth, inString := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > most {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}
