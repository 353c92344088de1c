package preview

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sansansatori/plugins/pipelinefile"
)

var (
	errNoInput  = errors.New("dry-run: the pipeline has no sansan_input: a dry run reads the cards as a run would, and nothing else can be read without being taken")
	errNoOutput = errors.New("dry-run: the pipeline has no satori_output: there is nothing to decide")
)

// without gives a copy of the pipeline that writes nothing: the cursor stays, the
// ledger is only read, caches are written in memory, every output but
// satori_output is replaced, and no server is started.
func without(p *pipelinefile.Pipeline) (map[string]any, error) {
	root := clone(p.Root).(map[string]any)
	h := &harmless{resources: labelled(root["output_resources"])}
	input, _ := root["input"].(map[string]any)
	if err := h.input(input); err != nil {
		return nil, err
	}
	for _, each := range list(root["input_resources"]) {
		if conf, ok := each.(map[string]any); ok {
			if err := h.input(conf); err != nil {
				return nil, err
			}
		}
	}
	if h.inputs == 0 {
		return nil, errNoInput
	}
	output, _ := root["output"].(map[string]any)
	tree, err := h.output(output)
	if err != nil {
		return nil, err
	}
	if h.outputs == 0 {
		return nil, errNoOutput
	}
	copied := map[string]any{
		"output": map[string]any{"fallback": []any{tree, failures()}},
		"output_resources": []any{map[string]any{
			"label": journalName, journalName: map[string]any{},
		}},
		"cache_resources": caches(root["cache_resources"]),
		"metrics":         map[string]any{metricsName: map[string]any{}},
		"http":            map[string]any{"enabled": false},
	}
	for _, section := range []string{"input", "pipeline", "input_resources", "processor_resources", "rate_limit_resources"} {
		if root[section] != nil {
			copied[section] = root[section]
		}
	}
	return copied, nil
}

type harmless struct {
	resources       map[string]map[string]any
	inputs, outputs int
	depth           int
}

// componentOf names the component of an input or output.
func componentOf(conf map[string]any) string {
	if name, ok := conf["type"].(string); ok {
		return name
	}
	for _, name := range slices.Sorted(maps.Keys(conf)) {
		if !slices.Contains([]string{"label", "processors", "description"}, name) {
			return name
		}
	}
	return ""
}

// input makes the sansan_inputs of a tree read only. Any other source is refused:
// reading a queue or a file takes from it, or moves its position.
func (h *harmless) input(conf map[string]any) error {
	name := componentOf(conf)
	switch name {
	case "sansan_input":
		fields, _ := conf[name].(map[string]any)
		fields["schedule"], fields["read_only_checkpoint"] = "once", true
		h.inputs++
		return nil
	case "broker":
		broker, _ := conf[name].(map[string]any)
		for _, each := range list(broker["inputs"]) {
			child, _ := each.(map[string]any)
			if err := h.input(child); err != nil {
				return err
			}
		}
		return nil
	case "resource":
		return nil // looked at where it is defined
	}
	return fmt.Errorf("%w (it reads from %q)", errNoInput, name)
}

// output keeps the way to satori_output and replaces all other ends.
func (h *harmless) output(conf map[string]any) (map[string]any, error) {
	if h.depth++; h.depth > 100 {
		return nil, errors.New("dry-run: output resources refer to each other in a circle")
	}
	defer func() { h.depth-- }()
	name := componentOf(conf)
	fields, _ := conf[name].(map[string]any)
	var err error
	switch name {
	case "satori_output":
		h.outputs++
		fields["dry_run"], fields["journal"] = true, journalName
		delete(fields, "limits") // it shows what a limit would stop
		return conf, nil
	case "fallback", "try":
		return conf, h.each(list(conf[name]), "")
	case "broker":
		return conf, h.each(list(fields["outputs"]), "")
	case "switch":
		return conf, h.each(list(fields["cases"]), "output")
	case "reject_errored":
		conf[name], err = h.output(fields)
		return conf, err
	case "drop_on":
		child, _ := fields["output"].(map[string]any)
		fields["output"], err = h.output(child)
		return conf, err
	case "retry": // a dry run does not try a refused customer again for ever
		child, _ := fields["output"].(map[string]any)
		child, err = h.output(child)
		if processors := list(conf["processors"]); len(processors) > 0 && err == nil {
			child["processors"] = append(processors, list(child["processors"])...)
		}
		return child, err
	case "resource":
		label, _ := conf[name].(string)
		if shared := h.resources[label]; shared != nil {
			copied := clone(shared).(map[string]any)
			delete(copied, "label")
			return h.output(copied)
		}
	}
	return failures(), nil
}

// each replaces the children of a list; key names where in its element a child
// stands.
func (h *harmless) each(children []any, key string) error {
	for i := range children {
		child, _ := children[i].(map[string]any)
		if key != "" {
			child, _ = child[key].(map[string]any)
		}
		replaced, err := h.output(child)
		if err != nil {
			return err
		}
		if key == "" {
			children[i] = replaced
		} else {
			children[i].(map[string]any)[key] = replaced
		}
	}
	return nil
}

func failures() map[string]any { return map[string]any{failureName: map[string]any{}} }

// caches lays memory over each cache.
func caches(resources any) []any {
	var both []any
	for _, each := range list(resources) {
		conf, ok := each.(map[string]any)
		if !ok {
			continue
		}
		label, _ := conf["label"].(string)
		below := "preview_below_" + strings.TrimLeft(label, "_")
		conf["label"] = below
		both = append(both, conf, map[string]any{"label": label, cacheName: map[string]any{"below": below}})
	}
	return both
}

func labelled(resources any) map[string]map[string]any {
	found := map[string]map[string]any{}
	for _, each := range list(resources) {
		if conf, ok := each.(map[string]any); ok {
			label, _ := conf["label"].(string)
			found[label] = conf
		}
	}
	return found
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, each := range v {
			m[key] = clone(each)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, each := range v {
			l[i] = clone(each)
		}
		return l
	}
	return v
}
