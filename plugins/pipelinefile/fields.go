package pipelinefile

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/redpanda-data/benthos/v4/public/service"
)

// Fields reads one component's fields, its defaults included.
type Fields struct {
	conf     map[string]any
	defaults map[string]string // JSON, by dotted path
}

// InputFields and OutputFields read a configuration of an input or output that
// is registered under a name.
func InputFields(env *service.Environment, name string, conf map[string]any) (Fields, error) {
	view, ok := env.GetInputConfig(name)
	return fieldsOf(view, ok, name, conf)
}

// OutputFields is InputFields of an output.
func OutputFields(env *service.Environment, name string, conf map[string]any) (Fields, error) {
	view, ok := env.GetOutputConfig(name)
	return fieldsOf(view, ok, name, conf)
}

func fieldsOf(view *service.ConfigView, ok bool, name string, conf map[string]any) (Fields, error) {
	if !ok {
		return Fields{}, fmt.Errorf("there is no component %s", name)
	}
	data, err := view.TemplateData()
	if err != nil {
		return Fields{}, fmt.Errorf("reading the fields of %s: %w", name, err)
	}
	f := Fields{conf: conf, defaults: map[string]string{}}
	for _, field := range data.Fields {
		if field.DefaultMarshalled != "" {
			f.defaults[field.FullName] = field.DefaultMarshalled
		}
	}
	return f, nil
}

// Value of a field, by dotted path; nil when it has none.
func (f Fields) Value(path string) any {
	var at any = f.conf
	for name := range strings.SplitSeq(path, ".") {
		m, _ := at.(map[string]any)
		at = m[name]
	}
	if at != nil {
		return at
	}
	var v any
	if json.Unmarshal([]byte(f.defaults[path]), &v) != nil {
		return nil
	}
	return v
}

// Text of a field.
func (f Fields) Text(path string) string {
	v := f.Value(path)
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// Number of a field; a quoted one counts too. 0 when it is none.
func (f Fields) Number(path string) float64 {
	switch v := f.Value(path).(type) {
	case float64:
		return v
	case int:
		return float64(v)
	case string:
		n, _ := strconv.ParseFloat(v, 64)
		return n
	}
	return 0
}
