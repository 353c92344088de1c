package preview

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/redpanda-data/benthos/v4/public/service"

	"sansansatori/plugins/report"
)

// gathering takes what the copy of the pipeline decides.
type gathering struct {
	mu      sync.Mutex
	report  *report.Report
	figures *figures
}

func (g *gathering) register(env *service.Environment) error {
	empty := service.NewConfigSpec()
	err := env.RegisterBatchOutput(journalName, empty, func(*service.ParsedConfig, *service.Resources) (service.BatchOutput, service.BatchPolicy, int, error) {
		return collector(g.decided), service.BatchPolicy{}, 64, nil
	})
	if err != nil {
		return err
	}
	err = env.RegisterBatchOutput(failureName, empty, func(*service.ParsedConfig, *service.Resources) (service.BatchOutput, service.BatchPolicy, int, error) {
		return collector(g.failed), service.BatchPolicy{}, 64, nil
	})
	if err != nil {
		return err
	}
	err = env.RegisterCache(cacheName, service.NewConfigSpec().Field(service.NewStringField("below")), newMemory)
	if err != nil {
		return err
	}
	return env.RegisterMetricsExporter(metricsName, empty, func(*service.ParsedConfig, *service.Logger) (service.MetricsExporter, error) {
		return g.figures, nil
	})
}

// collector is an output that hands each message to a function.
type collector func(*service.Message) error

func (collector) Connect(context.Context) error { return nil }
func (collector) Close(context.Context) error   { return nil }

func (c collector) WriteBatch(_ context.Context, batch service.MessageBatch) error {
	for _, m := range batch {
		if err := c(m); err != nil {
			return err
		}
	}
	return nil
}

// decided takes a line of the journal.
func (g *gathering) decided(m *service.Message) error {
	line, err := m.AsBytes()
	if err != nil {
		return fmt.Errorf("reading a decision: %w", err)
	}
	var e report.Entry
	if err := json.Unmarshal(line, &e); err != nil {
		return fmt.Errorf("reading a decision: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.report.Add(e)
	return nil
}

// What stands before the words of an error that kept a card from satori_output.
const (
	metaError     = "fallback_error"
	satoriError   = "satori: "
	mappingPrefix = "rejecting due to failed processing: "
)

// failed takes what would be a dead letter. satori_output has journaled its own
// failures; a card that could not be mapped never came that far.
func (g *gathering) failed(m *service.Message) error {
	text, ok := m.MetaGet(metaError)
	if !ok || strings.HasPrefix(text, satoriError) {
		return nil
	}
	e := report.Entry{Action: "failed", Reason: strings.TrimPrefix(text, mappingPrefix), DryRun: true}
	e.CardID, _ = m.MetaGet("sansan_card_id")
	if content, err := m.AsStructured(); err == nil {
		if fields, ok := content.(map[string]any); ok {
			e.Email, _ = fields["email"].(string)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.report.Add(e)
	return nil
}
