package ledgeroutput

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/redpanda-data/benthos/v4/public/bloblang"
	"github.com/redpanda-data/benthos/v4/public/service"

	"sansansatori/plugins/apicall"
	"sansansatori/plugins/items"
	"sansansatori/plugins/ledger"
)

// Field names, in the order of the spec.
const (
	loFieldFields       = "fields"
	loFieldLedger       = "ledger"
	loFieldLedgerDriver = "driver"
	loFieldLedgerDSN    = "dsn"
)

// patience is how passing trouble of the ledger is waited for.
var patience = apicall.Backoff{Initial: 500 * time.Millisecond, Max: 30 * time.Second}

// lintMethod is the Bloblang method behind the output's lint rule.
const lintMethod = "satori_ledger_lints"

func outputSpec() *service.ConfigSpec {
	return service.NewConfigSpec().
		Categories("Services").
		Summary("Fills the ledger with the customers that SATORI exported, so that the overwrite rule knows them. Writes nothing to SATORI.").
		Description(`
A message is one row of the export: an object with SATORI's item names as keys, as `+"`satori_export`"+` gives it. Of each row the readable items are kept, under a hash of its e-mail address; nothing else leaves the file.

An import replaces the readable items the ledger holds of a customer; blank cells make them blank. Which cards were written, and writes whose outcome is open, stay. Of two rows of one e-mail the later holds. Import a fresh export while no link runs: what a link wrote after the export was made would be forgotten until its cards change again.

A row without an e-mail address, or with a malformed one, fails alone with its line. Wrap the output in `+"`fallback`"+` to collect these; a row that fails without one is tried again for ever.
`).
		Fields(
			service.NewStringMapField(loFieldFields).Description("連携種別 of each item, as in the `satori_output` of the link: the readable ones are kept.").
				Example(map[string]any{"custom:exchange_date": "readable_writable", "status": "readable"}),
			service.NewObjectField(loFieldLedger,
				service.NewStringEnumField(loFieldLedgerDriver, ledger.DriverSQLite, ledger.DriverPostgres).Description("As in the link's `satori_output`.").Default(ledger.DriverSQLite),
				service.NewStringField(loFieldLedgerDSN).Description("A file path, or a PostgreSQL URL.").Secret().Default("./data/ledger.db"),
			).Description("The link's ledger."),
			service.NewOutputMaxInFlightField().Default(1).Advanced(),
		).
		LintRule("root = this." + lintMethod + "()")
}

func init() {
	// Before the spec is built: lint rules are parsed when a component is registered.
	bloblang.MustRegisterMethodV2(lintMethod,
		bloblang.NewPluginSpec().Description("Lints the configuration of a satori_ledger."),
		func(*bloblang.ParsedParams) (bloblang.Method, error) {
			return bloblang.ObjectMethod(func(conf map[string]any) (any, error) {
				fields, _ := conf[loFieldFields].(map[string]any)
				lints := []any{}
				for _, l := range lintFields(fields) {
					lints = append(lints, l)
				}
				return lints, nil
			}), nil
		})
	service.MustRegisterBatchOutput("satori_ledger", outputSpec(),
		func(p *service.ParsedConfig, res *service.Resources) (service.BatchOutput, service.BatchPolicy, int, error) {
			conf, err := configFromParsed(p)
			if err != nil {
				return nil, service.BatchPolicy{}, 0, err
			}
			inFlight, err := p.FieldMaxInFlight()
			if err != nil {
				return nil, service.BatchPolicy{}, 0, err
			}
			// A constructor has no context; opening a file does not wait.
			out, err := newOutput(context.Background(), conf, res)
			return out, service.BatchPolicy{}, inFlight, err
		})
}

func lintFields(fields map[string]any) []string {
	return items.Lint(fields, "", "", os.ReadFile)
}

type config struct {
	readable []string // item names, sorted
	ledger   ledger.Config
	backoff  apicall.Backoff
}

func configFromParsed(p *service.ParsedConfig) (c config, err error) {
	fields, err := p.FieldStringMap(loFieldFields)
	if err != nil {
		return
	}
	asAny := make(map[string]any, len(fields))
	links := make(items.Links, len(fields))
	for name, kind := range fields {
		asAny[name], links[name] = kind, items.Kind(kind)
	}
	if lints := lintFields(asAny); len(lints) > 0 {
		err = errors.New(lints[0])
		return
	}
	for _, name := range slices.Sorted(maps.Keys(links)) {
		if links.Readable(name) {
			c.readable = append(c.readable, name)
		}
	}
	l := p.Namespace(loFieldLedger)
	if c.ledger.Driver, err = l.FieldString(loFieldLedgerDriver); err != nil {
		return
	}
	if c.ledger.DSN, err = l.FieldString(loFieldLedgerDSN); err != nil {
		return
	}
	c.backoff = patience
	return
}
