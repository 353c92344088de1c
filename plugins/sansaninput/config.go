package sansaninput

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"

	"sansansatori/plugins/apicall"
	"sansansatori/plugins/sansan"
)

// Field names, in the order of the spec.
const (
	siFieldBaseURL         = "base_url"
	siFieldAPIKey          = "api_key"
	siFieldAppID           = "app_id"
	siFieldRange           = "range"
	siFieldOwners          = "owners"
	siFieldTags            = "tags"
	siFieldIncludePast     = "include_past_cards"
	siFieldStartTime       = "start_time"
	siFieldSchedule        = "schedule"
	siFieldFullRead        = "full_read"
	siFieldOverlap         = "overlap"
	siFieldPageSize        = "page_size"
	siFieldRate            = "requests_per_second"
	siFieldRateLimit       = "rate_limit"
	siFieldTimeout         = "timeout"
	siFieldBackoff         = "backoff"
	siFieldBackoffInitial  = "initial_interval"
	siFieldBackoffMax      = "max_interval"
	siFieldBackoffElapsed  = "max_elapsed_time"
	siFieldCheckpointCache = "checkpoint_cache"
	siFieldCheckpointKey   = "checkpoint_cache_key"
	siFieldCheckpointLimit = "checkpoint_limit"
	siFieldReadOnly        = "read_only_checkpoint"
)

const defaultInitial, defaultMax = "1s", "5m"

func inputSpec() *service.ConfigSpec {
	return service.NewConfigSpec().
		Categories("Services").
		Summary("Reads digitised business cards (名刺) from Sansan, oldest change first, and remembers how far it came.").
		Description(inputDescription).
		Fields(
			service.NewURLField(siFieldBaseURL).Description("Sansan's Open API, version included. v3.1, v3.2 and v6.0 are known to answer.").Default("https://api.sansan.com/v3.2"),
			service.NewStringField(siFieldAPIKey).Description("The `X-Sansan-Api-Key` of a user. The link sees what this user sees.").Secret(),
			service.NewStringField(siFieldAppID).Description("The `X-Sansan-App-Id` of partner-programme apps.").Default("").Advanced(),
			service.NewStringAnnotatedEnumField(siFieldRange, map[string]string{
				"all": "Every card the key's user can see.", "me": "The user's own cards only.",
			}).Description("登録データの範囲 1-1: whose cards are asked for.").Default("all"),
			service.NewStringListField(siFieldOwners).Description("登録データの範囲 1-2: only cards of these owners (名刺所有者), by e-mail, id or name. An owner none of whose cards a full read met is warned about.").Default([]any{}),
			service.NewStringListField(siFieldTags).Description("登録データの範囲 1-3: only cards that bear one of these Sansan tags, by name or id. All tags of a name count. Each run reads every card of the tags, since tagging may leave a card's update time as it was. A tag that does not exist is an error at the start.").Default([]any{}),
			service.NewBoolField(siFieldIncludePast).Description("Also older cards of the same person.").Default(false),
			service.NewStringField(siFieldStartTime).Description("Cards last updated before then are not read. RFC 3339.").Default("2000-01-01T00:00:00+09:00").LintRule(linted(siFieldStartTime)),
			service.NewStringField(siFieldSchedule).Description("連携タイミング: `once`, `@every 15m`, or cron of 5 or 6 fields, in Asia/Tokyo unless it begins with `TZ=Area/City`.").Default("@every 15m").Example("once").Example("0 2 * * *").LintRule(linted(siFieldSchedule)),
			service.NewStringField(siFieldFullRead).Description("A schedule for reading everything again: it finds what no update time shows, such as new rights. Empty: never. What has not changed is not written again.").Default("").Example("0 3 * * SUN").LintRule(linted(siFieldFullRead)),
			service.NewDurationField(siFieldOverlap).Description("How far a run reaches back behind the one before it.").Default("10m").LintRule(linted(siFieldOverlap)),
			service.NewIntField(siFieldPageSize).Description("Cards a page, 1 to 300.").Default(300).LintRule(linted(siFieldPageSize)),
			service.NewFloatField(siFieldRate).Description("Requests a second. Sansan's figures are 10 a second and 300 a minute for a key.").Default(4).LintRule(linted(siFieldRate)),
			service.NewStringField(siFieldRateLimit).Description("Label of a rate limit resource to wait for as well.").Default("").Advanced(),
			service.NewDurationField(siFieldTimeout).Description("Time limit of one request.").Default("30s").Advanced().LintRule(linted(siFieldTimeout)),
			service.NewObjectField(siFieldBackoff,
				service.NewDurationField(siFieldBackoffInitial).Description("First wait after transient trouble.").Default(defaultInitial),
				service.NewDurationField(siFieldBackoffMax).Description("Longest wait; what Sansan asks for is honoured beyond it.").Default(defaultMax),
				service.NewDurationField(siFieldBackoffElapsed).Description("With `schedule: once`, a run that gets no answer for so long ends with an error. Otherwise it is warned about, and tried on. 0s: no limit.").Default("15m"),
			).Description("How transient trouble (429, 5xx, network) is retried.").Advanced().LintRule(linted(siFieldBackoff)),
			service.NewStringField(siFieldCheckpointCache).Description("Label of a cache resource that keeps the cursor."),
			service.NewStringField(siFieldCheckpointKey).Description("Key of the cursor in the cache. Each sansan_input needs one of its own.").Default("sansan_cursor"),
			service.NewIntField(siFieldCheckpointLimit).Description("How many cards further than the oldest one that is not acknowledged yet may be read.").Default(60000).Advanced().LintRule(linted(siFieldCheckpointLimit)),
			service.NewBoolField(siFieldReadOnly).Description("Never write the cursor, as a dry run.").Default(false).Advanced(),
			service.NewAutoRetryNacksToggleField(),
		).
		LintRule("root = this." + lintMethod + "()")
}

const inputDescription = `
Each message is a card as Sansan gave it, a page of cards is a batch. Deleted cards simply stop appearing: Sansan has no feed of them.

== Metadata

- ` + "`sansan_card_id`" + `
- ` + "`sansan_updated_time`" + `
- ` + "`sansan_sequence`" + `: the reader, the number of its page and, on the last page of a run, ` + "`last`" + `: by this satori_output keeps order and knows when nothing more comes

== How it reads

A run asks for all cards updated since the cursor, less ` + "`overlap`" + `, up to the moment it began. The cursor moves to a page's last update time when every page up to it was acknowledged. Without a cursor, or with one that cannot be read, everything is read from ` + "`start_time`" + ` on; that is harmless, since satori_output sends only what changed.

Pages are not counted off a list that moves while it is read: once the answers have shown that they come in the order of update times, each page is asked for from the last card on, so that a card which changes meanwhile hides no other. Page tokens serve before that, and where many cards bear one time.

With ` + "`schedule: once`" + ` the input ends when the last card is acknowledged. When it cannot go on (the key is refused, or no answer for ` + "`backoff.max_elapsed_time`" + `) the process ends with a non-zero code and says why. With any other schedule it waits and tries slowly.
`

type config struct {
	client      sansan.Config
	rng         string
	owners      []string
	tags        []string
	includePast bool
	start       time.Time
	schedule    schedule
	fullRead    schedule
	overlap     time.Duration
	pageSize    int
	rateLimit   string
	backoff     apicall.Backoff
	cache, key  string
	limit       int
	readOnly    bool
}

func configFromParsed(p *service.ParsedConfig) (c config, err error) {
	if err = clientFromParsed(p, &c); err != nil {
		return
	}
	if c.rng, err = p.FieldString(siFieldRange); err != nil {
		return
	}
	if c.owners, err = p.FieldStringList(siFieldOwners); err != nil {
		return
	}
	if c.tags, err = p.FieldStringList(siFieldTags); err != nil {
		return
	}
	if c.includePast, err = p.FieldBool(siFieldIncludePast); err != nil {
		return
	}
	text, err := p.FieldString(siFieldStartTime)
	if err != nil {
		return
	}
	if c.start, err = time.Parse(time.RFC3339, text); err != nil {
		err = fmt.Errorf("%s: %w", siFieldStartTime, err)
		return
	}
	if text, err = p.FieldString(siFieldSchedule); err != nil {
		return
	}
	if c.schedule, err = scheduleOf(text); err != nil {
		return
	}
	if text, err = p.FieldString(siFieldFullRead); err != nil {
		return
	}
	if text != "" {
		if c.fullRead, err = scheduleOf(text); err != nil {
			return
		}
	}
	if c.overlap, err = p.FieldDuration(siFieldOverlap); err != nil {
		return
	}
	if c.pageSize, err = p.FieldInt(siFieldPageSize); err != nil {
		return
	}
	if c.pageSize < 1 || c.pageSize > maxPageSize {
		err = fmt.Errorf("%s must be from 1 to %d", siFieldPageSize, maxPageSize)
		return
	}
	b := p.Namespace(siFieldBackoff)
	if c.backoff.Initial, err = b.FieldDuration(siFieldBackoffInitial); err != nil {
		return
	}
	if c.backoff.Max, err = b.FieldDuration(siFieldBackoffMax); err != nil {
		return
	}
	if c.backoff.MaxElapsed, err = b.FieldDuration(siFieldBackoffElapsed); err != nil {
		return
	}
	if c.cache, err = p.FieldString(siFieldCheckpointCache); err != nil {
		return
	}
	if c.key, err = p.FieldString(siFieldCheckpointKey); err != nil {
		return
	}
	if c.limit, err = p.FieldInt(siFieldCheckpointLimit); err != nil {
		return
	}
	c.readOnly, err = p.FieldBool(siFieldReadOnly)
	return
}

func clientFromParsed(p *service.ParsedConfig, c *config) (err error) {
	if c.client.BaseURL, err = p.FieldString(siFieldBaseURL); err != nil {
		return
	}
	if c.client.APIKey, err = p.FieldString(siFieldAPIKey); err != nil {
		return
	}
	if c.client.AppID, err = p.FieldString(siFieldAppID); err != nil {
		return
	}
	call := &c.client.Call
	if call.RequestsPerSecond, err = p.FieldFloat(siFieldRate); err != nil {
		return
	}
	if c.rateLimit, err = p.FieldString(siFieldRateLimit); err != nil {
		return
	}
	if call.Timeout, err = p.FieldDuration(siFieldTimeout); err != nil {
		return
	}
	call.Serial = true // one request at a time for a key
	u, err := url.Parse(c.client.BaseURL)
	if err != nil {
		return
	}
	sum := sha256.Sum256([]byte(u.Host + "\x00" + c.client.APIKey))
	call.Share = "sansan:" + hex.EncodeToString(sum[:8])
	return
}

func init() {
	registerLints() // before the input: lint rules are parsed when it is registered
	service.MustRegisterBatchInput("sansan_input", inputSpec(),
		func(p *service.ParsedConfig, res *service.Resources) (service.BatchInput, error) {
			conf, err := configFromParsed(p)
			if err != nil {
				return nil, err
			}
			in, err := newInput(conf, res)
			if err != nil {
				return nil, err
			}
			return service.AutoRetryNacksBatchedToggled(p, in)
		})
}
