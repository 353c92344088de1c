package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// ownership is a lock on a file. The system drops it with the process, however
// that ends, so nobody has to clean up after a crash.
type ownership struct{ lock *flock.Flock }

// holder is what the lock file says to people.
type holder struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Started time.Time `json:"started"`
}

// own locks path, or gives ErrHeld with who holds it.
func own(path string) (*ownership, error) {
	lock := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	got, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	if !got {
		return nil, fmt.Errorf("%w: %s (%s)", ErrHeld, whoHolds(path), path)
	}
	host, _ := os.Hostname()
	text, err := json.Marshal(holder{PID: os.Getpid(), Host: host, Started: time.Now().UTC().Truncate(time.Second)})
	if err == nil {
		err = os.WriteFile(path, append(text, '\n'), 0o600)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("writing %s: %w", path, err), lock.Unlock())
	}
	return &ownership{lock: lock}, nil
}

func whoHolds(path string) string {
	var h holder
	text, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(text, &h) != nil || h.PID == 0 {
		return "it does not say who it is"
	}
	return fmt.Sprintf("process %d on %s since %s", h.PID, h.Host, h.Started.Format(time.RFC3339))
}

// release may be called on nil and twice. The file stays: removing it would let
// two processes lock two files of one name.
func (o *ownership) release() error {
	if o == nil {
		return nil
	}
	return o.lock.Unlock()
}
