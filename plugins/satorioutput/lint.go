package satorioutput

import (
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/redpanda-data/benthos/v4/public/bloblang"
	"github.com/redpanda-data/benthos/v4/public/service"

	"sansansatori/plugins/items"
)

const realHost = "api.satr.jp"

// lintMethod is the Bloblang method behind the output's lint rule: it looks at
// the whole configuration of the output, and at the files it names.
const lintMethod = "satori_output_lints"

func init() {
	// Before the spec is built: lint rules are parsed when a component is registered.
	bloblang.MustRegisterMethodV2(lintMethod,
		bloblang.NewPluginSpec().Description("Lints the configuration of a satori_output."),
		func(*bloblang.ParsedParams) (bloblang.Method, error) {
			return bloblang.ObjectMethod(func(conf map[string]any) (any, error) {
				return lintConfig(conf), nil
			}), nil
		})
	service.MustRegisterBatchOutput("satori_output", outputSpec(),
		func(p *service.ParsedConfig, res *service.Resources) (service.BatchOutput, service.BatchPolicy, int, error) {
			conf, err := configFromParsed(p)
			if err != nil {
				return nil, service.BatchPolicy{}, 0, err
			}
			inFlight, err := p.FieldMaxInFlight()
			if err != nil {
				return nil, service.BatchPolicy{}, 0, err
			}
			out, err := newOutput(conf, res)
			return out, service.BatchPolicy{}, inFlight, err
		})
}

// lintDurations complains about texts that are no durations: the engine would
// only do so at the start.
func lintDurations(conf map[string]any) (lints []any) {
	for _, field := range []string{soFieldLinger, soFieldPollInterval, soFieldJobTimeout, soFieldTimeout} {
		if text, ok := conf[field].(string); ok {
			if _, err := time.ParseDuration(text); err != nil {
				lints = append(lints, fmt.Sprintf("%s: %q is no duration, such as 90s or 10m", field, text))
			}
		}
	}
	return lints
}

func lintConfig(conf map[string]any) []any {
	fields, _ := conf[soFieldFields].(map[string]any)
	master, _ := conf[soFieldCustomItems].(string)
	overwrite, _ := conf[soFieldOverwrite].(string)
	lints := lintDurations(conf)
	for _, l := range items.Lint(fields, master, overwrite, os.ReadFile) {
		lints = append(lints, l)
	}
	if conf[soFieldAPI] == apiBulk && fields != nil && fields["collection_route"] == nil {
		lints = append(lints, `api: bulk needs a collection_route in every row: add "collection_route: writable" under fields and map it, or use api: auto`)
	}
	base, _ := conf[soFieldBaseURL].(string)
	if u, err := url.Parse(base); err == nil && u.Hostname() == realHost && u.Scheme != "https" {
		lints = append(lints, soFieldBaseURL+": the keys must not travel unencrypted: use https://"+realHost)
	}
	return lints
}
