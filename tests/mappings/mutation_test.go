package mappings

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redpanda-data/benthos/v4/public/bloblang"
	"github.com/stretchr/testify/require"
)

// mutationBudget bounds the usual run. MUTATION=full tries every mutant.
const mutationBudget = 10 * time.Second

// mutant is a rule with one small mistake in it.
type mutant struct {
	file, what, content string
}

// mistakes are made wherever the pattern is found, comments aside.
var mistakes = []struct {
	what    string
	pattern *regexp.Regexp
	become  string
}{
	{"swap ==", regexp.MustCompile(`==`), "!="},
	{"swap !=", regexp.MustCompile(`!=`), "=="},
	{">= becomes >", regexp.MustCompile(`>=`), ">"},
	{">= becomes <=", regexp.MustCompile(`>=`), "<="},
	{"> becomes <", regexp.MustCompile(` > `), " < "},
	{"|| becomes &&", regexp.MustCompile(`\|\|`), "&&"},
	{"&& becomes ||", regexp.MustCompile(`&&`), "||"},
	{"another text", regexp.MustCompile(`"([^"]*)"`), `"${1}x"`},
	{"another number", regexp.MustCompile(`\b([0-9]+)\)`), `1${1})`},
	{"null becomes a text", regexp.MustCompile(`\bnull\b`), `"x"`},
	{"deleted() becomes null", regexp.MustCompile(`\bdeleted\(\)`), `null`},
	{"a call less", regexp.MustCompile(`\.[a-z_]+\(\)`), ``},
	{"another item", regexp.MustCompile(`\bthis\.([A-Za-z_]+)`), `this.${1}x`},
}

func mutantsOf(file, content string) []mutant {
	var all []mutant
	lines := strings.Split(content, "\n")
	with := func(i int, what, line string, drop bool) {
		changed := append([]string{}, lines[:i]...)
		if !drop {
			changed = append(changed, line)
		}
		changed = append(changed, lines[i+1:]...)
		all = append(all, mutant{file, fmt.Sprintf("%s:%d: %s", file, i+1, what), strings.Join(changed, "\n")})
	}
	for i, line := range lines {
		text := strings.TrimSpace(line)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		with(i, "drop `"+text+"`", "", true)
		for _, m := range mistakes {
			for _, at := range m.pattern.FindAllStringSubmatchIndex(line, -1) {
				var b []byte
				b = append(b, line[:at[0]]...)
				b = m.pattern.ExpandString(b, m.become, line, at)
				b = append(b, line[at[1]:]...)
				with(i, m.what+": `"+strings.TrimSpace(string(b))+"`", string(b), false)
			}
		}
	}
	return all
}

// Every mistake in a rule is caught by a YAML test: a rule that nobody tests, or
// a test that asserts nothing, shows here.
func TestMutation(t *testing.T) {
	if testing.Short() {
		t.Skip("trying mutants takes a while")
	}
	full := os.Getenv("MUTATION") == "full"
	work := t.TempDir()
	for _, dir := range []string{"bloblang", "config", tests} {
		require.NoError(t, os.CopyFS(filepath.Join(work, dir), os.DirFS(filepath.Join(root, dir))))
	}
	t.Chdir(work)

	suites := map[string]string{}
	for _, file := range files(t, tests, ".yaml") {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		suites[file] = string(content)
	}

	// One mutant of each file in turn, so that a short run sees all files.
	var queues [][]mutant
	for _, file := range files(t, "bloblang", ".blobl") {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		queues = append(queues, mutantsOf(file, string(content)))
	}
	began := time.Now()
	caught, stillborn, tried := 0, 0, 0
	var survivors []string
	for round := 0; len(queues) > 0; round++ {
		var left [][]mutant
		for _, queue := range queues {
			if round >= len(queue) || (!full && time.Since(began) > mutationBudget) {
				continue
			}
			left = append(left, queue)
			// A step through the queue that meets every mutant once.
			m := queue[(round*stepOf(len(queue)))%len(queue)]
			tried++
			original, err := os.ReadFile(m.file)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(m.file, []byte(m.content), 0o600))
			by := catch(t, m, suites)
			switch {
			case by == "" && slowerOnly(m):
				stillborn++
			case by == "":
				survivors = append(survivors, m.what)
			case by == doesNotParse:
				stillborn++
			default:
				caught++
				t.Logf("caught by %s: %s", filepath.Base(by), m.what)
			}
			require.NoError(t, os.WriteFile(m.file, original, 0o600))
		}
		queues = left
	}
	t.Logf("%d mutants tried: %d caught, %d do not parse or change nothing, %d survived", tried, caught, stillborn, len(survivors))
	require.Empty(t, survivors, "no YAML test fails for these mistakes")
	require.Positive(t, caught)
}

const doesNotParse = "the parser"

// slowerOnly: a short cut that is not taken changes the time, not the result.
func slowerOnly(m mutant) bool {
	return m.file == "bloblang/date.blobl" && strings.Contains(m.what, "=> this.nfkc(),`") &&
		(strings.Contains(m.what, "drop") || strings.Contains(m.what, "another text"))
}

// catch gives the suite that fails for a mutant; "" when none does.
func catch(t *testing.T, m mutant, suites map[string]string) string {
	path, err := filepath.Abs(m.file)
	require.NoError(t, err)
	if _, err := bloblang.Parse(fmt.Sprintf("from %q", path)); err != nil {
		return doesNotParse
	}
	for _, direct := range []bool{true, false} {
		for suite, content := range suites {
			if strings.Contains(content, m.file) != direct {
				continue
			}
			if code, _ := cli(t, "test", suite); code != 0 {
				return suite
			}
		}
	}
	return ""
}

// stepOf is a step that shares no divisor with n.
func stepOf(n int) int {
	for _, p := range []int{7, 11, 13, 17, 19} {
		if n%p != 0 {
			return p
		}
	}
	return 1
}
