package smtpoutput

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/redpanda-data/benthos/v4/public/bloblang"
	"github.com/redpanda-data/benthos/v4/public/service"
)

const (
	keptReasons   = 200 // distinct reasons counted apart
	shownReasons  = 20  // of them in the digest document
	longReason    = 300 // characters
	otherReasons  = "other"
	unknownReason = "unknown"
)

// japan is where times without a zone are; Japan has no summer time.
var japan = time.FixedZone("JST", 9*60*60)

// digest is what one mail will tell of: counts and the first messages, whatever
// the number of messages.
type digest struct {
	count, missed int
	since, until  time.Time
	reasons       map[string]int
	examples      []any
	messages      []any
}

func (d *digest) add(msg *service.Message, now time.Time, reason *bloblang.Executor, maxExamples int) {
	if d.count == 0 {
		d.since, d.reasons = now, map[string]int{}
	}
	d.count++
	d.until = now
	why := reasonOf(msg, reason)
	if _, known := d.reasons[why]; known || len(d.reasons) < keptReasons {
		d.reasons[why]++
	} else {
		d.reasons[otherReasons]++
	}
	if len(d.messages) < maxExamples {
		content := contentOf(msg)
		d.messages = append(d.messages, content)
		d.examples = append(d.examples, map[string]any{"card_id": cardOf(msg, content), "reason": why})
	}
}

func reasonOf(msg *service.Message, mapping *bloblang.Executor) string {
	mapped, err := msg.BloblangQuery(mapping)
	if err != nil || mapped == nil {
		return unknownReason
	}
	said, err := mapped.AsBytes()
	if err != nil {
		return unknownReason
	}
	return shortened(oneLine(string(said)), longReason)
}

func contentOf(msg *service.Message) any {
	if content, err := msg.AsStructured(); err == nil {
		return content
	}
	raw, err := msg.AsBytes()
	if err != nil {
		return nil
	}
	return strings.ToValidUTF8(string(raw), "\ufffd")
}

func cardOf(msg *service.Message, content any) string {
	if fields, ok := content.(map[string]any); ok {
		switch id := fields["card_id"].(type) {
		case string:
			return id
		case json.Number:
			return id.String()
		}
	}
	if id, ok := msg.MetaGet("sansan_card_id"); ok {
		return id
	}
	return "-"
}

// document is what subject and digest see.
func (d *digest) document() map[string]any {
	return map[string]any{
		"count":  int64(d.count),
		"missed": int64(d.missed),
		"since":  d.since.In(japan).Format(time.RFC3339),
		"until":  d.until.In(japan).Format(time.RFC3339),
		// never null: a mapping may go over them without asking
		"by_reason": d.byReason(),
		"examples":  append([]any{}, d.examples...),
		"messages":  append([]any{}, d.messages...),
	}
}

func (d *digest) byReason() []any {
	type line struct {
		reason string
		count  int
	}
	lines := make([]line, 0, len(d.reasons))
	other := d.reasons[otherReasons]
	for reason, count := range d.reasons {
		if reason != otherReasons {
			lines = append(lines, line{reason, count})
		}
	}
	slices.SortFunc(lines, func(a, b line) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.reason, b.reason))
	})
	if len(lines) > shownReasons {
		for _, l := range lines[shownReasons:] {
			other += l.count
		}
		lines = lines[:shownReasons]
	}
	if other > 0 {
		lines = append(lines, line{otherReasons, other})
	}
	shown := make([]any, len(lines))
	for i, l := range lines {
		shown[i] = map[string]any{"reason": l.reason, "count": int64(l.count)}
	}
	return shown
}

// join adds what came after d.
func (d *digest) join(later *digest) {
	d.count += later.count
	d.until = later.until
	for reason, count := range later.reasons {
		if _, known := d.reasons[reason]; !known && len(d.reasons) >= keptReasons {
			reason = otherReasons
		}
		d.reasons[reason] += count
	}
	d.messages = append(d.messages, later.messages...)
	d.examples = append(d.examples, later.examples...)
}
