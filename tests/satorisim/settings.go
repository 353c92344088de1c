package satorisim

import "time"

// Keys are the four request parameters that prove who calls (SATORI gives
// 32 lower-case hex digits each).
type Keys struct{ UserKey, UserSecret, CompanyKey, CompanySecret string }

// Refusal is how a no is worded: the HTTP status of the answer and the
// "status" in its JSON body. SATORI does not document that they agree.
type Refusal struct{ HTTP, Body int }

// Place is where an answer carries its payload.
type Place string

// The places seen in clients and in SATORI's documentation.
const (
	InBody    Place = "body"    // {"status":..,"message":"..","body":{payload}}
	InMessage Place = "message" // {"status":..,"message":{payload}}
	TopLevel  Place = "top"     // {"status":..,"message":"..",payload...}
)

// Rows is the shape of succeeded_rows.
type Rows string

// The shapes of succeeded_rows.
const (
	RowNumbers Rows = "numbers" // [2,3]
	RowObjects Rows = "objects" // [{"row_number":2,"hashcode":"..."}]
	RowsAbsent Rows = "absent"  // the key is missing
	RowsEmpty  Rows = "empty"   // [] even when rows succeeded
)

// Reaction is what happens to an upload that holds something wrong.
type Reaction string

// The reactions to something wrong in an upload.
const (
	FailRows      Reaction = "fail_rows"      // the rows concerned fail, the others are applied
	RefuseRequest Reaction = "refuse_request" // the whole upload is refused, nothing is applied
	Ignore        Reaction = "ignore"         // as if it were not there
)

// JobMoment is when the rows of a job take effect.
type JobMoment string

// The moments of a job.
const (
	AtUpload JobMoment = "upload" // before the upload is answered
	AtStart  JobMoment = "start"  // when the job leaves the queue
	AtFinish JobMoment = "finish" // when the job is finished; a job that never finishes never applies
)

// Together is what SATORI does with an upload while another job is unfinished.
type Together string

// The ways with several jobs at once.
const (
	Parallel Together = "parallel" // jobs run side by side
	Serial   Together = "serial"   // one after the other, first in first out
	Refuse   Together = "refuse"   // the second upload is answered with TooMany
)

// CustomItem is one line of the custom-item master
// (カスタマーカスタム項目, customer_custom_field_master).
type CustomItem struct {
	Name      string   // label in the admin screen
	FieldName string   // identifier (識別名), case-sensitive; the item is "custom:"+FieldName
	Kind      string   // "integer", "date", "text" or "selection"
	Options   []string // labels of a selection
	Unique    bool     // values may not repeat (値の重複を許可しない): neither readable nor writable
}

// Settings says how this SATORI behaves. Everything the specification calls
// unknown or an assumption [A] is a field here; Defaults gives the reading
// held most likely. The zero value is not usable.
type Settings struct {
	Keys        Keys         // the keys that are right
	CustomItems []CustomItem // what custom items exist

	// Refusals: each can be HTTP 401/403/..., or HTTP 200 with the status only in the body.
	BadKeys      Refusal // keys missing or wrong; default 401/401
	NoPermission Refusal // the user's rights lack this call; default 403/403
	Invalid      Refusal // data of a single call refused; default 400/400
	BadUpload    Refusal // an upload refused as a whole; default 400/400
	UnknownJob   Refusal // status of an unknown or expired job; default 404/404
	UnknownKey   Refusal // delete, or hashcode, of an unknown customer; default 404/404
	TooMany      Refusal // over quota, or over Jobs; default 429/429
	// Forbidden lists the calls the user has no right to.
	Forbidden []Kind

	// Shapes of answers.
	ProcessCodeIn Place // where an upload's answer holds process_code; default InBody
	StatusIn      Place // where a status holds its payload; default InBody
	SingleHTTP    int   // HTTP status of a successful single call; default 200
	AcceptedHTTP  int   // HTTP status of an accepted upload; default 200
	NumbersQuoted bool  // numbers come as strings: "status":"200", "row_number":"2"
	SucceededRows Rows  // default RowNumbers
	RowBase       int   // number of the first data row; default 2 (the header is row 1); seen as 2, 1, 0
	StrayRows     int   // so many of a job's failed rows are reported with numbers beyond the file
	DoubledRows   bool  // failed rows stand in succeeded_rows too
	WaitingWord   string
	WorkingWord   string // process_status before and while the job runs; default "accepted", "started"
	FinishedWord  string // default "finished"
	QuoteValues   bool   // messages about bad values quote the value (personal data)

	// What is refused, and how widely.
	BadRow       Reaction // a bad row fails alone, or (RefuseRequest) with its whole upload; default FailRows
	UnknownItem  Reaction // an item SATORI does not have: default RefuseRequest in single calls and uploads
	ForeignItem  Reaction // an item that exists but is never writable (score, status, ...): default RefuseRequest
	MissingRoute Reaction // collection_route blank or absent in an upload; default FailRows
	RaggedRow    Reaction // a row with more or fewer cells than the header; default RefuseRequest
	BOM          Reaction // a byte-order mark before the header: RefuseRequest (default) or Ignore
	StatusItem   bool     // "status" can be written (the service's rules forbid it to a link); default false
	LooseEmail   bool     // dots at odd places of an e-mail's local part are fine; default false
	CaseMatters  bool     // A@x.jp and a@x.jp are two customers; default false
	FourBytes    bool     // 4-byte characters are accepted; default true
	MaxText      int      // runes in one item, 0 = no limit
	MaxRows      int      // rows of one upload; default 10,000
	MaxBytes     int64    // bytes of one upload; default 64 MiB
	// RejectRow, when set, may refuse a row or single call for good: it gets the
	// normalised e-mail and returns SATORI's words, or "". It must not call the Sim.
	RejectRow func(email string) string
	FailRate  float64 // share of rows that fail at random (by Seed); the same row may succeed next time

	// Jobs.
	Jobs        Together      // default Serial
	ApplyAt     JobMoment     // default AtFinish
	JobDuration time.Duration // from start to finish; default 0
	JobPerRow   time.Duration // added for each row
	JobJitter   time.Duration // at most this is added at random (by Seed)
	JobPolls    int           // the job is not finished before its Nth status poll; 0 = polls do not matter
	JobNever    bool          // jobs started from now on never finish
	StatusPolls int           // so many finished answers, then the job is unknown; 0 = no limit
	StatusFor   time.Duration // so long after finishing the job is unknown; 0 = no limit

	// Pace.
	RequestsPerSecond float64       // quota over all calls, 0 = none; going over is a Violation
	Burst             int           // requests at once within the quota; default 1
	EnforceQuota      bool          // going over is answered with TooMany
	QuotaHint         Hint          // hint in these answers, and in those of Jobs: Refuse
	Latency           time.Duration // before a request is looked at
	LatencyJitter     time.Duration // at most this is added at random (by Seed)

	Seed     uint64           // of everything random here; default 1
	Now      func() time.Time // clock; default time.Now
	NoLog    bool             // keep no write log (for benchmarks): Writes, Backwards and the pages' histories are empty
	DateItem string           // item shown as the exchange date (名刺交換日) on the pages; default "custom:exchange_date"
	// CardOf, when set, names the card behind a write on the pages: text and link ("" = none).
	CardOf func(email string, w Write) (text, href string)
}

// Defaults is a SATORI as the specification holds it most likely.
func Defaults() Settings {
	return Settings{
		Keys: Keys{
			UserKey: "00000000000000000000000000000001", UserSecret: "00000000000000000000000000000002",
			CompanyKey: "00000000000000000000000000000003", CompanySecret: "00000000000000000000000000000004",
		},
		CustomItems: []CustomItem{
			{Name: "名刺交換日", FieldName: "exchange_date", Kind: "date"},
			{Name: "名刺所有者", FieldName: "card_owner", Kind: "text"},
			{Name: "Sansanタグ", FieldName: "sansan_tags", Kind: "text"},
			{Name: "従業員数", FieldName: "employees", Kind: "integer"},
			{Name: "ランク", FieldName: "rank", Kind: "selection", Options: []string{"A", "B", "C"}},
			{Name: "会員番号", FieldName: "member_no", Kind: "text", Unique: true},
		},
		BadKeys: Refusal{401, 401}, NoPermission: Refusal{403, 403}, Invalid: Refusal{400, 400},
		BadUpload: Refusal{400, 400}, UnknownJob: Refusal{404, 404}, UnknownKey: Refusal{404, 404}, TooMany: Refusal{429, 429},
		ProcessCodeIn: InBody, StatusIn: InBody, SingleHTTP: 200, AcceptedHTTP: 200,
		SucceededRows: RowNumbers, RowBase: 2,
		WaitingWord: "accepted", WorkingWord: "started", FinishedWord: "finished",
		BadRow: FailRows, UnknownItem: RefuseRequest, ForeignItem: RefuseRequest, MissingRoute: FailRows,
		RaggedRow: RefuseRequest, BOM: RefuseRequest, FourBytes: true,
		MaxRows: 10_000, MaxBytes: 64 << 20,
		Jobs: Serial, ApplyAt: AtFinish, Burst: 1, Seed: 1, Now: time.Now,
		DateItem: "custom:exchange_date",
	}
}
