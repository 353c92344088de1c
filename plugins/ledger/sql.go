package ledger

import "strings"

// schemaVersion rises when an older program could misread the tables.
const schemaVersion = 1

// dialect is what differs between the databases in otherwise equal SQL.
// Parameters are $1, $2... in both.
type dialect struct {
	name string
	// each gives a SELECT of the elements of a JSON list, one a row.
	keys  func(param string) string // of strings: SELECT the string
	rows  func(param string) string // of objects: FROM clause, element named e
	text  func(field string) string // text of a field of e
	json  func(field string) string // JSON of a field of e
	whole string                    // e itself
	merge func(a, b string) string  // object a, where b's members win
	count string                    // SELECT of all cards applied
	lock  string                    // suffix that locks the rows read
	gone  string                    // condition on a request: its process is gone; $1 is this one
}

var sqliteDialect = dialect{
	name:  "sqlite",
	keys:  func(p string) string { return "SELECT value FROM json_each(" + p + ")" },
	rows:  func(p string) string { return "json_each(" + p + ") e" },
	text:  func(f string) string { return "e.value->>'" + f + "'" },
	json:  func(f string) string { return "e.value->'" + f + "'" },
	whole: "e.value",
	merge: func(a, b string) string { return "json_patch(" + a + ", " + b + ")" },
	count: "SELECT count(*) FROM ledger_customer c, json_each(c.applied)",
	gone:  "owner <> $1", // the lock says that no other process is left
}

var postgresDialect = dialect{
	name:  "postgres",
	keys:  func(p string) string { return "SELECT jsonb_array_elements_text(" + p + "::jsonb)" },
	rows:  func(p string) string { return "jsonb_array_elements(" + p + "::jsonb) AS t(e)" },
	text:  func(f string) string { return "e->>'" + f + "'" },
	json:  func(f string) string { return "e->'" + f + "'" },
	whole: "e",
	merge: func(a, b string) string { return a + " || " + b },
	count: "SELECT count(*) FROM ledger_customer c, jsonb_object_keys(c.applied)",
	lock:  " FOR UPDATE",
	gone:  "owner <> $1 AND NOT EXISTS (SELECT 1 FROM ledger_lease l WHERE l.owner = ledger_request.owner)",
}

// schema has one row a customer: held values and applied cards together, so
// that a group touches as few pages of a big file as can be.
func (d dialect) schema() []string {
	kind := strings.NewReplacer("KEY_TEXT", "TEXT", "JSON", "TEXT", "CLUSTERED", "WITHOUT ROWID")
	if d.name == "postgres" {
		kind = strings.NewReplacer("KEY_TEXT", `TEXT COLLATE "C"`, "JSON", "JSONB", "CLUSTERED", "")
	}
	tables := []string{
		// What SATORI holds. written_at: microseconds since 1970.
		`CREATE TABLE IF NOT EXISTS ledger_customer (key KEY_TEXT PRIMARY KEY, held JSON NOT NULL, applied JSON NOT NULL, written_at BIGINT NOT NULL) CLUSTERED`,
		// A write whose outcome is not known; request is empty when nobody waits for it.
		`CREATE TABLE IF NOT EXISTS ledger_intent (customer KEY_TEXT PRIMARY KEY, request TEXT NOT NULL, payload JSON NOT NULL) CLUSTERED`,
		`CREATE INDEX IF NOT EXISTS ledger_intent_request ON ledger_intent (request)`,
		`CREATE TABLE IF NOT EXISTS ledger_request (id TEXT PRIMARY KEY, verb TEXT NOT NULL, process_code TEXT NOT NULL, begun BIGINT NOT NULL, owner TEXT NOT NULL) CLUSTERED`,
	}
	for i, t := range tables {
		tables[i] = strings.TrimSpace(kind.Replace(t))
	}
	return tables
}

// statements are the texts that both databases run.
type statements struct {
	load                                        string
	beginRequest, beginIntents                  string
	uploaded                                    string
	owner, waiting                              string
	confirm, reopen, settled, forget            string
	abandoned, takeOver, intentsOf, dropUnsent  string
	imported                                    string
	eraseCustomer, eraseIntent                  string
	countCustomers, countCards, countOpen, last string
}

func (d dialect) statements() statements {
	const upsert = ` ON CONFLICT (key) DO UPDATE SET held = excluded.held, written_at = excluded.written_at`
	return statements{
		load: `SELECT key, held, applied, NULL FROM ledger_customer WHERE key IN (` + d.keys("$1") + `)
			UNION ALL SELECT customer, NULL, NULL, payload FROM ledger_intent WHERE customer IN (` + d.keys("$1") + `)`,

		beginRequest: `INSERT INTO ledger_request (id, verb, process_code, begun, owner) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING`,
		beginIntents: `INSERT INTO ledger_intent (customer, request, payload) SELECT ` + d.text("key") + `, $2, ` + d.whole + ` FROM ` + d.rows("$1") + ` WHERE true
			ON CONFLICT (customer) DO UPDATE SET request = excluded.request, payload = excluded.payload`,
		uploaded: `UPDATE ledger_request SET process_code = $2 WHERE id = $1 AND owner = $3`,

		owner:   `SELECT owner FROM ledger_request WHERE id = $1` + d.lock,
		waiting: `SELECT count(*) FROM ledger_intent WHERE request = $1 AND customer IN (` + d.keys("$2") + `)`,
		confirm: `INSERT INTO ledger_customer (key, held, applied, written_at)
			SELECT customer, payload->'held', payload->'cards', $3 FROM ledger_intent WHERE request = $1 AND customer IN (` + d.keys("$2") + `) ORDER BY customer` +
			upsert + `, applied = ` + d.merge("ledger_customer.applied", "excluded.applied"),
		reopen: `UPDATE ledger_intent SET request = '', payload = payload->'prior'
			WHERE request = $1 AND payload->'prior' IS NOT NULL AND customer IN (` + d.keys("$2") + `)`,
		settled: `DELETE FROM ledger_intent WHERE request = $1 AND customer IN (` + d.keys("$2") + `)`,
		forget:  `DELETE FROM ledger_request WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM ledger_intent WHERE request = $1)`,

		dropUnsent: `DELETE FROM ledger_request WHERE ` + d.gone + `
			AND (process_code = '' OR NOT EXISTS (SELECT 1 FROM ledger_intent WHERE request = ledger_request.id))`,
		abandoned: `SELECT id, verb, process_code, begun FROM ledger_request WHERE (` + d.gone + `) OR id IN (` + d.keys("$2") + `) ORDER BY begun, id` + d.lock,
		takeOver:  `UPDATE ledger_request SET owner = $1 WHERE id IN (` + d.keys("$2") + `)`,
		intentsOf: `SELECT request, payload FROM ledger_intent WHERE request IN (` + d.keys("$1") + `)`,

		imported: `INSERT INTO ledger_customer (key, held, applied, written_at)
			SELECT ` + d.text("key") + `, ` + d.json("held") + `, '{}', $2 FROM ` + d.rows("$1") + ` WHERE true` + upsert,

		eraseCustomer: `DELETE FROM ledger_customer WHERE key = $1`,
		eraseIntent:   `DELETE FROM ledger_intent WHERE customer = $1`,

		countCustomers: `SELECT count(*) FROM ledger_customer`,
		countCards:     d.count,
		countOpen:      `SELECT count(*) FROM ledger_intent`,
		last:           `SELECT coalesce(max(written_at), 0) FROM ledger_customer`,
	}
}
