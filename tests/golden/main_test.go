// Package golden holds the shipped pipeline to tables that people can read: what
// becomes of cards under every combination of conditions, and what lint says of
// broken configurations.
package golden

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/require"

	_ "github.com/redpanda-data/connect/v4/public/components/io"
	_ "github.com/redpanda-data/connect/v4/public/components/prometheus"
	_ "github.com/redpanda-data/connect/v4/public/components/pure"

	"sansansatori/plugins/oneshot"
	"sansansatori/plugins/pipelinefile"

	_ "sansansatori/plugins/all"
)

const shipped = "config/sync.yaml"

// inRoot says that the tests run in the repository's root. Bloblang notes the
// working directory when a process starts, so they run in a process of their own.
const inRoot = "SANSAN_SATORI_TEST_IN_ROOT"

func TestMain(m *testing.M) {
	if os.Getenv(inRoot) != "" {
		os.Exit(m.Run())
	}
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), inRoot+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run runs a pipeline in this process to its end.
func run(t *testing.T, p *pipelinefile.Pipeline) {
	t.Helper()
	p.Root["http"] = map[string]any{"enabled": false}
	p.Root["metrics"] = map[string]any{"none": map[string]any{}}
	text, err := pipelinefile.Marshal(p.Root)
	require.NoError(t, err)
	builder := service.NewStreamBuilder()
	builder.SetLogger(slog.New(slog.DiscardHandler))
	require.NoError(t, builder.SetYAML(text))
	stream, err := builder.Build()
	require.NoError(t, err)
	oneshot.Reset()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- stream.Run(ctx) }()
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-oneshot.Done():
		require.NoError(t, oneshot.Err())
	}
}
