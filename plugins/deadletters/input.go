// Package deadletters is the input dead_letters: it takes a file of dead letters
// to be tried again, so that what succeeds leaves the file and what fails comes
// back into it.
package deadletters

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/redpanda-data/benthos/v4/public/service"

	"sansansatori/plugins/oneshot"
	"sansansatori/plugins/sealing"
)

// Field names, in the order of the spec.
const (
	dlFieldPath      = "path"
	dlFieldBatchSize = "batch_size"
	dlFieldIdentity  = "identity_file"
)

// taken is what a file is called while its lines are under way.
const taken = ".replaying"

// maxLine is the longest line in bytes. A customer is a few thousand.
const maxLine = 16 << 20

func inputSpec() *service.ConfigSpec {
	return service.NewConfigSpec().
		Categories("Services").
		Summary("Takes a file of dead letters, one JSON object a line, to be tried again.").
		Description(`
The file is renamed first (`+"`"+taken+"`"+` is added to its name) and deleted when every line of it was acknowledged. What fails again goes through the pipeline's dead-letter output into a new file of the old name. After a crash the renamed file is read again, and then the new one: replaying a customer twice writes nothing twice. The input ends with the file; a file that does not exist is an empty one.

Stop the link first: it keeps its file of dead letters open.
`).
		Fields(
			service.NewStringField(dlFieldPath).Description("The file of dead letters.").Example("./data/dead_letters.jsonl"),
			service.NewIntField(dlFieldBatchSize).Description("The most lines of a batch.").Default(300).
				LintRule(`root = if this.type() == "number" && this < 1 { ["`+dlFieldBatchSize+` must be at least 1"] }`).Advanced(),
			service.NewStringField(dlFieldIdentity).Description("The file of the secret key that opens sealed dead letters (processor `seal`).").Default("").Advanced(),
			service.NewAutoRetryNacksToggleField(),
		)
}

func init() {
	service.MustRegisterBatchInput("dead_letters", inputSpec(),
		func(p *service.ParsedConfig, _ *service.Resources) (service.BatchInput, error) {
			in := &input{settled: make(chan struct{}, 1)}
			var err error
			if in.path, err = p.FieldString(dlFieldPath); err != nil {
				return nil, err
			}
			if in.path == "" {
				return nil, errors.New("path is empty: name the file of dead letters")
			}
			if in.batchSize, err = p.FieldInt(dlFieldBatchSize); err != nil {
				return nil, err
			}
			identity, err := p.FieldString(dlFieldIdentity)
			if err != nil {
				return nil, err
			}
			if in.keys, err = sealing.ReadKeys(identity); err != nil {
				return nil, fmt.Errorf("%s: %w", dlFieldIdentity, err)
			}
			oneshot.Arm() // a file is read once: what goes wrong ends the process
			return service.AutoRetryNacksBatchedToggled(p, in)
		})
}

// input reads one file, behind what a crash has left of another.
type input struct {
	path      string
	batchSize int
	keys      sealing.Keys

	mu       sync.Mutex // acknowledgements and Close come from elsewhere
	file     *os.File
	lines    *bufio.Reader
	left     bool          // this file is from a run that crashed; a new one may be there as well
	underWay int           // batches read and not acknowledged
	kept     bool          // with auto_replay_nacks: false, something was refused: the file stays
	settled  chan struct{} // tells that an acknowledgement came
}

// Connect takes the file. A file that cannot be taken ends the process.
func (in *input) Connect(context.Context) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.file != nil {
		return nil
	}
	err := in.take()
	if err != nil && !errors.Is(err, service.ErrEndOfInput) {
		err = fmt.Errorf("taking the dead letters: %w", err)
		oneshot.Fail(err)
	}
	return err
}

// take makes the file ours, together with what a crash has left; ErrEndOfInput
// when there is neither. The mutex is held. All is taken before anything fails
// again: what comes into the file from then on is left for another day.
func (in *input) take() error {
	left, err := os.Open(in.path + taken)
	if errors.Is(err, os.ErrNotExist) {
		err = os.Rename(in.path, in.path+taken)
		if errors.Is(err, os.ErrNotExist) {
			return service.ErrEndOfInput
		}
	} else if err == nil {
		err = errors.Join(in.merge(left), left.Close())
	}
	if err != nil {
		return err
	}
	file, err := os.Open(in.path + taken)
	if err != nil {
		return err
	}
	in.file, in.lines = file, bufio.NewReaderSize(in.keys.Lines(file), 64<<10)
	return nil
}

// merge puts the file behind what a crash has left. A crash in between makes
// lines come twice at worst.
func (in *input) merge(left io.Reader) error {
	fresh, err := os.Open(in.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer fresh.Close()
	part := in.path + taken + ".part"
	both, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	// The line break is for a last line that the crash has torn.
	_, err = io.Copy(both, io.MultiReader(left, strings.NewReader("\n"), fresh))
	if err := errors.Join(err, both.Sync(), both.Close()); err != nil {
		return err
	}
	return errors.Join(os.Rename(part, in.path+taken), os.Remove(in.path))
}

// ReadBatch gives the next lines. At the end of the file it waits until all are
// acknowledged, and only then lets the file go.
func (in *input) ReadBatch(ctx context.Context) (service.MessageBatch, service.AckFunc, error) {
	for {
		batch, err := in.read()
		if err != nil {
			return nil, nil, err
		}
		if len(batch) > 0 {
			return batch, in.acknowledge, nil
		}
		if err := in.finish(ctx); err != nil {
			return nil, nil, err
		}
	}
}

func (in *input) read() (service.MessageBatch, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.file == nil {
		return nil, service.ErrNotConnected
	}
	var batch service.MessageBatch
	for len(batch) < in.batchSize {
		line, err := in.line()
		text := bytes.TrimSpace(line)
		if sealing.Sealed(text) {
			err := fmt.Errorf("reading the dead letters: %w: name the file of its secret key in %s", sealing.ErrNoKey, dlFieldIdentity)
			oneshot.Fail(err)
			return nil, err
		}
		if len(text) > 0 {
			batch = append(batch, service.NewMessage(text))
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			err = fmt.Errorf("reading the dead letters: %w", err)
			oneshot.Fail(err)
			return nil, err
		}
	}
	if len(batch) > 0 {
		in.underWay++
	}
	return batch, nil
}

// line gives the next line in memory of its own; io.EOF with the last one.
func (in *input) line() ([]byte, error) {
	var whole []byte
	for {
		part, err := in.lines.ReadSlice('\n')
		whole = append(whole, part...)
		if len(whole) > maxLine {
			return nil, fmt.Errorf("a line is longer than %d bytes", maxLine)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return whole, err
		}
	}
}

func (in *input) acknowledge(_ context.Context, err error) error {
	in.mu.Lock()
	in.underWay--
	in.kept = in.kept || err != nil
	in.mu.Unlock()
	select {
	case in.settled <- struct{}{}:
	default:
	}
	return nil
}

// finish deletes the file once nothing of it is under way, and takes the next.
func (in *input) finish(ctx context.Context) error {
	for {
		in.mu.Lock()
		if in.underWay == 0 {
			defer in.mu.Unlock()
			return in.release()
		}
		in.mu.Unlock()
		select {
		case <-in.settled:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (in *input) release() error {
	if in.file == nil {
		return service.ErrNotConnected
	}
	err := in.file.Close()
	if !in.kept {
		err = errors.Join(err, os.Remove(in.path+taken))
	}
	in.file, in.lines = nil, nil
	if err != nil {
		return fmt.Errorf("deleting the replayed dead letters: %w", err)
	}
	return service.ErrEndOfInput
}

// Close gives the file up; what was not acknowledged stays in it.
func (in *input) Close(context.Context) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.file == nil {
		return nil
	}
	err := in.file.Close()
	in.file, in.lines = nil, nil
	return err
}
