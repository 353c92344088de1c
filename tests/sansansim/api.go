package sansansim

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ServeHTTP is the API under /v…, the pages elsewhere.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if len(r.URL.Path) > 2 && r.URL.Path[1] == 'v' && r.URL.Path[2] >= '0' && r.URL.Path[2] <= '9' {
		s.serveAPI(w, r)
		return
	}
	s.pages.ServeHTTP(w, r)
}

func (s *Sim) serveAPI(w http.ResponseWriter, h *http.Request) {
	began := time.Now()
	set := s.Settings()
	r := &Request{HTTP: h, Writer: w, sim: s, Query: h.URL.Query()}
	r.Version, r.Kind, r.ID = route(h.URL.Path)
	r.User, r.hasKey = set.Keys[h.Header.Get("X-Sansan-Api-Key")]
	r.hasKey = r.hasKey && (set.AppID == "" || set.AppID == h.Header.Get("X-Sansan-App-Id"))
	r.entry = &Logged{Kind: r.Kind, Version: r.Version, Path: h.URL.Path, Query: r.Query, User: r.User.ID, At: set.Now()}
	s.log.begin(r.entry)
	r.Number = r.entry.Number
	defer func() { s.log.end(r, time.Since(began)) }()
	if r.hasKey {
		r.wait = s.rate.count(r.User.ID, &set, r.entry.At)
	}
	if set.Latency > 0 && !r.Sleep(set.Latency) {
		return
	}
	if !s.ctl.answer(r) {
		r.Send(r.Answer())
	}
}

// route reads /v3.2/bizCards/{id}/tags and the like; paths are case-sensitive.
func route(path string) (version string, k Kind, id string) {
	version, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	parts := strings.Split(rest, "/")
	switch {
	case rest == "me":
		return version, Me, ""
	case rest == "tags":
		return version, TagList, ""
	case rest == "bizCards":
		return version, Cards, ""
	case rest == "bizCards/search":
		return version, Search, ""
	case len(parts) == 2 && parts[0] == "bizCards" && parts[1] != "":
		return version, CardByID, parts[1]
	case len(parts) == 2 && parts[0] == "persons" && parts[1] != "":
		return version, Persons, parts[1]
	case len(parts) == 3 && parts[0] == "bizCards" && parts[2] == "tags":
		return version, CardTags, parts[1]
	}
	return version, Unknown, ""
}

// answer gives the ordinary answer.
func (s *Sim) answer(r *Request) *Answer {
	s.mu.RLock()
	defer s.mu.RUnlock()
	set := &s.set
	fail := func(e *apiError) *Answer { return set.errorAnswer(e, "") }
	switch {
	case !slices.Contains(set.Versions, r.Version) || r.Kind == Unknown || r.Kind == Me && r.Version == "v6.0" && !set.MeOnV6:
		return fail(&apiError{404, "NOT_FOUND", "no such resource"})
	case !r.hasKey:
		return fail(&apiError{401, "UNAUTHORIZED", "API key is missing or wrong"})
	case r.User.DataHubOnly:
		return fail(&apiError{set.DataHubStatus, "FORBIDDEN", "this API key is for Sansan Data Hub only"})
	case r.wait > 0 && !set.LenientRate:
		return set.tooMany(Hint{set.RetryHint, r.wait})
	case r.HTTP.Method != http.MethodGet:
		return fail(&apiError{405, "METHOD_NOT_ALLOWED", "only GET"})
	}
	var a *Answer
	var e *apiError
	switch r.Kind {
	case Cards:
		a, e = s.listChanged(r)
	case Search:
		a, e = s.search(r)
	case TagList:
		a, e = s.listTags(r)
	case CardByID, CardTags:
		a, e = s.one(r)
	case Persons:
		a, e = s.person(r)
	case Me:
		b := appendJSON(nil, map[string]any{"id": r.User.ID, "name": r.User.Name, "userType": "user", "canUpdateData": false, "departments": []any{}})
		a = jsonAnswer(200, b)
	}
	if e != nil {
		return fail(e)
	}
	return a
}

func bad(parameter, why string) *apiError {
	return &apiError{400, "INVALID_PARAMETER", parameter + ": " + why}
}

// listParameters are what both card lists understand.
type listParameters struct {
	limit               int
	all, withTags, past bool
	status, orderBy     string
	descending          bool
}

func (s *Sim) listParameters(q url.Values, orders []string, direction string) (p listParameters, e *apiError) {
	choice := func(name, missing string, allowed ...string) string {
		v := q.Get(name)
		if v == "" {
			return missing
		}
		if !slices.Contains(allowed, v) {
			e = bad(name, "must be one of "+strings.Join(allowed, ", "))
		}
		return v
	}
	p.all = choice("range", s.set.DefaultRange, "me", "all") == "all"
	p.withTags = choice("includeTags", "false", "true", "false") == "true"
	p.past = choice("includePastBizCards", "false", "true", "false") == "true"
	p.status = choice("entryStatus", "completed", "processing", "completed", "unreadable")
	p.orderBy = choice("orderBy", orders[0], orders...)
	p.descending = choice("orderDirection", direction, "asc", "desc") == "desc"
	if s.set.IgnoreOrder {
		p.orderBy, p.descending = orders[0], direction == "desc"
	}
	if e == nil {
		p.limit, e = limitOf(q, s.set.MaxLimit, s.set.CapLimit)
	}
	return p, e
}

func limitOf(q url.Values, largest int, capped bool) (int, *apiError) {
	if !q.Has("limit") {
		return min(100, largest), nil
	}
	n, err := strconv.Atoi(q.Get("limit"))
	if err != nil || n < 1 || n > largest && !capped {
		return 0, bad("limit", "must be 1.."+strconv.Itoa(largest))
	}
	return min(n, largest), nil
}

// shows says whether a list with these parameters may hold the card.
func (p *listParameters) shows(c *card, u *User) bool {
	return c.status == p.status && (p.past || !c.past) && (c.owner == u.ID || p.all && u.sees(c.owner))
}

// listChanged is GET /bizCards: cards changed in a period.
func (s *Sim) listChanged(r *Request) (*Answer, *apiError) {
	p, e := s.listParameters(r.Query, []string{"updatedAt", "registeredAt", "completedAt"}, "asc")
	if e != nil {
		return nil, e
	}
	from, e := instant(r.Query, "updatedFrom")
	if e != nil {
		return nil, e
	}
	to, e := instant(r.Query, "updatedTo")
	if e != nil {
		return nil, e
	}
	if to.Before(from) {
		return nil, bad("updatedTo", "lies before updatedFrom")
	}
	if s.set.MaxPeriod > 0 && to.Sub(from) > s.set.MaxPeriod {
		return nil, bad("updatedTo", "period too long")
	}
	lo, hi := from.Unix(), to.Unix()
	if s.set.FromExclusive {
		lo++
	}
	if s.set.ToExclusive {
		hi--
	}
	l := s.listing(p, func(c *card) bool { return c.updated >= lo && c.updated <= hi && p.shows(c, &r.User) })
	if p.orderBy == "updatedAt" {
		l.from, l.to = lo, hi
	}
	return s.page(r, p, l)
}

func (s *Sim) listing(p listParameters, match func(*card) bool) *listing {
	l := &listing{index: &s.byUpdated, descending: p.descending, from: -1 << 60, to: 1 << 60, match: match}
	if p.orderBy != "updatedAt" { // when digitisation was completed is not kept: registration stands for it
		l.index = &s.byRegistered
	}
	return l
}

// instant reads YYYY-MM-DDThh:mm:ssTZD without fractions; an unescaped + has become a blank and fails.
func instant(q url.Values, name string) (time.Time, *apiError) {
	v := q.Get(name)
	t, err := time.Parse("2006-01-02T15:04:05Z07:00", v)
	if err != nil || strings.Contains(v, ".") {
		return t, bad(name, "required, as YYYY-MM-DDThh:mm:ssTZD")
	}
	return t, nil
}

// search is GET /bizCards/search: cards by condition.
func (s *Sim) search(r *Request) (*Answer, *apiError) {
	q := r.Query
	p, e := s.listParameters(q, []string{"registeredAt", "updatedAt"}, "desc")
	if e != nil {
		return nil, e
	}
	var tags []*tag
	ids := s.values(q, "tagId")
	for _, id := range ids {
		if t := s.tagByID[id]; t != nil && t.visible(&r.User) {
			tags = append(tags, t)
		}
	}
	holds := func(name, value string, test func(s, part string) bool) bool {
		return !q.Has(name) || value != "" && test(value, q.Get(name))
	}
	return s.page(r, p, s.listing(p, func(c *card) bool {
		return p.shows(c, &r.User) && (len(ids) == 0 || slices.ContainsFunc(c.tags, func(t *tag) bool { return slices.Contains(tags, t) })) &&
			holds("companyName", c.company, strings.Contains) && holds("name", c.name, strings.HasPrefix) &&
			holds("email", c.email, func(a, b string) bool { return a == b }) &&
			holds("tel", c.tel, strings.Contains) && holds("mobile", c.mobile, strings.Contains)
	}))
}

// values reads a parameter that may have several values.
func (s *Sim) values(q url.Values, name string) []string {
	single, brackets := q[name], q[name+"[]"]
	switch s.set.ListSyntax {
	case ListRepeat:
		return single
	case ListBrackets:
		return append(slices.Clone(brackets), single[:min(1, len(single))]...)
	}
	return append(slices.Clone(brackets), single...)
}

// page answers with the list's next cards.
func (s *Sim) page(r *Request, p listParameters, l *listing) (*Answer, *apiError) {
	at, e := s.cursorOf(r.Query, r.HTTP.URL.Path, &r.User)
	if e != nil {
		return nil, e
	}
	next := at
	cards, more := l.take(&next, p.limit, s.set.Paging)
	switch n := s.set.EmptyPageEvery; {
	case n > 1 && at.page%n == 0 && len(cards) > 0:
		cards, more, next = nil, true, at
	case s.set.RepeatFromPage > 0 && at.page >= s.set.RepeatFromPage:
		more, next = true, at
	}
	next.page = at.page + 1
	b := make([]byte, 0, 64+len(cards)*1200)
	b = append(b, `{"data":[`...)
	for i, c := range cards {
		if i > 0 {
			b = append(b, ',')
		}
		b = c.appendCard(b, &s.set, &r.User, p.withTags)
		if n := s.set.NullRowEvery; n > 0 && (i+1)%n == 0 {
			b = append(b, ",null"...)
		}
	}
	a := jsonAnswer(200, s.finish(append(b, ']'), r, more, next))
	a.Rows = len(cards)
	return a, nil
}

// finish writes the rest of the envelope.
func (s *Sim) finish(b []byte, r *Request, more bool, next cursor) []byte {
	token := ""
	if more {
		if token = r.Query.Get("nextPageToken"); token == "" || s.set.RepeatFromPage == 0 || next.page <= s.set.RepeatFromPage {
			token = s.tokens.issue(next, s.set.Now())
		}
	}
	b = append(b, `,"hasMore":`...)
	b = strconv.AppendBool(b, more)
	switch {
	case more || s.set.LastToken == TokenEmpty:
		b = appendJSON(append(b, `,"nextPageToken":`...), token)
	case s.set.LastToken == TokenNull:
		b = append(b, `,"nextPageToken":null`...)
	}
	return append(b, '}')
}

// listTags is GET /tags.
func (s *Sim) listTags(r *Request) (*Answer, *apiError) {
	q := r.Query
	limit, e := limitOf(q, s.set.MaxTagLimit, s.set.CapLimit)
	if e != nil {
		return nil, e
	}
	if v := q.Get("type"); v != "" && !slices.Contains([]string{"private", "public", "shared"}, v) {
		return nil, bad("type", "must be private, public or shared")
	}
	width := q.Get("range")
	if width == "" {
		width = s.set.DefaultRange
	}
	if width != "me" && width != "all" {
		return nil, bad("range", "must be me or all")
	}
	at, e := s.cursorOf(q, r.HTTP.URL.Path, &r.User)
	if e != nil {
		return nil, e
	}
	var found []*tag
	for _, t := range s.tags {
		mine := t.Owner != nil && t.Owner.ID == r.User.ID
		named := !q.Has("tagName") || t.Name == q.Get("tagName") || s.set.TagNamePart && strings.Contains(t.Name, q.Get("tagName"))
		if named && t.visible(&r.User) && (width == "all" || mine) && (!q.Has("type") || t.Type == q.Get("type")) {
			found = append(found, t)
		}
	}
	found = found[min(at.offset, len(found)):]
	more := len(found) > limit
	found = found[:min(limit, len(found))]
	next := at
	next.offset, next.page = at.offset+len(found), at.page+1
	b := []byte(`{"data":[`)
	for i, t := range found {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, t.listed...)
	}
	a := jsonAnswer(200, s.finish(append(b, ']'), r, more, next))
	a.Rows = len(found)
	return a, nil
}

// one is GET /bizCards/{id} and GET /bizCards/{id}/tags.
func (s *Sim) one(r *Request) (*Answer, *apiError) {
	c := s.cards[r.ID]
	if c == nil || !r.User.sees(c.owner) {
		return nil, &apiError{404, "NOT_FOUND", "no such card"}
	}
	if r.Kind == CardTags {
		var b []byte
		b = append(b, `{"data":`...)
		return jsonAnswer(200, s.finish(c.appendTags(b, &r.User), r, false, cursor{})), nil
	}
	b := c.appendCard(nil, &s.set, &r.User, r.Query.Get("includeTags") == "true")
	if s.set.CardEnvelope != "" {
		b = append(append(append(appendJSON([]byte{'{'}, s.set.CardEnvelope), ':'), b...), '}')
	}
	return jsonAnswer(200, b), nil
}

// person is GET /persons/{id}: the head card is the newest that is not past.
func (s *Sim) person(r *Request) (*Answer, *apiError) {
	for _, c := range slices.Backward(s.byUpdated.cards) {
		if c.person == r.ID && !c.past && r.User.sees(c.owner) {
			b := appendJSON([]byte(`{"item":{"id":`), r.ID)
			b = c.appendCard(append(b, `,"headBizCard":`...), &s.set, &r.User, r.Query.Get("includeTags") == "true")
			return jsonAnswer(200, append(b, '}', '}')), nil
		}
	}
	return nil, &apiError{404, "NOT_FOUND", "no such person"}
}
