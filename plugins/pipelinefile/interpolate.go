package pipelinefile

import (
	"context"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
)

// variable is ${NAME}, ${NAME:default} and either with |base64decode, as Redpanda
// Connect reads them; a default may hold one variable that is left as it is.
var (
	variable = regexp.MustCompile(`\$\{([0-9A-Za-z_.]+)(:((?:\$\{[^}]+\}|[^}])*?))?(\|[0-9A-Za-z]+)?\}`)
	escaped  = regexp.MustCompile(`\$\{(\{[0-9A-Za-z_.]+(?::(?:\$\{[^}]+\}|[^}])*)?\})\}`)
)

// interpolate fills in the environment. An unset variable without a default is
// an error that names it.
func interpolate(ctx context.Context, text []byte, lookup Lookup) ([]byte, error) {
	var missing []string
	var failure error
	text = variable.ReplaceAllFunc(text, func(match []byte) []byte {
		parts := variable.FindSubmatch(match)
		name := string(parts[1])
		value, ok := lookup(ctx, name)
		switch {
		case parts[2] == nil && !ok:
			missing = append(missing, name)
		case parts[2] != nil && value == "":
			value = string(parts[3])
		}
		switch string(parts[4]) {
		case "":
		case "|base64decode":
			decoded, err := base64.StdEncoding.DecodeString(value)
			if err != nil {
				failure = fmt.Errorf("%s is not base64", name)
			}
			value = string(decoded)
		default:
			failure = fmt.Errorf("${%s%s}: there is no such function", name, parts[4])
		}
		return []byte(strings.ReplaceAll(value, "\n", `\n`))
	})
	if len(missing) > 0 {
		return nil, fmt.Errorf("required environment variables were not set: %v", missing)
	}
	return escaped.ReplaceAll(text, []byte("$$$1")), failure
}
