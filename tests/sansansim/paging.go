package sansansim

import (
	"crypto/rand"
	"encoding/base64"
	"net/url"
	"sync"
	"time"
)

// cursor is where a list goes on; a token stands for one.
type cursor struct {
	owner    string // the user and query it belongs to
	page     int    // number of the page that it leads to, from 1
	started  bool
	at       int64 // PagingLive: the last card given
	id       string
	offset   int // other ways of paging, and tags
	snapshot []*card
	uses     int
	born     time.Time
}

// tokens remembers what every token stands for; the oldest are forgotten.
type tokens struct {
	mu    sync.Mutex
	known map[string]*cursor
	order []string
}

const keptTokens = 2000

func (t *tokens) issue(c cursor, now time.Time) string {
	var raw [18]byte
	_, _ = rand.Read(raw[:])
	// "+", "/" and "=" are there on purpose: a client that forgets to escape a token is found out.
	token := "p+" + base64.StdEncoding.EncodeToString(raw[:]) + "/="
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil {
		t.known = map[string]*cursor{}
	}
	c.born, c.uses = now, 0
	t.known[token] = &c
	if t.order = append(t.order, token); len(t.order) > keptTokens {
		delete(t.known, t.order[0])
		t.order = t.order[1:]
	}
	return token
}

// use gives what a token stands for; not ok when it is unknown, worn out or too old.
func (t *tokens) use(token string, set *Settings) (cursor, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.known[token]
	if c == nil {
		return cursor{}, false
	}
	c.uses++
	if set.TokenUses > 0 && c.uses > set.TokenUses || set.TokenLife > 0 && set.Now().Sub(c.born) > set.TokenLife {
		return cursor{}, false
	}
	return *c, true
}

// cursorOf reads nextPageToken; without one the list starts.
func (s *Sim) cursorOf(q url.Values, path string, u *User) (cursor, *apiError) {
	rest := url.Values{}
	for k, v := range q {
		if k != "nextPageToken" {
			rest[k] = v
		}
	}
	owner := u.ID + " " + path + "?" + rest.Encode()
	token := q.Get("nextPageToken")
	if token == "" {
		return cursor{owner: owner, page: 1}, nil
	}
	c, ok := s.tokens.use(token, &s.set)
	if !ok {
		return c, &apiError{s.set.TokenExpiredStatus, "INVALID_PAGE_TOKEN", "nextPageToken is invalid or has expired"}
	}
	if c.owner != owner && !s.set.TokenUnbound {
		return c, &apiError{400, "INVALID_PAGE_TOKEN", "parameters differ from those that nextPageToken was made for"}
	}
	return c, nil
}

// listing is a list of cards: an index read in a direction, and which of its cards belong to it.
type listing struct {
	index      *index
	descending bool
	from, to   int64 // bounds of the index's time, inclusive
	match      func(*card) bool
}

// each yields the cards of the list, those after the cursor's if it has started.
func (l *listing) each(c *cursor, yield func(*card) bool) {
	cards := l.index.cards
	if l.descending {
		i := l.index.find(l.to+1, "") - 1
		if c != nil && c.started {
			i = min(i, l.index.find(c.at, c.id)-1)
		}
		for ; i >= 0 && l.index.at(cards[i]) >= l.from; i-- {
			if l.match(cards[i]) && !yield(cards[i]) {
				return
			}
		}
		return
	}
	i := l.index.find(l.from, "")
	if c != nil && c.started {
		i = max(i, l.index.find(c.at, c.id+"\x00"))
	}
	for ; i < len(cards) && l.index.at(cards[i]) <= l.to; i++ {
		if l.match(cards[i]) && !yield(cards[i]) {
			return
		}
	}
}

// take gives the next cards and moves the cursor behind them; more says whether others follow.
func (l *listing) take(c *cursor, limit int, how Paging) (got []*card, more bool) {
	got = make([]*card, 0, limit)
	collect := func(x *card) bool {
		if more = len(got) == limit; !more {
			got = append(got, x)
		}
		return !more
	}
	switch how {
	case PagingOffset:
		skip := c.offset
		l.each(nil, func(x *card) bool {
			if skip > 0 {
				skip--
				return true
			}
			return collect(x)
		})
	case PagingSnapshot:
		if !c.started {
			l.each(nil, func(x *card) bool { c.snapshot = append(c.snapshot, x); return true })
		}
		rest := c.snapshot[min(c.offset, len(c.snapshot)):]
		got, more = rest[:min(limit, len(rest))], len(rest) > limit
	default:
		l.each(c, collect)
	}
	c.started = true
	c.offset += len(got)
	if len(got) > 0 {
		last := got[len(got)-1]
		c.at, c.id = l.index.at(last), last.id
	}
	return got, more
}
