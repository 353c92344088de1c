package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/urfave/cli/v2"

	"sansansatori/plugins/japanese"
	"sansansatori/plugins/ledger"
	"sansansatori/plugins/pipelinefile"
)

// ledgerCommand looks into the ledger and erases people, beside a running link.
func ledgerCommand() *cli.Command {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "config", Usage: "the pipeline whose ledger is meant (default: config/sync.yaml if it is there, else DATA_DIR/ledger.db)"},
		&cli.StringFlag{Name: "driver", Value: ledger.DriverSQLite, Usage: "with --dsn: sqlite or postgres"},
		&cli.StringFlag{Name: "dsn", Usage: "the ledger itself: a file, or a PostgreSQL URL"},
	}
	return &cli.Command{
		Name:  "ledger",
		Usage: "Look at what SATORI is known to hold, or erase one person; also while the link runs",
		Subcommands: []*cli.Command{
			{Name: "stats", Usage: "count", Flags: flags, Action: withLedger(true, ledgerStats)},
			{Name: "show", Usage: "show what is known of one customer", Flags: append([]cli.Flag{emailFlag()}, flags...), Action: withLedger(true, ledgerShow)},
			ledgerBackupCommand(flags),
			ledgerEraseCommand(flags),
		},
	}
}

func emailFlag() cli.Flag {
	return &cli.StringFlag{Name: "email", Required: true, Usage: "the customer's e-mail address"}
}

func withLedger(readOnly bool, do func(*cli.Context, ledger.Store) error) cli.ActionFunc {
	return func(c *cli.Context) (err error) {
		conf, err := ledgerOf(c)
		if err != nil {
			return err
		}
		conf.ReadOnly = readOnly
		store, err := ledger.OpenBeside(c.Context, conf)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		return do(c, store)
	}
}

const shippedPipeline = "config/sync.yaml"

// ledgerOf says which ledger is meant. Keys need not be set for it.
func ledgerOf(c *cli.Context) (ledger.Config, error) {
	if dsn := c.String("dsn"); dsn != "" {
		return ledger.Config{Driver: c.String("driver"), DSN: dsn}, nil
	}
	path := c.String("config")
	if path == "" {
		if _, err := os.Stat(shippedPipeline); err != nil {
			return ledger.Config{Driver: ledger.DriverSQLite, DSN: filepath.Join(dataDir(), "ledger.db")}, nil
		}
		path = shippedPipeline
	}
	p, err := keyless(c.Context, path)
	if err != nil {
		return ledger.Config{}, err
	}
	return ledgerIn(p)
}

// keyless reads a pipeline without demanding its variables, for commands that
// call neither service.
func keyless(ctx context.Context, path string) (*pipelinefile.Pipeline, error) {
	return pipelinefile.Load(ctx, pipelinefile.Source{
		Path: path,
		Lookup: func(ctx context.Context, name string) (string, bool) {
			value, _ := lookupEnv(ctx, name)
			return value, true
		},
	})
}

func ledgerIn(p *pipelinefile.Pipeline) (ledger.Config, error) {
	for _, name := range []string{"satori_output", "satori_ledger"} {
		for _, conf := range p.Components(name) {
			f, err := pipelinefile.OutputFields(service.GlobalEnvironment(), name, conf)
			if err != nil {
				return ledger.Config{}, err
			}
			return ledger.Config{Driver: f.Text("ledger.driver"), DSN: f.Text("ledger.dsn")}, nil
		}
	}
	return ledger.Config{}, fmt.Errorf("%s has no satori_output, hence no ledger", p.Path)
}

func ledgerStats(c *cli.Context, store ledger.Store) error {
	stats, err := store.Stats(c.Context)
	if err != nil {
		return err
	}
	return printJSON(c, stats)
}

// keyOf normalises an address as satori_output does.
func keyOf(c *cli.Context) (ledger.Key, error) {
	email := japanese.NormalizeEmail(c.String("email"))
	if !japanese.ValidEmail(email) {
		return "", errors.New("email: this is no e-mail address")
	}
	return ledger.KeyOf(email), nil
}

func ledgerShow(c *cli.Context, store ledger.Store) error {
	key, err := keyOf(c)
	if err != nil {
		return err
	}
	found, err := store.Load(c.Context, []ledger.Key{key})
	if err != nil {
		return err
	}
	customer := found[key]
	if customer == nil {
		return errors.New("the ledger does not know this customer: the link neither wrote it nor imported it")
	}
	shown := struct {
		Known bool           `json:"confirmed_by_satori"`
		Held  ledger.Values  `json:"readable_items"`
		Cards []string       `json:"cards_written"`
		Open  *ledger.Intent `json:"open_write,omitempty"`
	}{customer.Known, customer.Held, []string{}, customer.Open}
	for id := range customer.Applied {
		shown.Cards = append(shown.Cards, id)
	}
	slices.Sort(shown.Cards)
	return printJSON(c, shown)
}

func printJSON(c *cli.Context, v any) error {
	out := json.NewEncoder(c.App.Writer)
	out.SetIndent("", "  ")
	return out.Encode(v)
}
