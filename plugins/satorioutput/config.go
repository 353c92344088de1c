package satorioutput

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"time"

	"github.com/redpanda-data/benthos/v4/public/bloblang"
	"github.com/redpanda-data/benthos/v4/public/service"

	"sansansatori/plugins/apicall"
	"sansansatori/plugins/items"
	"sansansatori/plugins/ledger"
	"sansansatori/plugins/satori"
)

// Field names, in the order of the spec.
const (
	soFieldBaseURL        = "base_url"
	soFieldUserKey        = "user_key"
	soFieldUserSecret     = "user_secret"
	soFieldCompanyKey     = "company_key"
	soFieldCompanySecret  = "company_secret"
	soFieldAPI            = "api"
	soFieldBulkThreshold  = "bulk_threshold"
	soFieldFields         = "fields"
	soFieldCustomItems    = "custom_items"
	soFieldOverwrite      = "overwrite"
	soFieldLedger         = "ledger"
	soFieldLedgerDriver   = "driver"
	soFieldLedgerDSN      = "dsn"
	soFieldJournal        = "journal"
	soFieldDryRun         = "dry_run"
	soFieldLinger         = "linger"
	soFieldMaxRows        = "max_rows"
	soFieldJobs           = "jobs"
	soFieldPollInterval   = "poll_interval"
	soFieldJobTimeout     = "job_timeout"
	soFieldFirstRow       = "first_row"
	soFieldRate           = "requests_per_second"
	soFieldTimeout        = "timeout"
	soFieldBackoff        = "backoff"
	soFieldBackoffInitial = "initial_interval"
	soFieldBackoffMax     = "max_interval"
	soFieldBackoffElapsed = "max_elapsed_time"
	soFieldLimits         = "limits"
	soFieldLimitsRegister = "max_registrations"
	soFieldLimitsChange   = "max_changes"
	soFieldLimitsFailed   = "max_failed_share"
)

// Which of SATORI's two ways of writing is used.
const (
	apiAuto   = "auto"
	apiSingle = "single"
	apiBulk   = "bulk"
)

func outputSpec() *service.ConfigSpec {
	return service.NewConfigSpec().
		Categories("Services").
		Summary("Writes customers to SATORI: creates them, or updates them as the overwrite rule says, and remembers what SATORI holds.").
		Description(outputDescription).
		Fields(
			service.NewURLField(soFieldBaseURL).Description("SATORI's API, or a simulator's.").Default("https://"+realHost),
			service.NewStringField(soFieldUserKey).Description("The `user_key` of the API keys.").Secret(),
			service.NewStringField(soFieldUserSecret).Description("The `user_secret` of the API keys.").Secret(),
			service.NewStringField(soFieldCompanyKey).Description("The `company_key` of the API keys.").Secret(),
			service.NewStringField(soFieldCompanySecret).Description("The `company_secret` of the API keys.").Secret(),
			service.NewStringAnnotatedEnumField(soFieldAPI, map[string]string{
				apiAuto:   "Bulk from `bulk_threshold` rows, single below.",
				apiSingle: "One call a customer. SATORI asks to avoid bursts of these.",
				apiBulk:   "CSV jobs only. Each row needs a `collection_route`.",
			}).Description("Which of SATORI's two ways of writing is used.").Default(apiAuto),
			service.NewIntField(soFieldBulkThreshold).Description("With `api: auto`, the number of rows from which the bulk API is used.").
				Default(10).LintRule(atLeast(soFieldBulkThreshold, 1)).Advanced(),
			service.NewStringMapField(soFieldFields).Description("連携種別: what the link may do with each SATORI item: `readable` (the overwrite rule may see it), `writable` (it is written) or `readable_writable`. An item that is not listed is NG: a customer that carries it fails with a clear error. `email` is the match key and needs no line.").
				Example(map[string]any{"last_name": "writable", "append_tags": "writable", "custom:exchange_date": "readable_writable"}),
			service.NewStringField(soFieldCustomItems).Description("Path of SATORI's master CSV of custom items (`customer_custom_field_master`), UTF-8 or cp932. With it, unknown identifiers and forbidden items are lint errors and values are checked by type before they are sent.").
				Default("").Example("./custom_items.csv"),
			service.NewBloblangField(soFieldOverwrite).Description("登録の挙動: the rule that says what happens. It sees `this.incoming` (the customer) and `this.existing` (null, or the readable items SATORI is known to hold) and gives `\"register\"` (creates; never touches a value that exists), `\"upsert\"` (overwrites) or `\"skip\"`; or an object with `action` and, for a skip, a `reason` for the journal.").
				Example(`from "bloblang/overwrite/keep_newer.blobl"`).Example(`root = if this.existing == null { "register" } else { "skip" }`),
			service.NewObjectField(soFieldLedger,
				service.NewStringEnumField(soFieldLedgerDriver, "sqlite", "postgres").Description("`sqlite` for one process, `postgres` for several that share a ledger.").Default("sqlite"),
				service.NewStringField(soFieldLedgerDSN).Description("A file path, or a PostgreSQL URL.").Secret().Default("./data/ledger.db"),
			).Description("Where it is remembered what SATORI is known to hold."),
			service.NewStringField(soFieldJournal).Description("Label of an output resource that takes one JSON object a decision. Empty: no journal.").Default(""),
			service.NewBoolField(soFieldDryRun).Description("Decides and journals, but calls SATORI for nothing and leaves the ledger as it is.").Default(false),
			service.NewDurationField(soFieldLinger).Description("How long a customer waits for others to share its request; while others keep coming, up to ten times as long.").Default("1s"),
			service.NewIntField(soFieldMaxRows).Description("The most rows of one request. SATORI takes 10,000.").Default(10000).
				LintRule(`root = if this.type() == "number" && (this < 1 || this > 10000) { ["`+soFieldMaxRows+` must be from 1 to 10000: SATORI takes no more rows in one job"] }`),
			service.NewIntField(soFieldJobs).Description("Bulk jobs that may run at once.").Default(1).LintRule(atLeast(soFieldJobs, 1)).Advanced(),
			service.NewDurationField(soFieldPollInterval).Description("The longest time between two looks at a running job; the first looks come sooner.").Default("5s").Advanced(),
			service.NewDurationField(soFieldJobTimeout).Description("A job that is not finished by then is uploaded again.").Default("30m").Advanced(),
			service.NewIntField(soFieldFirstRow).Description("The number SATORI gives to the first data row of a bulk file: 2 when the header counts.").Default(2).Advanced(),
			service.NewFloatField(soFieldRate).Description("Requests a second to SATORI.").Default(1).
				LintRule(`root = if this.type() == "number" && this <= 0 { ["`+soFieldRate+` must be above 0"] }`),
			service.NewDurationField(soFieldTimeout).Description("Time limit of one request.").Default("60s").Advanced(),
			service.NewObjectField(soFieldBackoff,
				service.NewDurationField(soFieldBackoffInitial).Description("First wait after transient trouble.").Default("1s"),
				service.NewDurationField(soFieldBackoffMax).Description("Longest wait; what SATORI asks for is honoured beyond it.").Default("1m"),
				service.NewDurationField(soFieldBackoffElapsed).Description("After this long the customers concerned fail. 0s: never, they wait for SATORI.").Default("0s"),
			).Description("How transient trouble (429, 5xx, network) is retried.").Advanced(),
			service.NewObjectField(soFieldLimits,
				service.NewIntField(soFieldLimitsRegister).Description("Customers one run may register. A run that would go past it stops: before anything is written as long as the run, or its first request, fits into what is gathered at once (`max_rows`, and `max_in_flight` pages), else before the request that would pass it. 0: no limit.").Default(0),
				service.NewIntField(soFieldLimitsChange).Description("Customers one run may change; as above. 0: no limit.").Default(0),
				service.NewFloatField(soFieldLimitsFailed).Description("The share of failed customers (0 to 1) beyond which nothing more is written, counted from the 100th customer on. 0: no limit.").Default(0.0),
			).Description("Guards: the link stops before the request that would go past one of these, and says so. `sansan-satori dry-run` shows what a run would do.").Advanced(),
			service.NewOutputMaxInFlightField().Default(64),
		).
		LintRule("root = this."+lintMethod+"()").
		Example("The usual link", "Rule 2-3: nothing older overwrites anything newer.", exampleUsual)
}

func atLeast(field string, n int) string {
	return fmt.Sprintf(`root = if this.type() == "number" && this < %d { ["%s must be at least %d"] }`, n, field, n)
}

const outputDescription = `
A message is one customer: a flat object with SATORI's item names as keys, ` + "`append_tags`" + ` as a list.

== What is promised

- A customer is acknowledged when SATORI confirmed it, row by row, or when it was decided that there is nothing to write. A refused one fails alone, with the error ` + "`satori: <class>: <what SATORI said>`" + `; classes are ` + "`invalid`, `refused` and `forbidden`" + `. Wrap the output in ` + "`fallback`" + ` for dead letters.
- Transient trouble is retried inside, so that an outage does not drain into the dead letters.
- What is about to be written is recorded before it is sent. A crash at any moment neither loses a customer nor lets an older card overwrite a newer one.
- Rows are gathered from all waiting calls into one request. Do not set ` + "`batching`" + ` around this output: it turns one refused row into a failed page.

A customer without an e-mail address, or with a malformed one, cannot exist in SATORI: it is acknowledged and journaled as ` + "`invalid`" + `.
`

const exampleUsual = `
output:
  satori_output:
    user_key: ${SATORI_USER_KEY}
    user_secret: ${SATORI_USER_SECRET}
    company_key: ${SATORI_COMPANY_KEY}
    company_secret: ${SATORI_COMPANY_SECRET}
    fields:
      last_name: writable
      lead_company_name: writable
      append_tags: writable
      collection_route: writable
      custom:exchange_date: readable_writable
    overwrite: from "bloblang/overwrite/keep_newer.blobl"
    ledger:
      dsn: ./data/ledger.db
`

type limits struct {
	registrations, changes int64
	failedShare            float64
}

type config struct {
	client        satori.Config
	api           string
	bulkThreshold int
	links         items.Links
	master        *items.Master
	overwrite     *bloblang.Executor
	warnings      []string
	ledger        ledger.Config
	journal       string
	dryRun        bool
	gather        gather
	jobs          int
	poll          time.Duration
	jobTimeout    time.Duration
	backoff       apicall.Backoff
	limits        limits
}

func configFromParsed(p *service.ParsedConfig) (c config, err error) {
	if c.client, err = clientFromParsed(p); err != nil {
		return
	}
	if c.api, err = p.FieldString(soFieldAPI); err != nil {
		return
	}
	if c.bulkThreshold, err = p.FieldInt(soFieldBulkThreshold); err != nil {
		return
	}
	fields, err := p.FieldStringMap(soFieldFields)
	if err != nil {
		return
	}
	master, err := p.FieldString(soFieldCustomItems)
	if err != nil {
		return
	}
	rule, err := p.FieldString(soFieldOverwrite)
	if err != nil {
		return
	}
	asAny := make(map[string]any, len(fields))
	c.links = make(items.Links, len(fields))
	for name, kind := range fields {
		asAny[name], c.links[name] = kind, items.Kind(kind)
	}
	if lints := items.Lint(asAny, master, rule, os.ReadFile); len(lints) > 0 {
		err = fmt.Errorf("%s", lints[0])
		return
	}
	c.warnings = items.Warnings(asAny, rule, os.ReadFile)
	if master != "" {
		if c.master, err = items.ReadMaster(master); err != nil {
			return
		}
	}
	if c.overwrite, err = p.FieldBloblang(soFieldOverwrite); err != nil {
		return
	}
	if c.ledger, err = ledgerFromParsed(p.Namespace(soFieldLedger)); err != nil {
		return
	}
	if c.journal, err = p.FieldString(soFieldJournal); err != nil {
		return
	}
	if c.dryRun, err = p.FieldBool(soFieldDryRun); err != nil {
		return
	}
	c.ledger.ReadOnly = c.dryRun
	if c.gather.linger, err = p.FieldDuration(soFieldLinger); err != nil {
		return
	}
	if c.gather.maxRows, err = p.FieldInt(soFieldMaxRows); err != nil {
		return
	}
	if c.gather.calls, err = p.FieldMaxInFlight(); err != nil {
		return
	}
	if c.jobs, err = p.FieldInt(soFieldJobs); err != nil {
		return
	}
	if c.poll, err = p.FieldDuration(soFieldPollInterval); err != nil {
		return
	}
	if c.jobTimeout, err = p.FieldDuration(soFieldJobTimeout); err != nil {
		return
	}
	if c.backoff, err = backoffFromParsed(p.Namespace(soFieldBackoff)); err != nil {
		return
	}
	c.limits, err = limitsFromParsed(p.Namespace(soFieldLimits))
	c.gather.counted = c.limits.registrations > 0 || c.limits.changes > 0
	return
}

func clientFromParsed(p *service.ParsedConfig) (c satori.Config, err error) {
	if c.BaseURL, err = p.FieldString(soFieldBaseURL); err != nil {
		return
	}
	for _, f := range []struct {
		name string
		to   *string
	}{
		{soFieldUserKey, &c.Keys.UserKey}, {soFieldUserSecret, &c.Keys.UserSecret},
		{soFieldCompanyKey, &c.Keys.CompanyKey}, {soFieldCompanySecret, &c.Keys.CompanySecret},
	} {
		if *f.to, err = p.FieldString(f.name); err != nil {
			return
		}
	}
	firstRow, err := p.FieldInt(soFieldFirstRow)
	if err != nil {
		return
	}
	c.FirstRow = &firstRow
	if c.Call.RequestsPerSecond, err = p.FieldFloat(soFieldRate); err != nil {
		return
	}
	if c.Call.Timeout, err = p.FieldDuration(soFieldTimeout); err != nil {
		return
	}
	sum := sha256.Sum256([]byte(c.BaseURL + "\x00" + c.Keys.CompanyKey + "\x00" + c.Keys.UserKey))
	c.Call.Share = "satori:" + hex.EncodeToString(sum[:8])
	return
}

func ledgerFromParsed(p *service.ParsedConfig) (c ledger.Config, err error) {
	if c.Driver, err = p.FieldString(soFieldLedgerDriver); err != nil {
		return
	}
	c.DSN, err = p.FieldString(soFieldLedgerDSN)
	return
}

func backoffFromParsed(p *service.ParsedConfig) (b apicall.Backoff, err error) {
	if b.Initial, err = p.FieldDuration(soFieldBackoffInitial); err != nil {
		return
	}
	if b.Max, err = p.FieldDuration(soFieldBackoffMax); err != nil {
		return
	}
	b.MaxElapsed, err = p.FieldDuration(soFieldBackoffElapsed)
	return
}

func limitsFromParsed(p *service.ParsedConfig) (l limits, err error) {
	n, err := p.FieldInt(soFieldLimitsRegister)
	if err != nil {
		return
	}
	l.registrations = int64(n)
	if n, err = p.FieldInt(soFieldLimitsChange); err != nil {
		return
	}
	l.changes = int64(n)
	l.failedShare, err = p.FieldFloat(soFieldLimitsFailed)
	return
}
