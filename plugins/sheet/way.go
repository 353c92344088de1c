// Package sheet looks at a pipeline through what it does: it leads cards through
// the pipeline's own processors, draws the requirements sheet (連携要件連絡書) from
// what becomes of probe cards, and explains single cards.
package sheet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"

	"sansansatori/plugins/pipelinefile"
)

var (
	errNoInput  = errors.New("the pipeline has no sansan_input: there are no cards to lead through it")
	errNoOutput = errors.New("the pipeline has no satori_output: there is nothing to agree on")
)

// Way is one way of a card: a sansan_input, the processors behind it, and a
// satori_output.
type Way struct {
	Label      string         // of the input, or its place
	Input      map[string]any // of the sansan_input
	Output     map[string]any // of the satori_output
	processors []any
	pipeline   *pipelinefile.Pipeline
}

// Ways finds each sansan_input's way to the first satori_output.
func Ways(p *pipelinefile.Pipeline) ([]Way, error) {
	var inputs, outputs []end
	find(p.Root["input"], "sansan_input", labelled(p.Root["input_resources"]), nil, true, &inputs)
	find(p.Root["output"], "satori_output", labelled(p.Root["output_resources"]), nil, false, &outputs)
	if len(inputs) == 0 {
		return nil, errNoInput
	}
	if len(outputs) == 0 {
		return nil, errNoOutput
	}
	section, _ := p.Root["pipeline"].(map[string]any)
	middle, _ := section["processors"].([]any)
	ways := make([]Way, len(inputs))
	for i, in := range inputs {
		ways[i] = Way{
			Label: cmp.Or(in.label, fmt.Sprintf("sansan_input %d", i+1)),
			Input: in.conf, Output: outputs[0].conf, pipeline: p,
			processors: slices.Concat(in.processors, middle, outputs[0].processors),
		}
	}
	return ways, nil
}

// end is a component at one end of a pipeline.
type end struct {
	label      string
	conf       map[string]any
	processors []any
}

// find goes through a tree of inputs or outputs and gathers the processors on
// the way: inner ones come first at an input and last at an output.
func find(node any, name string, resources map[string]any, outer []any, inward bool, found *[]end) {
	if len(outer) > 1000 {
		return // resources that refer to each other in a circle
	}
	switch node := node.(type) {
	case []any:
		for _, each := range node {
			find(each, name, resources, outer, inward, found)
		}
	case map[string]any:
		own, _ := node["processors"].([]any)
		if inward {
			own = slices.Concat(own, outer)
		} else {
			own = slices.Concat(outer, own)
		}
		if conf, ok := node[name].(map[string]any); ok {
			label, _ := node["label"].(string)
			*found = append(*found, end{label, conf, own})
			return
		}
		if label, ok := node["resource"].(string); ok && resources[label] != nil {
			rest := maps.Clone(resources)
			delete(rest, label)
			find(resources[label], name, rest, own, inward, found)
		}
		for _, key := range slices.Sorted(maps.Keys(node)) {
			if key != "processors" && key != "label" {
				find(node[key], name, resources, own, inward, found)
			}
		}
	}
}

func labelled(resources any) map[string]any {
	found := map[string]any{}
	list, _ := resources.([]any)
	for _, each := range list {
		if conf, ok := each.(map[string]any); ok {
			label, _ := conf["label"].(string)
			found[label] = conf
		}
	}
	return found
}

// Customer is what a card became at the end of the processors.
type Customer struct {
	Message *service.Message
	Items   map[string]any // nil when it is no object
	Err     error          // a processor failed
}

// outward are processors that call or wait for something outside, or remember cards: thousands of
// probes must not, and a look must not write.
var outward = []string{
	"command", "crash", "dedupe", "http", "nats_kv", "nats_request_reply", "rate_limit", "redis", "redis_script", "redpanda_data_transform",
	"schema_registry_decode", "schema_registry_encode", "sleep", "sql", "sql_insert", "sql_raw", "sql_select", "subprocess",
}

// inward copies processors with none in the place of outward ones, and notes
// their names.
func inward(v any, note func(string)) any {
	switch v := v.(type) {
	case map[string]any:
		copied := make(map[string]any, len(v))
		for key, value := range v {
			if conf, ok := value.(map[string]any); slices.Contains(outward, key) && (ok && len(conf) > 0 || key == "sleep") {
				if note != nil {
					note(key)
				}
				key, value = "noop", map[string]any{}
			}
			copied[key] = inward(value, note)
		}
		return copied
	case []any:
		copied := make([]any, len(v))
		for i, each := range v {
			copied[i] = inward(each, note)
		}
		return copied
	}
	return v
}

// LeftOut names the processors that are not run, since they reach outside.
func (w Way) LeftOut() (names []string) {
	note := func(name string) { names = append(names, name) }
	inward(w.processors, note)
	inward(w.pipeline.Root["processor_resources"], note)
	slices.Sort(names)
	return slices.Compact(names)
}

// Card as it enters a pipeline.
type Card struct {
	ID, Updated string
	Content     any
}

// Lead leads cards one by one through the processors of the way, and gives what
// each became: usually one customer, none when it was filtered out. Caches are
// empty ones in memory, so that none is changed.
func (w Way) Lead(ctx context.Context, cards []Card) (_ [][]Customer, err error) {
	builder := service.GlobalEnvironment().NewStreamBuilder()
	builder.DisableLinting() // the pipeline itself was linted when it was read
	builder.SetThreads(1)
	builder.SetLogger(slog.New(slog.DiscardHandler)) // errors stay with their customers
	handling, _ := w.pipeline.Root["error_handling"].(map[string]any)
	strict, _ := handling["strict"].(bool)
	builder.SetStrict(strict)
	if err := builder.SetMetricsYAML("none: {}"); err != nil {
		return nil, err
	}
	if err := w.build(builder); err != nil {
		return nil, fmt.Errorf("reading the processors: %w", err)
	}
	produce, err := builder.AddBatchProducerFunc()
	if err != nil {
		return nil, err
	}
	var became []Customer // of the card in hand: it is acknowledged before the next
	err = builder.AddBatchConsumerFunc(func(_ context.Context, batch service.MessageBatch) error {
		for _, m := range batch {
			c := Customer{Message: m.DeepCopy(), Err: m.GetError()}
			if content, err := c.Message.AsStructuredMut(); err == nil {
				c.Items, _ = content.(map[string]any)
			}
			became = append(became, c)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	stream, err := builder.Build()
	if err != nil {
		return nil, fmt.Errorf("reading the processors: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	var runErr error
	go func() {
		defer close(ended)
		runErr = stream.Run(ctx)
		cancel()
	}()
	defer func() {
		_ = stream.StopWithin(time.Second)
		cancel()
		<-ended
	}()
	all := make([][]Customer, len(cards))
	for i, card := range cards {
		became = nil
		m := service.NewMessage(nil)
		m.SetStructured(card.Content)
		m.MetaSetMut("sansan_card_id", card.ID)
		m.MetaSetMut("sansan_updated_time", card.Updated)
		if err := produce(ctx, service.MessageBatch{m}); err != nil {
			if ctx.Err() != nil {
				<-ended
				return nil, fmt.Errorf("reading the processors: %w", cmp.Or(runErr, err))
			}
			became = []Customer{{Err: err}}
		}
		all[i] = became
	}
	return all, nil
}

func (w Way) build(builder *service.StreamBuilder) error {
	resources := map[string]any{}
	for _, section := range []string{"processor_resources", "rate_limit_resources"} {
		if list, ok := w.pipeline.Root[section].([]any); ok {
			resources[section] = inward(list, nil)
		}
	}
	var caches []any
	for label := range labelled(w.pipeline.Root["cache_resources"]) {
		caches = append(caches, map[string]any{"label": label, "memory": map[string]any{}})
	}
	if caches != nil {
		resources["cache_resources"] = caches
	}
	if len(resources) > 0 {
		text, err := pipelinefile.Marshal(resources)
		if err != nil {
			return err
		}
		if err := builder.AddResourcesYAML(text); err != nil {
			return err
		}
	}
	for _, processor := range w.processors {
		text, err := pipelinefile.Marshal(inward(processor, nil))
		if err != nil {
			return err
		}
		if err := builder.AddProcessorYAML(text); err != nil {
			return err
		}
	}
	return nil
}
