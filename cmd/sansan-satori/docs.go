package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"sansansatori/plugins/reference"
)

// docsCommand writes the reference of our components from their own specs.
func docsCommand() *cli.Command {
	return &cli.Command{
		Name:      "docs",
		Usage:     "Write the reference of our components and Bloblang methods as Markdown",
		ArgsUsage: "DIR",
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return errors.New("docs: name one folder, such as docs/reference")
			}
			names, err := reference.Write(c.Args().First())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.App.Writer, "%d pages in %s\n", len(names), c.Args().First())
			return err
		},
	}
}
