package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// onePipeline gives the one pipeline a command is about. Flags may stand behind
// it as well, which urfave/cli does not read by itself.
func onePipeline(c *cli.Context) (string, error) {
	wrong := fmt.Errorf("%s: name one pipeline, such as %s", c.Command.Name, shippedPipeline)
	if c.NArg() == 0 {
		return "", wrong
	}
	rest := c.Args().Tail()
	for len(rest) > 0 {
		name, value, hasValue := strings.Cut(strings.TrimLeft(rest[0], "-"), "=")
		flag := flagOf(c.Command, name)
		if !strings.HasPrefix(rest[0], "-") {
			return "", wrong
		}
		if flag == nil {
			return "", fmt.Errorf("%s: there is no flag %s", c.Command.Name, rest[0])
		}
		rest = rest[1:]
		if _, isBool := flag.(*cli.BoolFlag); isBool && !hasValue {
			value, hasValue = "true", true
		}
		if !hasValue {
			if len(rest) == 0 {
				return "", fmt.Errorf("%s: --%s wants a value", c.Command.Name, name)
			}
			value, rest = rest[0], rest[1:]
		}
		if err := c.Set(flag.Names()[0], value); err != nil {
			return "", fmt.Errorf("%s: --%s: %w", c.Command.Name, name, err)
		}
	}
	return c.Args().First(), nil
}

func flagOf(command *cli.Command, name string) cli.Flag {
	for _, flag := range command.Flags {
		if slices.Contains(flag.Names(), name) {
			return flag
		}
	}
	return nil
}
