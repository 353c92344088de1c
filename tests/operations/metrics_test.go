package operations

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"sansansatori/tests/link"
	"sansansatori/tests/satorisim"
)

// expressions are the PromQL of alert rules and dashboard.
func expressions(t *testing.T) (all []string) {
	t.Helper()
	dir := filepath.Join(link.Root(), "docs", "operations")
	content, err := os.ReadFile(filepath.Join(dir, "alerts.yaml"))
	require.NoError(t, err)
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Labels      map[string]string
				Annotations map[string]string
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(content, &rules))
	for _, rule := range rules.Groups[0].Rules {
		require.NotEmpty(t, rule.Expr, rule.Alert)
		require.Contains(t, []string{"critical", "warning"}, rule.Labels["severity"], rule.Alert)
		require.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
		require.NotEmpty(t, rule.Annotations["action"], "%s: what to do?", rule.Alert)
		all = append(all, rule.Expr)
	}
	content, err = os.ReadFile(filepath.Join(dir, "grafana", "sansan-satori.json"))
	require.NoError(t, err)
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(content, &dashboard))
	for _, panel := range dashboard.Panels {
		require.NotEmpty(t, panel.Targets, panel.Title)
		for _, target := range panel.Targets {
			all = append(all, target.Expr)
		}
	}
	require.Greater(t, len(all), 30)
	return all
}

var (
	bracketed = regexp.MustCompile(`\{[^}]*\}|\[[^\]]*\]|\b(by|without) \([^)]*\)|offset \w+`)
	word      = regexp.MustCompile(`[a-z_]{2,}(\()?`)
	matcher   = regexp.MustCompile(`([a-z_]+)\{([^}]*)\}`)
	equal     = regexp.MustCompile(`([a-z]+)="([^"]*)"`)
)

// metricsIn gives the metrics an expression names.
func metricsIn(expr string) (names []string) {
	for _, w := range word.FindAllString(bracketed.ReplaceAllString(expr, " "), -1) {
		if !strings.HasSuffix(w, "(") && !slices.Contains([]string{"unless", "and", "or", "by", "sum", "max", "min", "up"}, w) {
			names = append(names, w)
		}
	}
	return names
}

// Every metric, with the label values, that dashboard, rules and documentation
// name exists in a live scrape; and every metric of ours is documented.
func TestEveryMetricThatIsNamedExists(t *testing.T) {
	w := newWorld(t)
	address, mail, server := freeAddress(t), freeAddress(t), freeAddress(t)
	w.Satori.Change(func(s *satorisim.Settings) {
		s.RejectRow = func(email string) string { return map[bool]string{true: "だめ"}[strings.HasPrefix(email, "r")] }
	})
	w.Satori.Control(satorisim.SingleRegistration, satorisim.Times(2, satorisim.FaultStatus(503)))
	for _, name := range []string{"a", "b", "r1"} {
		w.Sansan.Put(sampleCard(name + "@example.jp"))
	}
	listening(t, w, "config/sync.yaml", "SCHEDULE=@every 500ms", "HTTP_ADDRESS="+address)
	beside := *w
	beside.Set = []string{"http.enabled=true"}
	teller := beside.Start(t, "config/operations/mail.yaml", "LINK_URL=http://"+address, "MAIL_HTTP_ADDRESS="+mail, "MAIL_EVERY=@every 300ms",
		"MAIL_SERVER="+server, "MAIL_TLS=none", "MAIL_FROM=link@example.co.jp", "MAIL_TO=ops@example.co.jp")
	t.Cleanup(func() {
		if t.Failed() {
			teller.Kill()
			out, _ := teller.End(t, endsWithin)
			t.Log(out)
		}
	})
	backup := freeAddress(t)
	beside.Start(t, "config/backup.yaml", "BACKUP_HTTP_ADDRESS="+backup, "BACKUP_SCHEDULE=@every 1s", "BACKUP_DIR="+filepath.Join(os.DevNull, "backups"), "SANSAN_SATORI="+link.Binary(t))

	scrape := func() string {
		_, ofLink := get(t, "http://"+address+"/metrics")
		_, ofMail := get(t, "http://"+mail+"/metrics")
		_, ofBackup := get(t, "http://"+backup+"/metrics")
		return ofLink + ofMail + ofBackup
	}
	shows := func(name string) { // not 0, with which counters begin
		t.Helper()
		moved := regexp.MustCompile(`(?m)^` + name + `(\{.*\})? [^0\n]`)
		require.Eventually(t, func() bool { return moved.MatchString(scrape()) }, arrivesWithin, 50*time.Millisecond, name)
	}
	// Mail fails, is refused, and arrives.
	shows("smtp_failed")
	s := newMailServer(t, server)
	s.refuses.Store(true)
	shows("smtp_dropped")
	s.refuses.Store(false)
	w.Sansan.Put(sampleCard("r2@example.jp"))
	shows("smtp_sent")
	// The cursor cannot be written.
	cursor := filepath.Join(w.Dir, "sansan_cursor")
	require.NoError(t, os.Remove(cursor))
	require.NoError(t, os.Mkdir(cursor, 0o700))
	w.Sansan.Put(sampleCard("c@example.jp"))
	shows("sansan_input_checkpoint_errors")
	shows("sansan_input_cursor_age_seconds")
	shows("satori_output_retries")
	live := scrape()

	for _, expr := range expressions(t) {
		names := metricsIn(expr)
		if !strings.Contains(expr, "up{") {
			require.NotEmpty(t, names, expr)
		}
		for _, name := range names {
			require.Regexp(t, `(?m)^`+name+`[{ ]`, live, expr)
		}
		for _, m := range matcher.FindAllStringSubmatch(expr, -1) {
			for _, label := range equal.FindAllStringSubmatch(m[2], -1) {
				if m[1] != "up" && label[2] != "4xx" && label[1] != "result" { // not provoked here
					require.Regexp(t, `(?m)^`+m[1]+`\{[^}]*`+label[1]+`="`+label[2]+`"`, live, expr)
				}
			}
		}
	}

	table, err := os.ReadFile(filepath.Join(link.Root(), "docs", "metrics.md"))
	require.NoError(t, err)
	documented := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(string(table), -1)
	require.Greater(t, len(documented), 15)
	for _, row := range documented {
		require.Regexp(t, `(?m)^# TYPE `+row[1]+` `, live, "documented")
	}
	for _, ours := range regexp.MustCompile(`(?m)^# TYPE ((?:sansan|satori|smtp)_\w+) `).FindAllStringSubmatch(live, -1) {
		require.Contains(t, string(table), "| `"+ours[1]+"` |", "not documented")
	}
}

func TestMetricsIn(t *testing.T) {
	for expr, names := range map[string][]string{
		`sum by (kind, class) (rate(a_total{x="y"}[5m])) > 0`: {"a_total"},
		`time() - max(a_b)`: {"a_b"},
		`(a unless c_d offset 30m) > 0 or aa_b unless sum(e_f{g!~"h"})`: {"c_d", "aa_b", "e_f"},
	} {
		require.Equal(t, names, metricsIn(expr), expr)
	}
}
