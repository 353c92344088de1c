package satorisim

import (
	"bytes"
	"embed"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed pages/*.html
var pageFiles embed.FS

// jst is the time of the pages. Fixed: a binary without time zones shows it, too.
var jst = time.FixedZone("JST", 9*60*60)

var pageTemplates = template.Must(template.New("").Funcs(template.FuncMap{
	"clock":  func(t time.Time) string { return t.In(jst).Format("2006-01-02 15:04:05") },
	"number": grouped,
	"short":  func(s string) string { return s[:min(len(s), 8)] },
}).ParseFS(pageFiles, "pages/*.html"))

// grouped writes 12345 as 12,345.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func newPages(s *Sim) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.listPage)
	mux.HandleFunc("GET /customers/{id}", s.customerPage)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
}

const pageRows = 50

type listView struct {
	Query                    string
	Total, Found, Page, Last int
	Prev, Next               string
	Rows                     []listRow
	Counters                 Counters
	Requests, Violations     int
}

type listRow struct {
	ID                                                int
	Email, Name, Company, Department, Exchange, Route string
	Tags                                              []string
	Writes                                            int
	Updated                                           time.Time
}

func (s *Sim) listPage(w http.ResponseWriter, r *http.Request) {
	query := strings.TrimSpace(r.URL.Query().Get("q"))
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	s.show(w, "list.html", s.listView(query, page))
}

func (s *Sim) listView(query string, page int) listView {
	counters := s.Counters()
	s.mu.Lock()
	defer s.mu.Unlock()
	v := listView{Query: query, Total: len(s.table.byEmail), Counters: counters, Violations: len(s.violations)}
	for _, n := range counters.Requests {
		v.Requests += n
	}
	words := strings.Fields(strings.ToLower(query))
	var found []*customer
	for _, c := range s.table.byID {
		if c != nil && c.holds(words) {
			found = append(found, c)
		}
	}
	slices.SortStableFunc(found, func(a, b *customer) int { return b.updated.Compare(a.updated) })
	v.Found = len(found)
	v.Last = max(1, (len(found)+pageRows-1)/pageRows)
	v.Page = min(max(page, 1), v.Last)
	link := func(p int) string { return "?" + url.Values{"q": {query}, "page": {strconv.Itoa(p)}}.Encode() }
	if v.Page > 1 {
		v.Prev = link(v.Page - 1)
	}
	if v.Page < v.Last {
		v.Next = link(v.Page + 1)
	}
	exchange, dated := s.schema.index[s.set.DateItem]
	for _, c := range found[(v.Page-1)*pageRows : min(v.Page*pageRows, len(found))] {
		row := listRow{
			ID: c.id, Email: c.values[itemEmail], Company: c.values[itemCompany], Department: c.values[itemDepartment],
			Name:  strings.TrimSpace(c.values[itemLastName] + " " + c.values[itemFirstName]),
			Route: c.values[itemRoute], Tags: slices.Clone(c.tags), Writes: len(c.log), Updated: c.updated,
		}
		if dated {
			row.Exchange = c.values[exchange]
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

// holds reports whether every word stands in some item or tag.
func (c *customer) holds(words []string) bool {
	for _, word := range words {
		has := func(v string) bool { return v != "" && strings.Contains(strings.ToLower(v), word) }
		if !slices.ContainsFunc(c.values, has) && !slices.ContainsFunc(c.tags, has) {
			return false
		}
	}
	return true
}

type customerView struct {
	ID               int
	Email, Name      string
	Hashcode         string
	Created, Updated time.Time
	Items            []itemRow
	Tags             []string
	Writes           []writeRow
	Cards            bool
}

type itemRow struct{ Label, English, Name, Value string }

type writeRow struct {
	Write
	Card, Link, Exchange string
	Items                []changeRow
}

type changeRow struct{ Label, Name, From, To string }

func (s *Sim) customerPage(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(r.PathValue("id"))
	v, ok := s.customerView(id)
	if !ok {
		http.Error(w, "該当するカスタマーが存在しません / No such customer", http.StatusNotFound)
		return
	}
	s.show(w, "customer.html", v)
}

func (s *Sim) customerView(id int) (customerView, bool) {
	s.mu.Lock()
	s.advance()
	if id < 1 || id > len(s.table.byID) || s.table.byID[id-1] == nil {
		s.mu.Unlock()
		return customerView{}, false
	}
	c := s.table.byID[id-1]
	v := customerView{
		ID: id, Email: c.values[itemEmail], Name: strings.TrimSpace(c.values[itemLastName] + " " + c.values[itemFirstName]),
		Hashcode: s.hashcode(id), Created: c.created, Updated: c.updated, Tags: slices.Clone(c.tags),
	}
	labels := map[string]string{}
	for i, it := range s.schema.items {
		labels[it.name] = it.label
		if c.values[i] != "" {
			v.Items = append(v.Items, itemRow{it.label, it.english, it.name, c.values[i]})
		}
	}
	log := c.log
	writes := make([]Write, len(log))
	for i := range log {
		writes[len(log)-1-i] = s.public(&log[i]) // newest first
	}
	cardOf, date := s.set.CardOf, s.set.DateItem
	s.mu.Unlock()

	for _, w := range writes {
		row := writeRow{Write: w, Exchange: w.Sent[date]}
		if cardOf != nil {
			v.Cards = true
			row.Card, row.Link = cardOf(v.Email, w)
		}
		for _, name := range slices.Sorted(maps.Keys(w.Changed)) {
			row.Items = append(row.Items, changeRow{labels[name], name, w.Changed[name].From, w.Changed[name].To})
		}
		v.Writes = append(v.Writes, row)
	}
	return v, true
}

func (s *Sim) show(w http.ResponseWriter, name string, view any) {
	var b bytes.Buffer
	if err := pageTemplates.ExecuteTemplate(&b, name, view); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(b.Bytes())
}
