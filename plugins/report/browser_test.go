package report

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// browse opens the page in a headless Chromium and gives what it made of it.
func browse(t *testing.T, file, hash string, flags ...string) string {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium on this machine: the page was not looked at in a browser")
	}
	args := append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--user-data-dir=" + t.TempDir(), "--virtual-time-budget=5000", "--window-size=1280,1600",
	}, flags...)
	cmd := exec.CommandContext(t.Context(), chromium, append(args, "file://"+file+hash)...)
	out, err := cmd.Output()
	require.NoError(t, err)
	return string(out)
}

func writePage(t *testing.T, r *Report, lang Lang) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.html")
	out, err := os.Create(file)
	require.NoError(t, err)
	require.NoError(t, r.WriteHTML(out, lang, "config/sync.yaml", made))
	require.NoError(t, out.Close())
	return file
}

func TestBrowserShowsAndSearches100000Rows(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	r := decisions(100_000)
	r.SetPreview()
	r.SetCost(Cost{Sansan: 334, SansanRate: 4, Rows: 28572, Uploads: 4, Polls: 8, SatoriRate: 1})
	file := writePage(t, r, Japanese)
	if keep := os.Getenv("REPORT_SCREENSHOT"); keep != "" {
		browse(t, file, "", "--screenshot="+keep)
	}
	begun := time.Now()
	dom := browse(t, file, "", "--dump-dom")
	t.Logf("100,000 rows opened in %s, browser's start included", time.Since(begun).Round(time.Millisecond))
	require.Contains(t, dom, "ページ 1 / 1,000")
	require.Contains(t, dom, "100,000 件")
	require.Equal(t, 100, strings.Count(between(dom, `id="body"`, "</tbody>"), "<tr"))

	dom = browse(t, file, "#search=PERSON012348", "--dump-dom")
	body := between(dom, `id="body"`, "</tbody>")
	require.Equal(t, 1, strings.Count(body, "<tr"))
	require.Contains(t, body, "person012348@example.co.jp")

	dom = browse(t, file, "#group=unwritten&search=メールアドレスの形式", "--dump-dom")
	require.Contains(t, dom, "14,285 件")
}

func TestBrowserRunsNothingThatAValueBrings(t *testing.T) {
	r := New(true)
	evil := `</script><script>document.title="broken"</script><img src=x onerror="document.title='broken'">`
	r.Add(Entry{Action: "failed", Reason: evil, Email: evil, CardID: evil, Items: []string{evil}})
	dom := browse(t, writePage(t, r, English), "", "--dump-dom")
	require.NotContains(t, dom, "<title>broken")
	require.NotContains(t, dom, "<img")
	require.Contains(t, between(dom, `id="body"`, "</tbody>"), "&lt;img src=x")
}

func between(text, from, to string) string {
	_, text, _ = strings.Cut(text, from)
	text, _, _ = strings.Cut(text, to)
	return text
}
