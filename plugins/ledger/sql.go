package ledger

import "strings"

// schemaVersion rises when an older program could misread the tables.
const schemaVersion = 1

// dialect is what differs between the databases in otherwise equal SQL.
// Parameters are $1, $2... in both.
type dialect struct {
	name  string
	among func(param string) string // condition: is one of a list
	list  func([]Key) string        // such a list: a group travels as one parameter
	count string                    // SELECT of the number of cards applied
	lock  string                    // locks the rows read
	gone  string                    // condition: a request's process is gone; $1 is this one
}

var sqliteDialect = dialect{
	name:  DriverSQLite,
	among: func(p string) string { return " IN (SELECT value FROM json_each(" + p + "))" },
	list:  jsonList,
	count: "SELECT count(*) FROM ledger_customer c, json_each(c.applied)",
	gone:  "owner <> $1", // the lock says that no other process is left
}

var postgresDialect = dialect{
	name:  DriverPostgres,
	among: func(p string) string { return " = ANY (CAST(" + p + " AS TEXT[]))" },
	list:  arrayList,
	count: "SELECT count(*) FROM ledger_customer c, jsonb_object_keys(c.applied)",
	lock:  " FOR UPDATE",
	gone:  "owner <> $1 AND NOT EXISTS (SELECT 1 FROM ledger_lease l WHERE l.owner = ledger_request.owner)",
}

// schema has one row a customer: held values and applied cards together, so
// that a group touches as few pages of a big file as can be. SQLite's tables
// have row ids, hence grow at the end though keys are hashes, and intents have
// no index there: they are few, and scanned.
func (d dialect) schema() []string {
	kind := strings.NewReplacer("KEY_TEXT", "TEXT", "JSON", "TEXT", "ONLY_ONE", "")
	if d.name == DriverPostgres {
		kind = strings.NewReplacer("KEY_TEXT", `TEXT COLLATE "C"`, "JSON", "JSONB", "ONLY_ONE", "PRIMARY KEY")
	}
	tables := []string{
		// What SATORI holds. written_at: microseconds since 1970.
		`CREATE TABLE ledger_customer (key KEY_TEXT PRIMARY KEY, held JSON, applied JSON, written_at BIGINT)`,
		// A write whose outcome is not known; request is empty when nobody waits
		// for it. position is the row in the request.
		`CREATE TABLE ledger_intent (customer KEY_TEXT ONLY_ONE, request TEXT, position INTEGER, verb TEXT, held JSON, cards JSON, prior JSON)`,
		`CREATE TABLE ledger_request (id TEXT PRIMARY KEY, verb TEXT, process_code TEXT, begun BIGINT, owner TEXT)`,
		`CREATE TABLE ledger_meta (version INTEGER)`,
	}
	for i, t := range tables {
		tables[i] = kind.Replace(t)
	}
	return tables
}

// statements are the texts that both databases run. A member that ends in All
// works on a whole request, its namesake on some customers of it.
type statements struct {
	load, open                                  string
	beginRequest, uploaded, owner, forget       string
	settled, settledAll, reopen                 string
	abandoned, takeOver, intentsOf, dropUnsent  string
	eraseCustomer, eraseIntent                  string
	countCustomers, countCards, countOpen, last string
}

func (d dialect) statements() statements {
	return statements{
		load: `SELECT key, held, applied, NULL, NULL, NULL FROM ledger_customer WHERE key` + d.among("$1") + `
			UNION ALL SELECT customer, held, cards, position, verb, prior FROM ledger_intent WHERE customer` + d.among("$1"),
		open: `SELECT customer FROM ledger_intent WHERE request = $1`,

		beginRequest: `INSERT INTO ledger_request (id, verb, process_code, begun, owner) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING`,
		uploaded:     `UPDATE ledger_request SET process_code = $2 WHERE id = $1 AND owner = $3`,
		owner:        `SELECT owner FROM ledger_request WHERE id = $1` + d.lock,
		forget:       `DELETE FROM ledger_request WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM ledger_intent WHERE request = $1)`,

		settled:    `DELETE FROM ledger_intent WHERE request = $1 AND customer` + d.among("$2"),
		settledAll: `DELETE FROM ledger_intent WHERE request = $1`,
		reopen: `UPDATE ledger_intent SET request = '', position = CAST(prior->>'row' AS INTEGER), verb = prior->>'verb',
			held = prior->'held', cards = prior->'cards', prior = prior->'prior'
			WHERE request = $1 AND prior IS NOT NULL AND customer` + d.among("$2"),

		dropUnsent: `DELETE FROM ledger_request WHERE ` + d.gone + `
			AND (process_code = '' OR NOT EXISTS (SELECT 1 FROM ledger_intent WHERE request = ledger_request.id))`,
		abandoned: `SELECT id, verb, process_code, begun FROM ledger_request WHERE (` + d.gone + `) OR id` + d.among("$2") + ` ORDER BY begun, id` + d.lock,
		takeOver:  `UPDATE ledger_request SET owner = $1 WHERE id` + d.among("$2"),
		intentsOf: `SELECT request, customer, held, cards, position, verb, prior FROM ledger_intent WHERE request` + d.among("$1"),

		eraseCustomer: `DELETE FROM ledger_customer WHERE key = $1`,
		eraseIntent:   `DELETE FROM ledger_intent WHERE customer = $1`,

		countCustomers: `SELECT count(*) FROM ledger_customer`,
		countCards:     d.count,
		countOpen:      `SELECT count(*) FROM ledger_intent`,
		last:           `SELECT coalesce(max(written_at), 0) FROM ledger_customer`,
	}
}
