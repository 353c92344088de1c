package rotatingfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
)

// output has one file open, until it or somebody else puts the file away.
type output struct {
	conf config
	log  *service.Logger

	// What tests replace.
	now    func() time.Time
	write  func(*os.File, []byte) (int, error)
	remove func(string) error

	mu        sync.Mutex // Close comes from elsewhere
	connected bool
	file      *os.File    // nil after trouble; the next write opens it anew
	opened    os.FileInfo // of file, to know it again
}

func newOutput(conf config, log *service.Logger) *output {
	return &output{conf: conf, log: log, now: time.Now, write: (*os.File).Write, remove: os.Remove}
}

// Connect opens the file and deletes what need not be kept any longer.
func (o *output) Connect(context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.connected {
		return nil
	}
	if _, err := o.open(); err != nil {
		return err
	}
	o.connected = true
	o.retain()
	return nil
}

// WriteBatch appends the batch: all of it or, with an error, nothing.
func (o *output) WriteBatch(_ context.Context, batch service.MessageBatch) error {
	lines, err := linesOf(batch)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.connected {
		return service.ErrNotConnected
	}
	if len(lines) == 0 {
		return nil
	}
	info, err := o.current()
	if err != nil {
		return err
	}
	if o.due(info, len(lines)) {
		if err := o.rotate(info); err != nil {
			return fmt.Errorf("putting the file away: %w", err)
		}
		if info, err = o.current(); err != nil {
			return err
		}
	}
	return o.append(lines, info.Size())
}

// linesOf joins the messages of a batch.
func linesOf(batch service.MessageBatch) ([]byte, error) {
	var lines bytes.Buffer
	for i, m := range batch {
		text, err := m.AsBytes()
		if err != nil { // which may cite the message
			return nil, fmt.Errorf("message %d of %d has no text", i+1, len(batch))
		}
		if text = bytes.TrimRight(text, "\n"); len(text) > 0 {
			lines.Write(text)
			lines.WriteByte('\n')
		}
	}
	return lines.Bytes(), nil
}

// current gives the file at path, which is the open one from then on.
func (o *output) current() (os.FileInfo, error) {
	if o.file == nil {
		return o.open()
	}
	info, err := os.Stat(o.conf.path)
	if err == nil && os.SameFile(info, o.opened) {
		return info, nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("looking at the file: %w", err)
	}
	_ = o.release() // the file is somebody else's now
	return o.open()
}

// open opens the file at path, or a new one.
func (o *output) open() (os.FileInfo, error) {
	file, info, err := o.openFile()
	if err != nil {
		return nil, fmt.Errorf("opening the file: %w: see that path names a file in a folder that this user may write to", err)
	}
	if info, err = o.mend(file, info); err != nil {
		return nil, errors.Join(fmt.Errorf("mending the last line of the file, which a crash has torn: %w", err), file.Close())
	}
	o.file, o.opened = file, info
	return info, nil
}

func (o *output) openFile() (*os.File, os.FileInfo, error) {
	if err := os.MkdirAll(filepath.Dir(o.conf.path), 0o700); err != nil {
		return nil, nil, err
	}
	// Opening a pipe would wait for its reader.
	if info, err := os.Stat(o.conf.path); err == nil && !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s is no ordinary file", o.conf.path)
	}
	file, err := os.OpenFile(o.conf.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, info, nil
}

// mend ends a line that a crash has torn. The file keeps the time of its last
// change, by which it is put away.
func (o *output) mend(file *os.File, info os.FileInfo) (os.FileInfo, error) {
	torn, err := o.torn(info)
	if err != nil || !torn {
		return info, err
	}
	if _, err := o.write(file, []byte("\n")); err != nil {
		return nil, err
	}
	// A file of another user cannot be given a time: it counts as changed now.
	_ = os.Chtimes(o.conf.path, time.Time{}, info.ModTime())
	return file.Stat()
}

// torn tells whether the file at path ends within a line.
func (o *output) torn(info os.FileInfo) (bool, error) {
	if info.Size() == 0 {
		return false, nil
	}
	file, err := os.Open(o.conf.path) // the open one is for writing only
	if err != nil {
		return false, err
	}
	defer file.Close()
	if same, err := file.Stat(); err != nil || !os.SameFile(same, info) {
		return false, errors.Join(errors.New("the file was taken away at this moment"), err)
	}
	var last [1]byte
	if _, err := file.ReadAt(last[:], info.Size()-1); err != nil {
		return false, err
	}
	return last[0] != '\n', nil
}

// append writes lines behind the first size bytes. What fails is cut off again.
func (o *output) append(lines []byte, size int64) error {
	n, err := o.write(o.file, lines)
	if err == nil && n < len(lines) {
		err = io.ErrShortWrite
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("writing to the file: %w", err)
	if cutErr := o.file.Truncate(size); cutErr != nil {
		// Opened anew, the file is mended.
		err = errors.Join(err, fmt.Errorf("cutting off a torn line: %w", cutErr))
		_ = o.release()
	}
	return err
}

// Close closes the file. It may be called twice.
func (o *output) Close(context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.connected = false
	if err := o.release(); err != nil {
		return fmt.Errorf("closing the file: %w", err)
	}
	return nil
}

// release lets the open file go. The mutex is held.
func (o *output) release() error {
	if o.file == nil {
		return nil
	}
	err := o.file.Close()
	o.file, o.opened = nil, nil
	return err
}
