// Package reference writes the reference documentation of our components out of
// their own specs, as Markdown.
package reference

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/redpanda-data/benthos/v4/public/bloblang"
	"github.com/redpanda-data/benthos/v4/public/service"
)

// Ours, in the order a reader meets them.
var (
	inputs     = []string{"sansan_input", "satori_export", "dead_letters"}
	processors = []string{"seal"}
	outputs    = []string{"satori_output", "satori_ledger", "rotating_file", "smtp"}
)

// methodCategory is the category of our Bloblang methods; those without one are
// behind lint rules and for nobody to call.
const methodCategory = "Japanese text"

//go:embed page.tmpl
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"markdown": markdown, "cell": cell, "options": options,
}).Parse(pageText))

// Write writes a page a component, one of the methods and an index into dir,
// which is made where there is none. It gives the names of the files.
func Write(dir string) ([]string, error) {
	pages, err := Pages()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("writing the reference: %w", err)
	}
	var names []string
	for name, text := range pages {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return nil, fmt.Errorf("writing the reference: %w", err)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// Pages gives the text of each file by its name.
func Pages() (map[string][]byte, error) {
	env := service.GlobalEnvironment()
	pages := map[string][]byte{}
	var all index
	add := func(name string, view *service.ConfigView, ok bool) (entry, error) {
		if !ok {
			return entry{}, fmt.Errorf("writing the reference: there is no component %s", name)
		}
		data, err := view.TemplateData()
		if err != nil {
			return entry{}, fmt.Errorf("writing the reference: %s: %w", name, err)
		}
		pages[name+".md"], err = render("component", data)
		return entry{name, data.Summary}, err
	}
	for _, name := range inputs {
		view, ok := env.GetInputConfig(name)
		e, err := add(name, view, ok)
		if err != nil {
			return nil, err
		}
		all.Inputs = append(all.Inputs, e)
	}
	for _, name := range outputs {
		view, ok := env.GetOutputConfig(name)
		e, err := add(name, view, ok)
		if err != nil {
			return nil, err
		}
		all.Outputs = append(all.Outputs, e)
	}
	for _, name := range processors {
		view, ok := env.GetProcessorConfig(name)
		e, err := add(name, view, ok)
		if err != nil {
			return nil, err
		}
		all.Processors = append(all.Processors, e)
	}
	var err error
	if pages["bloblang.md"], err = render("methods", methods()); err != nil {
		return nil, err
	}
	pages["README.md"], err = render("index", all)
	return pages, err
}

type entry struct{ Name, Summary string }

type index struct{ Inputs, Outputs, Processors []entry }

func render(name string, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := page.ExecuteTemplate(&b, name, data); err != nil {
		return nil, fmt.Errorf("writing the reference: %w", err)
	}
	return append(bytes.TrimSpace(b.Bytes()), '\n'), nil
}

func methods() []bloblang.TemplateMethodData {
	var ours []bloblang.TemplateMethodData
	bloblang.GlobalEnvironment().WalkMethods(func(_ string, view *bloblang.MethodView) {
		data := view.TemplateData()
		for _, c := range data.Categories {
			if c.Category == methodCategory {
				ours = append(ours, data)
			}
		}
	})
	slices.SortFunc(ours, func(a, b bloblang.TemplateMethodData) int { return strings.Compare(a.Name, b.Name) })
	return ours
}

// markdown turns AsciiDoc's headings, which Redpanda Connect's own descriptions
// have, into Markdown's.
func markdown(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, line := range lines {
		if rest := strings.TrimLeft(line, "="); rest != line && strings.HasPrefix(rest, " ") {
			lines[i] = strings.Repeat("#", len(line)-len(rest)) + rest
		}
	}
	return strings.Join(lines, "\n")
}

// cell keeps a text within one cell of a table.
func cell(text string) string {
	return strings.NewReplacer("\n", " ", "|", "\\|").Replace(strings.TrimSpace(text))
}

// options of a field, each with what it means.
func options(f service.TemplateDataPluginField) [][2]string {
	all := slices.Clone(f.AnnotatedOptions)
	for _, o := range f.Options {
		all = append(all, [2]string{o, ""})
	}
	slices.SortFunc(all, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return all
}
