// Package preview runs a pipeline of the user's as a dry run: the same input,
// rules and decisions, with nothing written anywhere.
package preview

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"

	"sansansatori/plugins/oneshot"
	"sansansatori/plugins/pipelinefile"
	"sansansatori/plugins/report"
)

// Names of our components in the changed copy of the pipeline.
const (
	journalName = "preview_journal"
	failureName = "preview_failures"
	cacheName   = "preview_memory"
	metricsName = "preview_metrics"
)

// lastMoment is what an orderly end may take once the run cannot go on.
const lastMoment = 5 * time.Second

// Options of a dry run.
type Options struct {
	Rows bool         // keep each decision, for HTML
	Log  slog.Handler // takes warnings and errors
}

// Result of a dry run. Warnings say where the real run would stop.
type Result struct {
	Report   *report.Report
	Warnings []string
}

// Run runs a changed copy of the pipeline to its end. It gives the reason when
// the run cannot go on.
func Run(ctx context.Context, p *pipelinefile.Pipeline, opts Options) (*Result, error) {
	gathered := &gathering{report: report.New(opts.Rows), figures: newFigures()}
	stream, env, err := build(p, opts.Log, gathered)
	if err != nil {
		return nil, err
	}
	links, err := linksOf(env, p)
	if err != nil {
		return nil, err
	}
	if err := run(ctx, stream); err != nil {
		return nil, err
	}
	gathered.report.SetPreview()
	gathered.report.SetCost(links.cost(gathered.figures))
	return &Result{Report: gathered.report, Warnings: links.warnings(gathered.report)}, nil
}

// Stream gives the changed copy without running it, for those who test its
// connections or look into its caches.
func Stream(p *pipelinefile.Pipeline, log slog.Handler) (*service.Stream, error) {
	stream, _, err := build(p, log, &gathering{report: report.New(false), figures: newFigures()})
	return stream, err
}

func build(p *pipelinefile.Pipeline, log slog.Handler, gathered *gathering) (*service.Stream, *service.Environment, error) {
	harmless, err := without(p)
	if err != nil {
		return nil, nil, err
	}
	text, err := pipelinefile.Marshal(harmless)
	if err != nil {
		return nil, nil, fmt.Errorf("preparing the dry run: %w", err)
	}
	env := service.GlobalEnvironment().Clone()
	if err := gathered.register(env); err != nil {
		return nil, nil, fmt.Errorf("preparing the dry run: %w", err)
	}
	builder := env.NewStreamBuilder()
	builder.DisableLinting() // the pipeline itself was linted when it was read
	builder.SetStrict(strict(p))
	builder.SetLogger(slog.New(newSaidOnce(log)))
	if err := builder.SetYAML(text); err != nil {
		return nil, nil, fmt.Errorf("preparing the dry run: %w", err)
	}
	stream, err := builder.Build()
	if err != nil {
		return nil, nil, fmt.Errorf("preparing the dry run: %w", err)
	}
	return stream, env, nil
}

func run(ctx context.Context, stream *service.Stream) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- stream.Run(ctx) }()
	select {
	case err = <-ended:
	case <-oneshot.Done():
		_ = stream.StopWithin(lastMoment)
		cancel()
		<-ended
	}
	if cause := oneshot.Err(); cause != nil {
		return cause
	}
	if err != nil {
		_ = stream.StopWithin(lastMoment)
		return fmt.Errorf("running the dry run: %w", err)
	}
	return nil
}

// strict: error_handling.strict changes what becomes of cards that cannot be
// mapped.
func strict(p *pipelinefile.Pipeline) bool {
	handling, _ := p.Root["error_handling"].(map[string]any)
	strict, _ := handling["strict"].(bool)
	return strict
}
