package sealing

import (
	"context"
	"errors"
	"fmt"

	"filippo.io/age"
	"github.com/redpanda-data/benthos/v4/public/service"
)

const spFieldRecipients = "recipients"

func processorSpec() *service.ConfigSpec {
	return service.NewConfigSpec().
		Categories("Utility").
		Summary("Encrypts each message into one line that only the holders of age keys can read: for journal and dead letters at rest.").
		Description(`
Put it last under `+"`processors`"+` of the output that writes the file. The journal is sealed by the request, so an `+"`archive`"+` of lines stands before it; dead letters are sealed one by one.

`+"`report`, `status` and `ledger erase`"+` take the secret key as `+"`--identity`"+`, the input `+"`dead_letters`"+` as `+"`identity_file`"+`. `+"`sansan-satori seal`"+` makes keys and opens files. A key that is lost opens nothing any more: name two recipients, and keep the second secret key away from the machine.
`).
		Field(service.NewStringListField(spFieldRecipients).Description("Public keys (`age1...`).")).
		Example("A sealed journal", "", `
output_resources:
  - label: journal
    rotating_file:
      path: ./data/journal.jsonl
    processors:
      - archive: {format: lines}
      - seal: {recipients: ["${SEAL_TO}"]}
`)
}

func init() {
	service.MustRegisterBatchProcessor("seal", processorSpec(),
		func(p *service.ParsedConfig, _ *service.Resources) (service.BatchProcessor, error) {
			texts, err := p.FieldStringList(spFieldRecipients)
			if err != nil {
				return nil, err
			}
			return newSealer(texts)
		})
}

func newSealer(recipients []string) (service.BatchProcessor, error) {
	if len(recipients) == 0 {
		return nil, errors.New("recipients is empty: name the public keys to seal for")
	}
	s := &sealer{}
	for _, text := range recipients {
		to, err := RecipientOf(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", spFieldRecipients, err)
		}
		s.to = append(s.to, to)
	}
	return s, nil
}

type sealer struct{ to []age.Recipient }

// ProcessBatch seals. What cannot be sealed loses its content, since after an
// error the engine would hand it on as it was.
func (s *sealer) ProcessBatch(_ context.Context, batch service.MessageBatch) ([]service.MessageBatch, error) {
	out := batch.Copy()
	for _, m := range out {
		text, err := m.AsBytes()
		var line []byte
		if err == nil {
			line, err = Seal(text, s.to...)
		}
		m.SetBytes(line)
		if err != nil {
			m.SetError(err)
		}
	}
	return []service.MessageBatch{out}, nil
}

func (s *sealer) Close(context.Context) error { return nil }
