package golden

import (
	"bytes"
	"encoding/csv"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// table is the golden table. UPDATE_GOLDEN=1 writes it anew from the rules below,
// which are those of the service's paper and know nothing of our code.
const table = "tests/golden/table.csv"

// row is one card under one configuration, and what must become of it.
type row struct {
	Range, Rule, Kind       string // of the configuration
	Owner, Date, Tags, Memo string // of the card, towards what SATORI holds
	Action, Reason          string // in the journal; "" when the card is not read
	LastName, Company       string // what SATORI holds at the end; "" when there is no customer
	Exchanged, Owned, Noted string
	Bears                   string
}

var header = []string{
	"range", "rule", "kind of memo", "owner", "exchange date", "tags", "memo", "action", "reason",
	"last_name", "lead_company_name", "custom:exchange_date", "custom:card_owner", "memo held", "satori tags",
}

func (r *row) cells() []*string {
	return []*string{
		&r.Range, &r.Rule, &r.Kind, &r.Owner, &r.Date, &r.Tags, &r.Memo, &r.Action, &r.Reason,
		&r.LastName, &r.Company, &r.Exchanged, &r.Owned, &r.Noted, &r.Bears,
	}
}

// Values of the columns that are given.
var (
	ranges = []string{"1-1", "1-2", "1-3", "1-2 and 1-3"}
	rules  = []string{"2-1", "2-2", "2-3", "fill blanks"}
	kinds  = []string{"writable", "readable_writable", "NG"}
	owners = []string{"wanted by e-mail", "wanted by name", "another", "none"}
	dates  = []string{"unknown customer", "none", "older", "equal", "newer", "none held"}
	tagged = []string{"none", "listed", "another", "two of the listed name"}
)

// What is held before, and what cards bring.
const (
	heldName, heldDate, heldTag = "旧姓", "2026-04-10", "既存"
	newName, newCompany         = "山田", "株式会社新"
	newMemo                     = "お礼済み"
	listedTag, otherTag         = "展示会2026", "重要"
)

var (
	dateOf  = map[string]string{"unknown customer": "2026-04-10", "none": "", "older": "2026-04-09", "equal": heldDate, "newer": "2026-04-11", "none held": "2026-04-01"}
	ownerOf = map[string]string{"wanted by e-mail": "鈴木一郎", "wanted by name": "佐藤花子", "another": "田中次郎", "none": ""}
)

// whole gives the rows: every range with every rule, each with one kind so that
// all pairs of them occur, and half of all owners × dates × tags under each.
func whole() (rows []*row) {
	for i, rng := range ranges {
		for j, rule := range rules {
			for o, owner := range owners {
				for d, date := range dates {
					for t, tags := range tagged {
						if (o+d+t+i+j)%2 != 0 {
							continue
						}
						r := &row{Range: rng, Rule: rule, Kind: kinds[(i+j)%len(kinds)], Owner: owner, Date: date, Tags: tags, Memo: "no"}
						if (o+2*d+t)%3 == 0 {
							r.Memo = "yes"
						}
						r.expect()
						rows = append(rows, r)
					}
				}
			}
		}
	}
	return rows
}

// expect fills in what the service's rules say.
func (r *row) expect() {
	known := r.Date != "unknown customer"
	if known {
		r.LastName, r.Exchanged, r.Bears = heldName, heldDate, heldTag
		if r.Date == "none held" {
			r.Exchanged = ""
		}
	}
	wantedOwner := strings.HasPrefix(r.Owner, "wanted")
	wantedTag := r.Tags == "listed" || r.Tags == "two of the listed name"
	if strings.Contains(r.Range, "1-2") && !wantedOwner || strings.Contains(r.Range, "1-3") && !wantedTag {
		return // never read
	}
	if r.Memo == "yes" && r.Kind == "NG" {
		r.Action, r.Reason = "failed", "item not linked"
		return
	}
	verb := map[string]string{"2-1": "upsert", "fill blanks": "register"}[r.Rule]
	r.Reason = "changed"
	switch {
	case !known:
		r.Reason = "new"
		if r.Rule != "2-1" {
			verb = "register"
		}
	case r.Rule == "2-2":
		verb, r.Reason = "skip", "exists"
	case r.Rule == "2-3" && (r.Date == "older" || r.Date == "none"):
		verb, r.Reason = "skip", "older"
	case r.Rule == "2-3":
		verb = "upsert"
	}
	r.Action = verb
	if verb == "skip" {
		return
	}
	write := func(to *string, value string) {
		if value != "" && (verb == "upsert" || *to == "") {
			*to = value
		}
	}
	write(&r.LastName, newName)
	write(&r.Company, newCompany)
	write(&r.Exchanged, dateOf[r.Date])
	write(&r.Owned, ownerOf[r.Owner])
	if r.Memo == "yes" {
		write(&r.Noted, newMemo)
	}
	bears := strings.Fields(r.Bears)
	for _, tag := range append([]string{ownerOf[r.Owner]}, tagsOf(r.Tags)...) {
		if tag != "" && !slices.Contains(bears, tag) {
			bears = append(bears, tag)
		}
	}
	slices.Sort(bears)
	r.Bears = strings.Join(bears, " ")
}

func tagsOf(tags string) []string {
	switch tags {
	case "listed", "two of the listed name":
		return []string{listedTag}
	case "another":
		return []string{otherTag}
	}
	return nil
}

func readTable(t *testing.T) (rows []*row) {
	t.Helper()
	content, err := os.ReadFile(table)
	require.NoError(t, err)
	records, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, header, records[0])
	for _, record := range records[1:] {
		r := &row{}
		for i, cell := range r.cells() {
			*cell = record[i]
		}
		rows = append(rows, r)
	}
	return rows
}

// The committed table is what the service's rules say, and nothing else.
func TestTableIsWhole(t *testing.T) {
	rows := whole()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		require.NoError(t, w.Write(header))
		for _, r := range rows {
			var record []string
			for _, cell := range r.cells() {
				record = append(record, *cell)
			}
			require.NoError(t, w.Write(record))
		}
		w.Flush()
		require.NoError(t, os.WriteFile(table, b.Bytes(), 0o644))
	}
	require.Equal(t, rows, readTable(t))
}

// Every two values of different columns occur together.
func TestTableHasEveryPair(t *testing.T) {
	columns := [][]string{ranges, rules, kinds, owners, dates, tagged, {"yes", "no"}}
	seen := map[[2]string]bool{}
	for _, r := range readTable(t) {
		given := r.cells()[:len(columns)]
		for i := range given {
			for j := range given[:i] {
				seen[[2]string{header[j] + "=" + *given[j], header[i] + "=" + *given[i]}] = true
			}
		}
	}
	for i := range columns {
		for j := range columns[:i] {
			for _, a := range columns[j] {
				for _, b := range columns[i] {
					require.True(t, seen[[2]string{header[j] + "=" + a, header[i] + "=" + b}], "%s=%s with %s=%s", header[j], a, header[i], b)
				}
			}
		}
	}
}
