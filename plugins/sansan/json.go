package sansan

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// most brackets an answer may hold. What is nested deeper would need more stack
// than there is.
const mostBrackets = 300_000

// deepest is how deep JSON is read: far deeper than any card. What lies below is
// left out, for looking at it again at every level takes too long.
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
	if bytes.Count(body, []byte("{"))+bytes.Count(body, []byte("[")) > mostBrackets || !gjson.ValidBytes(body) {
		return nil, errNotJSON
	}
	return valueOf(gjson.ParseBytes(body), 0, 0), nil
}

// valueOf a part. size is about how many fields it has, if it is an object.
func valueOf(part gjson.Result, size, depth int) any {
	switch {
	case depth == deepest:
	case part.Type == gjson.String:
		return part.Str
	case part.Type == gjson.Number:
		return json.Number(part.Raw)
	case part.Type == gjson.True, part.Type == gjson.False:
		return part.Bool()
	case part.IsObject():
		object := make(map[string]any, size)
		part.ForEach(func(field, value gjson.Result) bool {
			object[field.Str] = valueOf(value, 0, depth+1)
			return true
		})
		return object
	case part.IsArray():
		list := []any{}
		part.ForEach(func(_, value gjson.Result) bool {
			v := valueOf(value, size, depth+1)
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
