package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/urfave/cli/v2"

	"sansansatori/plugins/pipelinefile"
	"sansansatori/plugins/preview"
	"sansansatori/plugins/report"
)

// dryRunCommand says what a run would do, with nothing written anywhere.
func dryRunCommand() *cli.Command {
	return &cli.Command{
		Name:      "dry-run",
		Usage:     "Say what a run of a pipeline would do: counts, a report for acceptance; nothing is written anywhere",
		ArgsUsage: "CONFIG",
		Flags:     append(pipelineFlags(), outputFlags()...),
		Action: func(c *cli.Context) error {
			path, err := onePipeline(c)
			if err != nil {
				return err
			}
			lang, err := report.ParseLang(c.String("lang"))
			if err != nil {
				return err
			}
			p, err := pipelineOf(c, path)
			if err != nil {
				return err
			}
			return dryRun(c, p, lang)
		},
	}
}

func dryRun(c *cli.Context, p *pipelinefile.Pipeline, lang report.Lang) error {
	result, err := preview.Run(c.Context, p, preview.Options{
		Rows: c.String("html") != "",
		Log:  slog.NewTextHandler(c.App.ErrWriter, &slog.HandlerOptions{Level: slog.LevelWarn}),
	})
	if err != nil {
		return err
	}
	for _, warning := range result.Warnings {
		fmt.Fprintln(c.App.ErrWriter, "Warning:", warning)
	}
	return hand(c, result.Report, lang, p.Path)
}

// pipelineFlags are those by which `run` too is told what to read.
func pipelineFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "set", Usage: "override a field, path=value, as in run --set"},
		&cli.StringSliceFlag{Name: "resources", Aliases: []string{"r"}, Usage: "`FILE` or pattern of files with more resources"},
	}
}

// outputFlags say where a report goes.
func outputFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "html", Usage: "write the report for a browser to `FILE`"},
		&cli.StringFlag{Name: "lang", Value: string(report.Japanese), Usage: "language of the report: ja or en"},
		&cli.BoolFlag{Name: "json", Usage: "print the figures as JSON"},
	}
}

func pipelineOf(c *cli.Context, path string) (*pipelinefile.Pipeline, error) {
	return pipelinefile.Load(c.Context, pipelinefile.Source{
		Path: path, Resources: c.StringSlice("resources"), Set: c.StringSlice("set"),
		Lookup: lookupEnv, Schema: service.GlobalEnvironment().FullConfigSchema(version, dateBuilt),
	})
}

// hand prints a report's figures and writes its page where one is wanted.
func hand(c *cli.Context, r *report.Report, lang report.Lang, source string) error {
	if path := c.String("html"); path != "" {
		err := writeWhole(path, func(w io.Writer) error { return r.WriteHTML(w, lang, source, time.Now()) })
		if err != nil {
			return err
		}
	}
	if !c.Bool("json") {
		_, err := fmt.Fprint(c.App.Writer, r.Text(lang))
		return err
	}
	out := json.NewEncoder(c.App.Writer)
	out.SetIndent("", "  ")
	return out.Encode(r)
}

// writeWhole writes a file that only its owner may read, whole or not at all.
func writeWhole(path string, write func(io.Writer) error) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	defer func() {
		if err != nil {
			_ = file.Close()
			_ = os.Remove(file.Name())
		}
	}()
	if err = write(file); err != nil {
		return err
	}
	if err = file.Close(); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err = os.Rename(file.Name(), path); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
