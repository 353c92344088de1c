// Package oneshot ends the process when a run that was asked for once cannot go
// on. The engine retries for ever; a job that cron started must end and say why.
package oneshot

import "sync"

var (
	mu    sync.Mutex
	armed bool
	cause error
	done  = make(chan struct{})
)

// Arm says that a run was asked for once. sansan_input does, with schedule: once.
func Arm() {
	mu.Lock()
	armed = true
	mu.Unlock()
}

// Fail ends an armed process; the first error is kept as its reason. In a
// process that is not armed it does nothing and gives false.
func Fail(err error) bool {
	mu.Lock()
	defer mu.Unlock()
	if !armed {
		return false
	}
	if cause == nil {
		cause = err
		close(done)
	}
	return true
}

// Done is closed by the first Fail of an armed process.
func Done() <-chan struct{} {
	mu.Lock()
	defer mu.Unlock()
	return done
}

// Err is why the process has to end; nil as long as it need not.
func Err() error {
	mu.Lock()
	defer mu.Unlock()
	return cause
}

// Reset makes the process as it was at its start, for tests.
func Reset() {
	mu.Lock()
	defer mu.Unlock()
	armed, cause, done = false, nil, make(chan struct{})
}
