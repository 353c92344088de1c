package preview

import (
	"context"
	"log/slog"
	"sync"
)

// saidOnce lets each message through once: a rule that fails for every card is
// told of once, and counted in the report.
type saidOnce struct {
	slog.Handler
	said *sync.Map
}

func newSaidOnce(h slog.Handler) slog.Handler { return saidOnce{h, &sync.Map{}} }

func (s saidOnce) Handle(ctx context.Context, r slog.Record) error {
	if _, before := s.said.LoadOrStore(r.Message, true); before {
		return nil
	}
	return s.Handler.Handle(ctx, r)
}

func (s saidOnce) WithAttrs(attrs []slog.Attr) slog.Handler {
	return saidOnce{s.Handler.WithAttrs(attrs), s.said}
}

func (s saidOnce) WithGroup(name string) slog.Handler {
	return saidOnce{s.Handler.WithGroup(name), s.said}
}
