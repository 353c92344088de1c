package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/urfave/cli/v2"

	"sansansatori/plugins/pipelinefile"
	"sansansatori/plugins/report"
	"sansansatori/plugins/sheet"
)

// sheetCommand draws the requirements sheet (連携要件連絡書) of a pipeline.
func sheetCommand() *cli.Command {
	return &cli.Command{
		Name:      "sheet",
		Usage:     "Draw the requirements sheet (連携要件連絡書) of a pipeline as HTML for business users to sign; needs no keys",
		ArgsUsage: "CONFIG",
		Flags: append(pipelineFlags(),
			&cli.StringFlag{Name: "lang", Value: string(report.Japanese), Usage: "language: ja or en"},
			&cli.StringFlag{Name: "out", Usage: "write to `FILE` (default: print)"},
		),
		Action: func(c *cli.Context) error {
			path, err := onePipeline(c)
			if err != nil {
				return err
			}
			lang, err := report.ParseLang(c.String("lang"))
			if err != nil {
				return err
			}
			p, err := lintedPipeline(c, path)
			if err != nil {
				return err
			}
			drawn, err := sheet.Draw(c.Context, p)
			if err != nil {
				return fmt.Errorf("sheet: %w", err)
			}
			write := func(w io.Writer) error { return drawn.WriteHTML(w, lang, path, time.Now()) }
			if out := c.String("out"); out != "" {
				return writeWhole(out, write)
			}
			return write(c.App.Writer)
		},
	}
}

// lintedPipeline reads a pipeline without lints, and without demanding variables:
// neither service is called.
func lintedPipeline(c *cli.Context, path string) (*pipelinefile.Pipeline, error) {
	return pipelinefile.Load(c.Context, pipelinefile.Source{
		Path: path, Resources: c.StringSlice("resources"), Set: c.StringSlice("set"),
		Lookup: func(ctx context.Context, name string) (string, bool) {
			value, _ := lookupEnv(ctx, name)
			return value, true
		},
		Schema: service.GlobalEnvironment().FullConfigSchema(version, dateBuilt),
	})
}
