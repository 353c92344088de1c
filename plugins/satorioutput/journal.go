package satorioutput

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
)

// entry is one decision, as the journal has it.
type entry struct {
	email, card, action, reason string
	items                       []string
}

// line is an entry as it is written.
type line struct {
	Time   string   `json:"time"`
	Email  string   `json:"email"`
	CardID string   `json:"card_id"`
	Action string   `json:"action"`
	Reason string   `json:"reason"`
	Items  []string `json:"items"`
	DryRun bool     `json:"dry_run"`
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
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	encoder.SetEscapeHTML(false)
	ends := make([]int, len(entries))
	for i, e := range entries {
		l := line{now, e.email, e.card, e.action, e.reason, e.items, j.dryRun}
		if l.Items == nil {
			l.Items = []string{}
		}
		if err := encoder.Encode(l); err != nil {
			return fmt.Errorf("writing the journal: %w", err)
		}
		ends[i] = lines.Len()
	}
	begin := 0
	for i, end := range ends {
		batch[i] = service.NewMessage(lines.Bytes()[begin : end-1 : end-1]) // without its line break
		begin = end
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
