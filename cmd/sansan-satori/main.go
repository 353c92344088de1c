// Command sansan-satori is a distribution of Redpanda Connect that brings
// Sansan's business cards to SATORI.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"

	"sansansatori/plugins/oneshot"
)

// Set by the linker: -X main.version=... -X main.dateBuilt=...
var (
	version   = "dev"
	dateBuilt = "unknown"
)

// What is read ahead is bounded by count; its garbage may grow to twice of that,
// but only up to a soft limit. GOGC and GOMEMLIMIT override both.
const (
	garbagePercent = 200
	memoryLimit    = 310 << 20
)

// lastMoment is how long an orderly end may take once a run cannot go on.
const lastMoment = 5 * time.Second

func main() { os.Exit(run(os.Args)) }

func run(args []string) int {
	ownFilesOnly()
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-oneshot.Done():
		case <-ended:
			return
		}
		cancel()
		select {
		case <-time.After(lastMoment):
			fmt.Fprintln(os.Stderr, oneshot.Err())
			os.Exit(1)
		case <-ended:
		}
	}()
	code, err := service.RunCLIToCode(ctx, options(args)...)
	if stop := oneshot.Err(); stop != nil {
		fmt.Fprintln(os.Stderr, stop)
		return 1
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return code
}

// options are what makes Redpanda Connect's command line ours.
func options(args []string) []service.CLIOptFunc {
	env := service.GlobalEnvironment()
	schema := env.FullConfigSchema(version, dateBuilt)
	schema.SetFieldDefault(map[string]any{"@service": "sansan-satori"}, "logger", "static_fields")
	opts := []service.CLIOptFunc{
		service.CLIOptSetArgs(args...),
		service.CLIOptSetVersion(version, dateBuilt),
		service.CLIOptSetBinaryName("sansan-satori"),
		service.CLIOptSetProductName("sansan-satori"),
		service.CLIOptSetDocumentationURL("https://docs.redpanda.com/redpanda-connect"),
		service.CLIOptSetMainSchemaFrom(func() *service.ConfigSchema { return schema }),
		service.CLIOptSetDefaultConfigPaths("/sansan-satori.yaml", "/redpanda-connect.yaml"),
		service.CLIOptSetEnvVarLookup(lookupEnv),
	}
	for _, command := range commands() {
		opts = append(opts, service.CLIOptAddCommand(command))
	}
	return opts
}
