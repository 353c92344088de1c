package pipelinefile

import (
	"errors"
	"fmt"
	"strconv"

	"gopkg.in/yaml.v3"
)

// parse reads YAML into maps, lists and scalars. Unlike yaml's own decoding it
// leaves dates as the text they are.
func parse(text []byte) (any, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	return valueOf(doc.Content[0], 0)
}

const deepest = 1000 // aliases may form a loop

func valueOf(n *yaml.Node, depth int) (any, error) {
	if depth > deepest {
		return nil, errors.New("it is nested too deep")
	}
	switch n.Kind {
	case yaml.AliasNode:
		return valueOf(n.Alias, depth+1)
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, each := range n.Content {
			var err error
			if list[i], err = valueOf(each, depth+1); err != nil {
				return nil, err
			}
		}
		return list, nil
	case yaml.MappingNode:
		return mappingOf(n, depth)
	}
	if n.ShortTag() == "!!timestamp" {
		return n.Value, nil
	}
	var v any
	err := n.Decode(&v)
	return v, err
}

func mappingOf(n *yaml.Node, depth int) (any, error) {
	m := make(map[string]any, len(n.Content)/2)
	var merged []any
	for i := 0; i+1 < len(n.Content); i += 2 {
		value, err := valueOf(n.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		if n.Content[i].ShortTag() == "!!merge" {
			if list, ok := value.([]any); ok {
				merged = append(merged, list...)
			} else {
				merged = append(merged, value)
			}
			continue
		}
		m[n.Content[i].Value] = value
	}
	for _, each := range merged { // what is written out wins, then the first
		more, _ := each.(map[string]any)
		for key, value := range more {
			if _, has := m[key]; !has {
				m[key] = value
			}
		}
	}
	return m, nil
}

// setPath sets a value; numbers in the path are positions in lists.
func setPath(v any, path []string, value any) error {
	for ; len(path) > 1; path = path[1:] {
		next, err := step(v, path[0])
		if err != nil {
			return err
		}
		v = next
	}
	switch at := v.(type) {
	case map[string]any:
		at[path[0]] = value
		return nil
	case []any:
		if i, err := strconv.Atoi(path[0]); err == nil && i >= 0 && i < len(at) {
			at[i] = value
			return nil
		}
	}
	return fmt.Errorf("there is no %s", path[0])
}

func step(v any, name string) (any, error) {
	switch at := v.(type) {
	case map[string]any:
		if at[name] == nil {
			at[name] = map[string]any{}
		}
		return at[name], nil
	case []any:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(at) {
			return at[i], nil
		}
	}
	return nil, fmt.Errorf("there is no %s", name)
}
