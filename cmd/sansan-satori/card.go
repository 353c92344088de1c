package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"sansansatori/plugins/report"
	"sansansatori/plugins/sheet"
)

// cardCommand shows what becomes of one card, and why.
func cardCommand() *cli.Command {
	return &cli.Command{
		Name:      "card",
		Usage:     "Show the customer that one card becomes, and what the overwrite rule says by the ledger; nothing is written",
		ArgsUsage: "CONFIG",
		Flags: append(pipelineFlags(),
			&cli.StringFlag{Name: "file", Usage: "`FILE` with the card's JSON; - is standard input"},
			&cli.StringFlag{Name: "id", Usage: "ask Sansan for the card with this id, by the pipeline's key"},
			&cli.StringFlag{Name: "input", Usage: "`LABEL` of the sansan_input to come from (default: the first)"},
			&cli.StringFlag{Name: "lang", Value: string(report.Japanese), Usage: "language: ja or en"},
			&cli.BoolFlag{Name: "json", Usage: "print JSON"},
		),
		Action: func(c *cli.Context) error {
			path, err := onePipeline(c)
			if err != nil {
				return err
			}
			if (c.String("file") == "") == (c.String("id") == "") {
				return errors.New("card: give either --file card.json or --id CARD_ID")
			}
			lang, err := report.ParseLang(c.String("lang"))
			if err != nil {
				return err
			}
			p, err := lintedPipeline(c, path)
			if err != nil {
				return err
			}
			way, err := sheet.Pick(p, c.String("input"))
			if err != nil {
				return fmt.Errorf("card: %w", err)
			}
			body, err := cardBody(c, way)
			if err != nil {
				return err
			}
			explained, err := sheet.Explain(c.Context, way, body)
			if err != nil {
				return fmt.Errorf("card: %w", err)
			}
			if c.Bool("json") {
				return printJSON(c, explained)
			}
			return explained.WriteText(c.App.Writer, lang)
		},
	}
}

func cardBody(c *cli.Context, way sheet.Way) ([]byte, error) {
	switch file := c.String("file"); file {
	case "":
		return way.Fetch(c.Context, c.String("id"))
	case "-":
		return io.ReadAll(os.Stdin)
	default:
		body, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading the card: %w", err)
		}
		return body, nil
	}
}
