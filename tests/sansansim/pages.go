package sansansim

import (
	_ "embed"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

//go:embed pages.html
var pagesHTML string

var pageTemplates = template.Must(template.New("").Parse(pagesHTML))

// cardsPerPage is the length of the list in the browser.
const cardsPerPage = 50

// Pages gives the cards for people: look, search, edit, tag. It may be mounted anywhere, with [http.StripPrefix] and a
// slash at the end of the prefix: all its links are relative.
func (s *Sim) Pages() http.Handler { return s.pages }

func (s *Sim) newPages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.showList)
	mux.HandleFunc("GET /cards/{id}", s.showCard)
	mux.HandleFunc("POST /cards/{id}", s.saveCard)
	mux.HandleFunc("POST /cards/{id}/tags", s.saveTags)
	mux.HandleFunc("POST /cards/{id}/delete", s.deleteCard)
	safe := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'")
		w.Header().Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		safe.ServeHTTP(w, r)
	})
}

// label is a field as people know it.
type label struct {
	Field, Japanese, English string
	Long                     bool // several lines
}

var labels = []label{
	{"lastName", "姓", "Last name", false}, {"firstName", "名", "First name", false},
	{"lastNameReading", "姓（カナ）", "Reading", false}, {"firstNameReading", "名（カナ）", "Reading", false},
	{"companyName", "会社名", "Company", false}, {"departmentName", "部署", "Department", false},
	{"title", "役職", "Title", false}, {"email", "メールアドレス", "E-mail", false},
	{"tel", "電話番号", "Telephone", false}, {"mobile", "携帯電話", "Mobile", false},
	{"exchangeDate", "名刺交換日", "Exchange date", false}, {"url", "URL", "Web site", false},
	{"address", "住所", "Address", true}, {"memo", "メモ", "Memo", true},
}

// summary is what the head of each page says.
type summary struct{ Cards, Tags, Requests, Violations int }

func (s *Sim) summary() summary {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.rate.mu.Lock()
	defer s.rate.mu.Unlock()
	return summary{len(s.cards), len(s.tags), s.Count(Any), len(s.rate.violations)}
}

type tagView struct {
	ID, Name, Type, Owner string
	On                    bool
}

type row struct {
	ID, Updated, Exchanged, Name, Company, Email, Owner, Status string
	Past                                                        bool
	Tags                                                        []tagView
}

func (s *Sim) showList(w http.ResponseWriter, r *http.Request) {
	query := strings.ToLower(strings.TrimSpace(r.FormValue("q")))
	page, _ := strconv.Atoi(r.FormValue("page"))
	page = max(page, 1)
	view := struct {
		summary
		Query, Previous, Next string
		Found, First, Last    int
		Rows                  []row
	}{summary: s.summary(), Query: r.FormValue("q")}
	s.mu.RLock()
	var cards []*card
	for _, c := range slices.Backward(s.byUpdated.cards) {
		if query == "" || strings.Contains(c.search, query) {
			if view.Found++; view.Found > (page-1)*cardsPerPage && len(cards) < cardsPerPage {
				cards = append(cards, c)
			}
		}
	}
	for _, c := range cards {
		f := c.fields()
		owner, _ := f["owner"].(map[string]any)
		x := row{
			ID: c.id, Updated: show(f["updatedTime"]), Exchanged: show(f["exchangeDate"]), Name: show(f["lastName"]) + " " + show(f["firstName"]),
			Company: show(f["companyName"]), Email: show(f["email"]), Owner: show(owner["name"]), Status: c.status, Past: c.past,
		}
		for _, t := range c.tags {
			x.Tags = append(x.Tags, tagView{Name: t.Name, Type: t.Type})
		}
		view.Rows = append(view.Rows, x)
	}
	s.mu.RUnlock()
	at := func(n int) string { return "?" + url.Values{"q": {view.Query}, "page": {strconv.Itoa(n)}}.Encode() }
	if page > 1 {
		view.Previous = at(page - 1)
	}
	view.First, view.Last = (page-1)*cardsPerPage+min(1, len(cards)), (page-1)*cardsPerPage+len(cards)
	if view.Last < view.Found && len(cards) > 0 {
		view.Next = at(page + 1)
	}
	render(w, "list", view)
}

// newID stands for a card that does not exist yet.
const newID = "new"

type cardView struct {
	summary
	ID, Owner, Status, Updated, Registered string
	New, Past, Saved                       bool
	Labels                                 []label
	Values                                 map[string]string
	Owners                                 []map[string]any
	AllTags                                []tagView
	Statuses                               []string
}

func (s *Sim) showCard(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	view := cardView{
		summary: s.summary(), ID: id, New: id == newID, Saved: r.FormValue("saved") != "", Labels: labels, Values: map[string]string{},
		Status: "completed", Statuses: []string{"completed", "processing", "unreadable"},
	}
	s.mu.RLock()
	c := s.cards[id]
	for _, k := range slices.Sorted(maps.Keys(s.owners)) {
		view.Owners = append(view.Owners, s.owners[k])
	}
	if c != nil {
		f := c.fields()
		for _, l := range labels {
			view.Values[l.Field] = show(f[l.Field])
		}
		view.Owner, view.Status, view.Past = c.owner, c.status, c.past
		view.Updated, view.Registered = show(f["updatedTime"]), show(f["registeredTime"])
		for _, t := range s.tags {
			v := tagView{ID: t.ID, Name: t.Name, Type: t.Type, On: slices.Contains(c.tags, t)}
			if t.Owner != nil {
				v.Owner = t.Owner.Name
			}
			view.AllTags = append(view.AllTags, v)
		}
	}
	s.mu.RUnlock()
	if c == nil && !view.New {
		http.NotFound(w, r)
		return
	}
	render(w, "card", view)
}

// saveCard changes what the form changed, so that a field that was null, absent or of another type stays so.
func (s *Sim) saveCard(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the form cannot be read", http.StatusBadRequest)
		return
	}
	id := r.PathValue("id")
	s.mu.RLock()
	owner := s.owners[r.PostFormValue("owner")]
	s.mu.RUnlock()
	change := func(f map[string]any) {
		for _, l := range labels {
			if !r.PostForm.Has(l.Field) {
				continue
			}
			v := r.PostFormValue(l.Field)
			if lines(v) == lines(show(f[l.Field])) {
				continue
			}
			if f[l.Field] = any(v); v == "" {
				f[l.Field] = nil
			}
		}
		if owner != nil {
			f["owner"] = owner
		}
		if status := r.PostFormValue("entryStatus"); status != "" {
			f["entryStatus"] = status
		}
	}
	if id == newID {
		f := map[string]any{"exchangeDate": stamp(s.now())[:len("2006-01-02")], "tags": []any{}}
		change(f)
		id = s.Put(f)
	} else if err := s.Edit(id, change); err != nil {
		http.NotFound(w, r)
		return
	}
	_ = s.SetPast(id, r.PostFormValue("past") != "") // it was there a moment ago, and may be gone
	goTo(w, url.PathEscape(id)+"?saved=1")
}

func (s *Sim) saveTags(w http.ResponseWriter, r *http.Request) {
	id, tagID := r.PathValue("id"), r.PostFormValue("tag")
	if name := strings.TrimSpace(r.PostFormValue("name")); name != "" {
		s.mu.RLock()
		tagID = fmt.Sprintf("7A61%028X", len(s.tags)+1)
		s.mu.RUnlock()
		s.AddTag(Tag{ID: tagID, Name: name, Type: "shared"})
	}
	do := s.Tag
	if r.PostFormValue("do") == "remove" {
		do = s.Untag
	}
	if err := do(id, tagID); err != nil {
		http.NotFound(w, r)
		return
	}
	goTo(w, "../"+url.PathEscape(id)+"?saved=1")
}

func (s *Sim) deleteCard(w http.ResponseWriter, r *http.Request) {
	if !s.Delete(r.PathValue("id")) {
		http.NotFound(w, r)
		return
	}
	goTo(w, "../../")
}

// goTo redirects to a relative address as it is; http.Redirect would make it absolute and lose a stripped prefix.
func goTo(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

func render(w http.ResponseWriter, name string, view any) {
	var b strings.Builder
	if err := pageTemplates.ExecuteTemplate(&b, name, view); err != nil {
		http.Error(w, "the page cannot be drawn", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(b.String()))
}

// show gives a value as text, null as nothing.
func show(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// lines makes line ends alike: browsers send CRLF whatever there was.
func lines(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}
