package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"sansansatori/plugins/report"
	"sansansatori/plugins/sansan"
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
			card, err := cardAskedFor(c, way)
			if err != nil {
				return err
			}
			explained, err := sheet.Explain(c.Context, way, card)
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

func cardAskedFor(c *cli.Context, way sheet.Way) (sansan.Card, error) {
	file := c.String("file")
	if file == "" {
		return way.Fetch(c.Context, c.String("id"))
	}
	var body []byte
	var err error
	if file == "-" {
		body, err = io.ReadAll(os.Stdin)
	} else {
		body, err = os.ReadFile(file)
	}
	if err != nil {
		return sansan.Card{}, fmt.Errorf("reading the card: %w", err)
	}
	card, err := sansan.ParseCard(body)
	if err != nil {
		return card, fmt.Errorf("reading the card: it is not a JSON object (%w)", err)
	}
	return card, nil
}
