package main

import "github.com/urfave/cli/v2"

// commands beside Redpanda Connect's own.
func commands() []*cli.Command {
	return []*cli.Command{
		trialCommand(),
		dryRunCommand(),
		reportCommand(),
		checkCommand(),
		statusCommand(),
		ledgerCommand(),
		healthyCommand(),
		docsCommand(),
		sheetCommand(),
		cardCommand(),
		sealCommand(),
	}
}
