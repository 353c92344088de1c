package satorisim

import (
	"math/rand/v2"
	"slices"
	"sync"
)

// Kind is a kind of request.
type Kind string

// The kinds. Any stands for all of them in Control; Unknown is counted for
// requests to no known path.
const (
	SingleRegistration Kind = "registration"
	SingleUpsert       Kind = "upsert"
	SingleDelete       Kind = "delete"
	BulkRegistration   Kind = "bulk_registration"
	BulkUpsert         Kind = "bulk_upsert"
	Status             Kind = "status"
	Any                Kind = "*"
	Unknown            Kind = "unknown"
)

// Kinds lists all real kinds.
func Kinds() []Kind {
	return []Kind{SingleRegistration, SingleUpsert, SingleDelete, BulkRegistration, BulkUpsert, Status}
}

// Request is what a control function sees of a request. The body has been read
// completely; nothing has been judged or applied. Keys are not in it.
type Request struct {
	Kind        Kind
	N           int // 1 for the first request of its kind
	ProcessCode string
	items       map[string]string
	csv         []byte
	parse       func() ([]string, [][]string)
}

// Items are what a single call sent.
func (r *Request) Items() map[string]string { return r.items }

// CSV is what an upload sent, as it came.
func (r *Request) CSV() []byte { return r.csv }

// Rows are the header and rows of an upload; nil when it is no CSV.
func (r *Request) Rows() (header []string, rows [][]string) {
	if r.parse == nil {
		return nil, nil
	}
	return r.parse()
}

// ControlFunc sees each request of its kind. Giving nil lets the request go on
// (watching); giving a Fault makes that happen instead. It may block (delaying).
// Functions run concurrently when requests do.
type ControlFunc func(*Request) *Fault

type control struct {
	kind Kind
	fn   ControlFunc
}

// Control installs fn for requests of the kind, or Any. Later ones are asked
// first; the first Fault given counts. It stays until remove is called.
func (s *Sim) Control(kind Kind, fn ControlFunc) (remove func()) {
	c := &control{kind, fn}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.controls = append([]*control{c}, s.controls...)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		// A new slice: one in use by a running request stays whole.
		s.controls = slices.DeleteFunc(slices.Clone(s.controls), func(o *control) bool { return o == c })
	}
}

func (s *Sim) ask(r *Request) *Fault {
	s.mu.Lock()
	list := s.controls
	s.mu.Unlock()
	for _, c := range list {
		if c.kind != Any && c.kind != r.Kind {
			continue
		}
		if f := c.fn(r); f != nil {
			return f
		}
	}
	return nil
}

// Once is a control function that gives f to the first request only.
func Once(f *Fault) ControlFunc { return Times(1, f) }

// Times is a control function that gives f to the first n requests.
func Times(n int, f *Fault) ControlFunc { return Sequence(slices.Repeat([]*Fault{f}, n)...) }

// Always is a control function that gives f to every request.
func Always(f *Fault) ControlFunc { return func(*Request) *Fault { return f } }

// Sequence is a control function that gives the faults one after the other
// (nil among them: that request goes on), then lets all go on.
func Sequence(faults ...*Fault) ControlFunc {
	var mu sync.Mutex
	return func(*Request) *Fault {
		mu.Lock()
		defer mu.Unlock()
		if len(faults) == 0 {
			return nil
		}
		f := faults[0]
		faults = faults[1:]
		return f
	}
}

// Chaos is a control function that strikes with the given probability, with
// one of the faults (none given: Menu), decided by the seed and the order of requests.
func Chaos(seed uint64, probability float64, faults ...*Fault) ControlFunc {
	if len(faults) == 0 {
		faults = Menu()
	}
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 0x5A7))
	return func(*Request) *Fault {
		mu.Lock()
		defer mu.Unlock()
		if rng.Float64() >= probability {
			return nil
		}
		return faults[rng.IntN(len(faults))]
	}
}
