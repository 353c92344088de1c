package sansansim

import (
	"maps"
	"slices"
	"time"
)

// Key is the API key that [Defaults] knows; its user is suzuki, who sees every card.
const Key = "SimulatedSansanKeyForTrialsOnly1"

// Settings says how the simulator behaves wherever the specification knows no answer, or two. [Defaults] gives the
// values named in the comments; change them with [Sim.Configure] at any time.
type Settings struct {
	// Who may call.

	Keys map[string]User // key → its user; default: Key → suzuki
	// DataHubStatus is the status for a key that is limited to "Sansan Data Hub only"; default 403.
	DataHubStatus int
	AppID         string // X-Sansan-App-Id that every request must bear; default "": none needed

	// Paths.

	Versions []string // default v3.1, v3.2, v6.0; any other is 404
	MeOnV6   bool     // GET /me exists on v6.0; default false: 404 there

	// What a period and a list mean.

	FromExclusive bool          // a card at updatedFrom itself is left out; default false
	ToExclusive   bool          // a card at updatedTo itself is left out; default false
	MaxPeriod     time.Duration // a longer period is 400; default 0: any
	DefaultRange  string        // range when it is missing; default "me"
	IgnoreOrder   bool          // orderBy and orderDirection do nothing, each list keeps its own default; default false
	MaxLimit      int           // largest limit of a card list; default 300
	MaxTagLimit   int           // largest limit of the tag list; default 100
	CapLimit      bool          // a larger limit is taken as the largest; default false: 400
	ListSyntax    ListSyntax    // how several values of tagId are spelt; default ListEither
	TagNamePart   bool          // tagName finds names that contain it; default false: the whole name

	// Pages.

	Paging         Paging        // what happens to a list while it is being paged; default PagingLive
	LastToken      LastToken     // nextPageToken on the last page; default TokenNull
	NullRowEvery   int           // a null row after every so many rows; default 0: never
	EmptyPageEvery int           // every so-manieth page is empty though hasMore is true (2 or more); default 0: never
	TokenUses      int           // a token is good for so many requests; default 0: any number
	TokenLife      time.Duration // a token is good for so long; default 0: for ever
	TokenUnbound   bool          // other parameters need not be repeated with a token; default false: 400 if one differs
	RepeatFromPage int           // from this page on the same token and page come again without end; default 0: never

	// Shape of cards and tags.

	HideEntryStatus bool   // cards lack entryStatus; default false
	EmbeddedTagID   string // spelling of id in tags inside cards: "id" or "Id"; default "id"
	EmbeddedShared  string // type of a shared tag inside cards: "shared" or "share"; default "shared"
	CardEnvelope    string // member that holds the card of GET /bizCards/{id}, such as "item"; default "": none

	// Errors.

	ErrorShape         ErrorShape // default ErrorDocumented
	TokenExpiredStatus int        // default 400

	// Limits. Zero is no limit.

	PerSecond   int           // requests a key may make in any second; default 10
	PerMinute   int           // and in any minute; default 300
	LenientRate bool          // more is recorded as a violation, yet answered; default false: 429
	RetryHint   HintKind      // how a 429 says when to come again; default HintNone
	Latency     time.Duration // time each request takes, at least; default 0

	// What moves a card's updatedTime.

	TaggingMoves bool     // tagging and untagging do; default false
	StillFields  []string // Edit of only these fields does not, such as "memo", "owner", "personId"; default none

	// Now is the clock of edits, tokens and quotas; default time.Now.
	Now func() time.Time
}

// User is who a key belongs to.
type User struct {
	ID          string
	Name        string
	Email       string
	Sees        []string // owners (by id) whose cards the user sees besides their own; nil: everybody's
	DataHubOnly bool     // the key may not call this API at all
}

func (u User) sees(owner string) bool {
	return u.Sees == nil || owner == u.ID || slices.Contains(u.Sees, owner)
}

// Paging says what happens to a list while it is being paged.
type Paging int

const (
	PagingLive     Paging = iota // a page begins after the last card of the page before, in the cards as they are now
	PagingOffset                 // a page begins at a number, in the cards as they are now: a card that moves shifts the others, one may be missed or come twice
	PagingSnapshot               // the list, and each card in it, stays as it was at the first page
)

// LastToken says what nextPageToken is on the last page.
type LastToken int

const (
	TokenNull LastToken = iota
	TokenEmpty
	TokenAbsent
)

// ListSyntax says how several values of one parameter are spelt. The other spelling is ignored, as unknown parameters are.
type ListSyntax int

const (
	ListEither   ListSyntax = iota
	ListRepeat              // k=a&k=b
	ListBrackets            // k[]=a&k[]=b; a single k=a is understood, too
)

// ErrorShape says what the body of an error is.
type ErrorShape int

const (
	ErrorDocumented ErrorShape = iota // {"statusCode":400,"message":"...","error":[{"code":"..."}]}
	ErrorOtherJSON                    // {"title":"...","status":400,"detail":"..."}
	ErrorHTML
	ErrorEmpty
)

// HintKind says how a 429 tells when to come again.
type HintKind int

const (
	HintNone       HintKind = iota
	HintHeader              // Retry-After: seconds
	HintHeaderDate          // Retry-After: an HTTP date
	HintBody                // "retry_after": seconds, in a JSON body
)

// Defaults gives the behaviour that the specification documents and, where it does not know, the one harder on a client.
func Defaults() Settings {
	return Settings{
		Keys:          map[string]User{Key: {ID: "suzuki", Name: "鈴木一郎", Email: "suzuki@example.com"}},
		DataHubStatus: 403, Versions: []string{"v3.1", "v3.2", "v6.0"}, DefaultRange: "me", MaxLimit: 300, MaxTagLimit: 100,
		EmbeddedTagID: "id", EmbeddedShared: "shared", TokenExpiredStatus: 400, PerSecond: 10, PerMinute: 300, Now: time.Now,
	}
}

// Configure changes the settings; what is being answered keeps the old ones.
func (s *Sim) Configure(change func(*Settings)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.set
	c.Keys = maps.Clone(c.Keys)
	change(&c)
	s.set = c
	for _, t := range s.tags {
		t.encode(&s.set)
	}
}

// Settings gives the settings as they are now.
func (s *Sim) Settings() Settings {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.set
}
