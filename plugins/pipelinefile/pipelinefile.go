// Package pipelinefile reads a pipeline's YAML as `run` does, with the
// environment and overrides filled in, for the commands that look at a pipeline
// or run a changed copy of it.
package pipelinefile

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"

	"github.com/redpanda-data/benthos/v4/public/service"
)

// Lookup finds an environment variable.
type Lookup func(ctx context.Context, name string) (string, bool)

// Source says what to read.
type Source struct {
	Path      string
	Resources []string // files, or patterns of files, with more resources
	Set       []string // path=value, as `run --set` takes it
	Lookup    Lookup
	Schema    *service.ConfigSchema // what it is linted against; nil: not at all
}

// Pipeline is a pipeline's configuration as JSON-like values.
type Pipeline struct {
	Path string
	Root map[string]any
}

// Load reads a pipeline. A missing variable or a lint is an error that says where.
func Load(ctx context.Context, src Source) (*Pipeline, error) {
	p := &Pipeline{Path: src.Path, Root: map[string]any{}}
	if err := src.read(ctx, src.Path, p.Root); err != nil {
		return nil, err
	}
	for _, pattern := range src.Resources {
		files, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fmt.Errorf("reading resources: %s: %w", pattern, err)
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("reading resources: no file is named %s", pattern)
		}
		for _, file := range files {
			more := map[string]any{}
			if err := src.read(ctx, file, more); err != nil {
				return nil, err
			}
			p.addResources(more)
		}
	}
	for _, set := range src.Set {
		path, text, ok := strings.Cut(set, "=")
		if !ok {
			return nil, fmt.Errorf("set: %q is not path=value", set)
		}
		value, err := parse([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("set: %s: %w", path, err)
		}
		if err := setPath(p.Root, strings.Split(path, "."), value); err != nil {
			return nil, fmt.Errorf("set: %s: %w", path, err)
		}
	}
	return p, nil
}

func (src Source) read(ctx context.Context, path string, into map[string]any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the pipeline: %w", err)
	}
	if src.Schema != nil {
		lints, err := src.Schema.NewStreamConfigLinter().SetEnvVarLookupFunc(src.Lookup).LintYAML(text)
		if err != nil {
			return fmt.Errorf("reading %s: %w", path, err)
		}
		if len(lints) > 0 {
			said := make([]string, len(lints))
			for i, l := range lints {
				said[i] = fmt.Sprintf("%s%s", path, l.Error())
			}
			return fmt.Errorf("%s", strings.Join(said, "\n"))
		}
	}
	filled, err := interpolate(ctx, text, src.Lookup)
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	value, err := parse(filled)
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	root, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("reading %s: it holds no pipeline", path)
	}
	for name, section := range root {
		into[name] = section
	}
	return nil
}

func (p *Pipeline) addResources(more map[string]any) {
	for name, section := range more {
		list, ok := section.([]any)
		if !ok || !strings.HasSuffix(name, "_resources") {
			continue
		}
		have, _ := p.Root[name].([]any)
		p.Root[name] = append(have, list...)
	}
}

// Components gives the configuration of every use of a component, wherever it
// stands, in a stable order.
func (p *Pipeline) Components(name string) []map[string]any {
	var found []map[string]any
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, key := range sortedKeys(v) {
				if conf, ok := v[key].(map[string]any); ok && key == name {
					found = append(found, conf)
					continue
				}
				walk(v[key])
			}
		case []any:
			for _, each := range v {
				walk(each)
			}
		}
	}
	for _, section := range sortedKeys(p.Root) {
		if section != "tests" {
			walk(p.Root[section])
		}
	}
	return found
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

var looksLikeVariable = regexp.MustCompile(`\$\{([0-9A-Za-z_.]+(?::[^}]*)?(?:\|[0-9A-Za-z]+)?)\}`)

// Marshal gives values as text a StreamBuilder reads: JSON is YAML. What looks
// like a variable was a value, and is escaped so that it stays one.
func Marshal(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	return looksLikeVariable.ReplaceAllString(string(text), "$${{$1}}"), nil
}
