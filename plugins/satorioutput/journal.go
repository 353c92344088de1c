package satorioutput

import (
	"context"
	"fmt"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
)

// entry is one decision, as the journal has it.
type entry struct {
	email, card, action, reason string
	items                       []string
}

// journal hands decisions to an output resource of the user's choice.
type journal struct {
	res    *service.Resources
	label  string
	dryRun bool
}

// newJournal fails early when the resource does not exist.
func newJournal(res *service.Resources, label string, dryRun bool) (*journal, error) {
	if label != "" && !res.HasOutput(label) {
		return nil, fmt.Errorf("journal: there is no output resource labelled %q: add it under output_resources, or leave journal empty", label)
	}
	return &journal{res: res, label: label, dryRun: dryRun}, nil
}

var japan = time.FixedZone("JST", 9*60*60)

func (j *journal) write(ctx context.Context, entries []entry) error {
	if j.label == "" || len(entries) == 0 {
		return nil
	}
	now := time.Now().In(japan).Format("2006-01-02T15:04:05.000Z07:00")
	batch := make(service.MessageBatch, len(entries))
	for i, e := range entries {
		names := make([]any, len(e.items))
		for k, name := range e.items {
			names[k] = name
		}
		m := service.NewMessage(nil)
		m.SetStructuredMut(map[string]any{
			"time": now, "email": e.email, "card_id": e.card, "action": e.action,
			"reason": e.reason, "items": names, "dry_run": j.dryRun,
		})
		batch[i] = m
	}
	var writeErr error
	err := j.res.AccessOutput(ctx, j.label, func(o *service.ResourceOutput) {
		writeErr = o.WriteBatch(ctx, batch)
	})
	if err == nil {
		err = writeErr
	}
	if err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	return nil
}
