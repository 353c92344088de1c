package operations

import (
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/plugins/report"
	"sansansatori/tests/link"
	"sansansatori/tests/sansansim"
	"sansansatori/tests/satorisim"
)

// figures are numbers of cards, by what was decided of them.
type figures map[string]int

func (f figures) sum() (n int) {
	for _, cards := range f {
		n += cards
	}
	return n
}

// decision is a line of the journal, as far as it is counted here.
type decision struct {
	Email  string
	Card   string `json:"card_id"`
	Action string
	Reason string
}

// written: SATORI took the card.
func (d decision) written() bool { return d.Action == "register" || d.Action == "upsert" }

// decisions are the journal, the one truth of this test.
type decisions []decision

// count puts each decision under a name; "" leaves it out.
func (all decisions) count(name func(decision) string) figures {
	f := figures{}
	for _, d := range all {
		if n := name(d); n != "" {
			f[n]++
		}
	}
	return f
}

// different counts the different names.
func (all decisions) different(name func(decision) string) int { return len(all.count(name)) }

func writtenEmail(d decision) string {
	if d.written() {
		return d.Email
	}
	return ""
}

func outcome(d decision) string { return d.Action + " " + d.Reason }

// counted are outcomes as report and status give them in JSON.
type counted []struct {
	Action, Reason string
	Cards          int
}

func (c counted) figures() figures {
	f := figures{}
	for _, line := range c {
		f[line.Action+" "+line.Reason] += line.Cards
	}
	return f
}

// lines of a file of the data folder that are whole and not blank, decoded.
func lines[T any](t *testing.T, path string) (all []T) {
	t.Helper()
	content, err := os.ReadFile(path)
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	for line := range strings.Lines(string(content)) {
		if strings.HasSuffix(line, "\n") && strings.TrimSpace(line) != "" {
			var one T
			require.NoError(t, json.Unmarshal([]byte(line), &one), path)
			all = append(all, one)
		}
	}
	return all
}

var sample = regexp.MustCompile(`(?m)^(\w+)(?:\{(.*)\})? ([-+0-9.eE]+)$`)

// scraped sums a metric by some of its labels. Zeros are left out.
func scraped(t *testing.T, scrape, metric string, labels ...string) figures {
	t.Helper()
	f := figures{}
	for _, m := range sample.FindAllStringSubmatch(scrape, -1) {
		if m[1] != metric {
			continue
		}
		has := map[string]string{}
		for _, label := range equal.FindAllStringSubmatch(m[2], -1) {
			has[label[1]] = label[2]
		}
		values := make([]string, len(labels))
		for i, label := range labels {
			values[i] = has[label]
		}
		n, err := strconv.ParseFloat(m[3], 64)
		require.NoError(t, err)
		if n != 0 {
			f[strings.Join(values, " ")] += int(n)
		}
	}
	return f
}

// number reads a figure with or without its thousands' separators.
func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.ReplaceAll(text, ",", ""))
	require.NoError(t, err)
	return n
}

// found gives the figure that an expression brackets.
func found(t *testing.T, expr, text string) int {
	t.Helper()
	m := regexp.MustCompile(expr).FindStringSubmatch(text)
	require.NotNil(t, m, "%s: not in\n%s", expr, text)
	return number(t, m[1])
}

// tabled reads lines of figures: two brackets are a number and its name, three a
// number, an action and a reason.
func tabled(t *testing.T, expr, text string) figures {
	t.Helper()
	f := figures{}
	for _, m := range regexp.MustCompile(expr).FindAllStringSubmatch(text, -1) {
		f[html.UnescapeString(strings.Join(m[2:], " "))] += number(t, m[1])
	}
	return f
}

// said runs a command of the binary beside the link.
func said(t *testing.T, w *link.World, address string, args ...string) string {
	t.Helper()
	cmd := w.Command(t, args...)
	cmd.Env = append(cmd.Env, "HTTP_ADDRESS="+address)
	out, err := cmd.Output()
	require.NoError(t, err, "%v", args)
	return string(out)
}

// everyAction lets a link meet every action and reason of the shipped pipeline,
// then holds Sansan's answers back, so that nothing moves any more.
func everyAction(t *testing.T, w *link.World, address string) (*link.Process, decisions) {
	t.Helper()
	w.Sansan.LoadSample(400, 7)
	w.Satori.Change(func(s *satorisim.Settings) {
		s.RejectRow = func(email string) string {
			switch {
			case strings.HasPrefix(email, "quoted"):
				return "だめ " + email
			case strings.HasPrefix(email, "refused"), strings.HasPrefix(email, "a"):
				return "だめ"
			case strings.HasPrefix(email, "k"):
				return "項目の値が正しくありません"
			}
			return ""
		}
	})
	changed := w.Sansan.Put(sampleCard("changed@example.jp"))
	for _, name := range []string{"yields", "refused", "quoted1", "quoted2"} {
		w.Sansan.Put(sampleCard(name + "@example.jp"))
	}
	second := sampleCard("refused@example.jp") // a person whose two cards are refused
	second["lastName"] = "鈴木"
	w.Sansan.Put(second)
	var hold atomic.Bool
	var held atomic.Int32
	w.Sansan.Control(sansansim.Any, func(r *sansansim.Request) bool {
		if hold.Load() {
			held.Add(1)
			r.Sleep(time.Hour)
		}
		return false
	})

	p := listening(t, w, "config/sync.yaml", "SCHEDULE=@every 1s", "HTTP_ADDRESS="+address)
	t.Cleanup(func() {
		if t.Failed() {
			p.Kill()
			out, _ := p.End(t, endsWithin)
			t.Log(out)
		}
	})
	journal := func() decisions { return lines[decision](t, filepath.Join(w.Dir, "journal.jsonl")) }
	require.Eventually(t, func() bool {
		_, first := w.Satori.Customer("changed@example.jp")
		_, other := w.Satori.Customer("yields@example.jp")
		return first && other
	}, arrivesWithin, 20*time.Millisecond)
	require.NoError(t, w.Sansan.Edit(changed, func(card map[string]any) { card["companyName"] = "株式会社変更" }))
	older := sampleCard("yields@example.jp")
	older["exchangeDate"] = "2020-01-01"
	older["id"] = w.Sansan.Put(older)
	wanted := []string{
		"register new", "upsert changed", "skip unchanged", "skip older", "invalid no_email", "invalid malformed_email",
		"failed だめ", "failed 項目の値が正しくありません", "failed だめ ***", // an address that SATORI quotes
	}
	require.Eventually(t, func() bool {
		all := journal()
		counts := all.count(outcome)
		for _, name := range wanted {
			if counts[name] == 0 {
				return false
			}
		}
		second := all.count(func(d decision) string { return d.Card + " " + outcome(d) })
		return second[changed+" upsert changed"] == 1 && second[older["id"].(string)+" skip older"] > 0
	}, arrivesWithin, 50*time.Millisecond, "not every action has come")

	hold.Store(true)
	require.Eventually(t, func() bool { return held.Load() > 0 }, arrivesWithin, 20*time.Millisecond)
	require.Eventually(t, func() bool {
		_, scrape := get(t, "http://"+address+"/metrics")
		all := journal()
		failed := all.count(func(d decision) string { return map[bool]string{true: "failed"}[d.Action == "failed"] })["failed"]
		return scraped(t, scrape, "sansan_input_cards")[""] == len(all) && scraped(t, scrape, "satori_output_waiting").sum() == 0 &&
			scraped(t, scrape, "satori_output_customers").sum() >= len(all) &&
			len(lines[map[string]any](t, filepath.Join(w.Dir, "dead_letters.jsonl"))) >= failed
	}, arrivesWithin, 50*time.Millisecond, "each card that was read is in the journal, once")
	all := journal()
	require.Len(t, all.count(outcome), len(wanted), "other outcomes came: %v", all.count(outcome))
	return p, all
}

// Whoever tells what was done tells the same: log, report, metrics, status, mails
// and SATORI itself, against the journal of one run.
func TestEveryFigureAgreesWithTheJournal(t *testing.T) {
	w := newWorld(t)
	address := freeAddress(t)
	p, journal := everyAction(t, w, address)
	outcomes, customers := journal.count(outcome), journal.different(writtenEmail)
	inWords := func(lang report.Lang, between string) figures {
		return journal.count(func(d decision) string { return lang.Action(d.Action) + between + lang.Reason(d.Reason) })
	}
	type letter struct {
		Card  string `json:"card_id"`
		Email string
		Error string
	}
	letters := lines[letter](t, filepath.Join(w.Dir, "dead_letters.jsonl"))
	failed := journal.count(func(d decision) string {
		if d.Action != "failed" {
			return ""
		}
		return d.Card + " " + d.Reason
	})
	class := regexp.MustCompile(`^satori: \w+: `)
	_, scrape := get(t, "http://"+address+"/metrics")
	pattern := filepath.Join(w.Dir, "journal*.jsonl")

	t.Run("dead letters", func(t *testing.T) {
		f := figures{}
		for _, l := range letters {
			f[l.Card+" "+class.ReplaceAllString(l.Error, "")]++
		}
		require.Equal(t, failed, f)
	})

	t.Run("metrics", func(t *testing.T) {
		require.Equal(t, journal.count(func(d decision) string {
			if d.Action == "failed" {
				return "failed refused"
			}
			return outcome(d)
		}), scraped(t, scrape, "satori_output_customers", "action", "reason"))
		require.Equal(t, len(journal), scraped(t, scrape, "sansan_input_cards").sum())
		require.Equal(t, len(letters), scraped(t, scrape, "output_sent", "label")["dead_letters"])
		require.Zero(t, scraped(t, scrape, "satori_output_retries").sum())
		for _, series := range []string{ // begin with 0
			`sansan_input_cards_left_out\{`, `sansan_input_runs\{.*result="failed"`, `sansan_input_checkpoint_errors\{`,
			`satori_output_customers\{.*action="skip".*reason="exists"`, `satori_output_customers\{.*action="upsert".*reason="new"`,
			`satori_output_retries\{.*kind="single"`, `satori_output_retries\{.*kind="upload"`,
		} {
			require.Regexp(t, `(?m)^`+series+`.*\} 0$`, scrape)
		}
	})

	t.Run("report as JSON", func(t *testing.T) {
		var r struct {
			Cards     int
			Customers int `json:"customers_written"`
			Counts    counted
			Bad       int `json:"unreadable_lines"`
		}
		require.NoError(t, json.Unmarshal([]byte(said(t, w, address, "report", "--json")), &r))
		require.Equal(t, outcomes, r.Counts.figures())
		require.Equal(t, len(journal), r.Cards)
		require.Equal(t, customers, r.Customers)
		require.Zero(t, r.Bad)
	})

	text := said(t, w, address, "report", "--since", "24h", "--lang", "ja", "--journal", pattern)
	t.Run("report as text", func(t *testing.T) {
		for lang, of := range map[report.Lang]struct{ text, cards, customers string }{
			report.Japanese: {text, `判定した名刺: ([\d,]+)`, `登録・更新される顧客: ([\d,]+)`},
			report.English:  {said(t, w, address, "report", "--lang", "en"), `Cards decided: ([\d,]+)`, `Customers created or changed: ([\d,]+)`},
		} {
			require.Equal(t, inWords(lang, " "), tabled(t, `(?m)^ *([\d,]+)  (\S.*?)  +(\S.*)$`, of.text), of.text)
			require.Equal(t, len(journal), found(t, of.cards, of.text))
			require.Equal(t, customers, found(t, of.customers, of.text))
		}
	})

	t.Run("report as HTML", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "report.html")
		said(t, w, address, "report", "--html", file, "--lang", "en")
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		page := string(content)
		row := regexp.MustCompile(`<tr class="\w+"><td><span class="mark"></span>(.*?)</td><td>(.*?)</td><td class="number">([\d,]+)</td>`)
		totals := figures{}
		for _, m := range row.FindAllStringSubmatch(page, -1) {
			totals[html.UnescapeString(m[1]+" "+m[2])] += number(t, m[3])
		}
		require.Equal(t, inWords(report.English, " "), totals, "the table")
		require.Equal(t, len(journal), found(t, `<tfoot>.*?<td class="number">([\d,]+)</td>`, page))
		require.Equal(t, len(journal), found(t, `id="cards">([\d,]+)<`, page))
		require.Equal(t, customers, found(t, `id="customers">([\d,]+)<`, page))
		bars := figures{}
		for _, m := range regexp.MustCompile(`<rect class="(\w+)".*?<text class="count"[^>]*>([\d,]+)`).FindAllStringSubmatch(page, -1) {
			bars[m[1]] += number(t, m[2])
		}
		require.Equal(t, journal.count(func(d decision) string { return d.Action }), bars, "the chart")

		data := func(id string, into any) {
			m := regexp.MustCompile(`(?s)<script type="application/json" id="` + id + `">(.*?)</script>`).FindStringSubmatch(page)
			require.NotNil(t, m, id)
			require.NoError(t, json.Unmarshal([]byte(m[1]), into), id)
		}
		var meta struct {
			Kinds []struct{ Action, Reason string }
		}
		var rows [][]any // kind, seconds, email, card, items
		data("meta", &meta)
		data("rows", &rows)
		listed := figures{}
		for _, r := range rows {
			kind := meta.Kinds[int(r[0].(float64))]
			listed[fmt.Sprint(r[2], " ", r[3], " ", kind.Action, " ", kind.Reason)]++
		}
		require.Equal(t, journal.count(func(d decision) string {
			return fmt.Sprint(d.Email, " ", d.Card, " ", report.English.Action(d.Action), " ", report.English.Reason(d.Reason))
		}), listed, "card by card")
	})

	t.Run("status", func(t *testing.T) {
		var s struct {
			Ready  bool
			Ledger struct{ Customers, Cards, Open int }
			Dead   int     `json:"dead_letters"`
			Day    counted `json:"last_24_hours"`
		}
		require.NoError(t, json.Unmarshal([]byte(said(t, w, address, "status", "--json")), &s))
		require.Equal(t, outcomes, s.Day.figures())
		require.Equal(t, len(letters), s.Dead)
		require.Equal(t, customers, s.Ledger.Customers)
		require.Equal(t, journal.different(func(d decision) string {
			if d.written() {
				return d.Card
			}
			return ""
		}), s.Ledger.Cards)
		require.Zero(t, s.Ledger.Open)
		text := said(t, w, address, "status")
		require.Equal(t, inWords(report.English, ": "), tabled(t, `(?m)^(?:last 24 hours| {13}) +(\d+)  (.*)$`, text), text)
		require.Equal(t, len(letters), found(t, `(?m)^dead letters +(\d+) waiting$`, text))
	})

	t.Run("SATORI", func(t *testing.T) {
		require.Equal(t, customers, w.Satori.Len())
		counters := w.Satori.Counters()
		created := journal.count(func(d decision) string {
			if d.written() && d.Reason == "new" {
				return d.Email
			}
			return ""
		})
		holds := figures{}
		for email := range w.Satori.Customers() {
			holds[email] = 1
		}
		require.Equal(t, created, holds, "each customer is new once")
		require.Equal(t, len(created), counters.Created)
		rows := figures{}
		changed := map[string]bool{}
		for email, write := range w.Satori.EachWrite() {
			rows[string(write.Verb)]++
			if !write.Created && !write.Repeated() {
				changed[email] = true
			}
		}
		require.Equal(t, rows, scraped(t, scrape, "satori_output_rows", "verb"))
		require.Equal(t, rows.sum(), counters.Created+counters.Changed+counters.Repeated)
		require.NotEmpty(t, changed)
		known := journal.count(func(d decision) string {
			if d.written() && d.Reason == "changed" {
				return d.Email
			}
			return ""
		})
		for email := range changed {
			require.Contains(t, known, email, "SATORI holds a change that is not in the journal")
		}
		asked := figures{}
		for kind, n := range counters.Requests {
			switch {
			case kind == satorisim.Status:
				asked["status"] += n
			case strings.HasPrefix(string(kind), "bulk"):
				asked["upload"] += n
			default:
				asked["single"] += n
			}
		}
		told := scraped(t, scrape, "satori_output_request_duration_count", "kind")
		told["status"] += told["check"]
		delete(told, "check")
		maps.DeleteFunc(asked, func(_ string, n int) bool { return n == 0 })
		require.Equal(t, asked, told, "requests")
	})

	t.Run("mail of dead letters", func(t *testing.T) {
		s := newMailServer(t, "127.0.0.1:0")
		mailProcess(t, w, address, s.address, "LETTERS_HOURS=1000")
		subject, text := s.arrives(t)
		reasons := figures{}
		for name := range failed {
			_, reason, _ := strings.Cut(name, " ")
			reasons[reason]++
		}
		told := figures{}
		for name, n := range tabled(t, `(?m)^  (\d+)件  (.*?)\r?$`, text) {
			told[class.ReplaceAllString(name, "")] += n
		}
		require.Equal(t, reasons, told, "a card is told of once")
		require.Equal(t, len(letters), found(t, `dead_letters\.jsonl は (\d+) 行`, text))
		subjectSays, textSays := found(t, `書き込めなかった名刺 (\d+)件`, subject), found(t, `書き込めなかった名刺: (\d+) 件`, text)
		require.Equal(t, subjectSays, textSays)
		require.Equal(t, len(failed), subjectSays, "a card is told of once")
	})

	t.Run("daily mail", func(t *testing.T) {
		s := newMailServer(t, "127.0.0.1:0")
		beside := *w
		beside.Set = nil
		p := beside.Start(t, "config/operations/daily_mail.yaml", "DAILY_SCHEDULE=@every 1s", "SANSAN_SATORI="+link.Binary(t), "DAILY_HTTP_ADDRESS="+freeAddress(t),
			"MAIL_SERVER="+s.address, "MAIL_TLS=none", "MAIL_FROM=link@example.co.jp", "MAIL_TO=ops@example.co.jp,marketing@example.co.jp")
		_, told := s.arrives(t)
		p.Kill()
		require.Equal(t, strings.TrimSpace(text), strings.TrimSpace(strings.ReplaceAll(told, "\r\n", "\n")))
	})

	t.Run("log", func(t *testing.T) {
		p.Term()
		out, err := p.End(t, endsWithin)
		require.NoError(t, err, out)
		require.Len(t, lines[decision](t, filepath.Join(w.Dir, "journal.jsonl")), len(journal), "nothing came since")
		m := regexp.MustCompile(`Customers: ([^"\n]+)`).FindAllStringSubmatch(out, -1)
		require.Len(t, m, 1, out)
		summary := figures{}
		for _, part := range strings.Split(m[0][1], ", ") {
			at := strings.LastIndex(part, " ")
			summary[part[:at]] += number(t, part[at+1:])
		}
		require.Equal(t, journal.count(func(d decision) string {
			if d.Action == "skip" || d.Action == "invalid" {
				return d.Action + " (" + d.Reason + ")"
			}
			return d.Action
		}), summary)
		read := 0
		for _, m := range regexp.MustCompile(`Read (\d+) cards`).FindAllStringSubmatch(out, -1) {
			read += number(t, m[1])
		}
		require.Equal(t, len(journal), read, "cards read")
	})
}
