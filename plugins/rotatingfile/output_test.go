package rotatingfile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/redpanda-data/benthos/v4/public/components/pure"
	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAppending(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "journal.jsonl")
	o, _ := connected(t, config{path: path})
	file := o.file
	require.NoError(t, o.Connect(t.Context()))
	require.Same(t, file, o.file, "it was connected already")
	require.NoError(t, o.WriteBatch(t.Context(), batchOf(`{"n":1}`, "", `{"n":2}`+"\n\n", "\n", "two\nlines")))
	require.NoError(t, o.WriteBatch(t.Context(), nil))
	require.NoError(t, o.Close(t.Context()))
	require.NoError(t, o.Close(t.Context()))
	require.ErrorIs(t, o.WriteBatch(t.Context(), batchOf("lost")), service.ErrNotConnected)
	require.ErrorIs(t, o.WriteBatch(t.Context(), batchOf("")), service.ErrNotConnected)

	again, _ := connected(t, config{path: path})
	require.NoError(t, again.WriteBatch(t.Context(), batchOf(`{"n":3}`)))
	require.Equal(t, map[string]string{"journal.jsonl": "{\"n\":1}\n{\"n\":2}\ntwo\nlines\n{\"n\":3}\n"}, filesIn(t, path))

	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): fs.ModeDir | 0o700, filepath.Dir(filepath.Dir(path)): fs.ModeDir | 0o700} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, want, info.Mode(), name)
	}
}

func TestNotConnected(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	o := newOutput(config{path: path}, nil)
	require.ErrorIs(t, o.WriteBatch(t.Context(), batchOf("x")), service.ErrNotConnected)
	require.NoError(t, o.Close(t.Context()))
	require.NoFileExists(t, path)
}

// TestOneWrite: a batch is one call, so that the lines of others stay whole.
func TestOneWrite(t *testing.T) {
	o, _ := connected(t, config{})
	var calls []string
	o.write = func(f *os.File, b []byte) (int, error) {
		calls = append(calls, string(b))
		return f.Write(b)
	}
	require.NoError(t, o.WriteBatch(t.Context(), batchOf("a", "b", "c")))
	require.NoError(t, o.WriteBatch(t.Context(), batchOf("", "")))
	require.Equal(t, []string{"a\nb\nc\n"}, calls)
}

func TestConnectFails(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	put(t, file, "file")
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	const advice = ": see that path names a file in a folder that this user may write to"
	for path, want := range map[string]string{
		dir:                         dir + " is no ordinary file" + advice,
		pipe:                        pipe + " is no ordinary file" + advice,
		filepath.Join(file, "x"):    "mkdir " + file + ": not a directory" + advice,
		filepath.Join(dir, "a\x00"): "open " + filepath.Join(dir, "a\x00") + ": invalid argument" + advice,
	} {
		o := newOutput(config{path: path}, nil)
		require.EqualError(t, o.Connect(t.Context()), "opening the file: "+want)
		require.ErrorIs(t, o.WriteBatch(t.Context(), batchOf("x")), service.ErrNotConnected)
		require.NoError(t, o.Close(t.Context()))
	}
}

func TestTornLastLine(t *testing.T) {
	for name, test := range map[string]struct{ before, want string }{
		"torn":       {"one\ntw", "one\ntw\nnext\n"},
		"only torn":  {"o", "o\nnext\n"},
		"whole":      {"one\n", "one\nnext\n"},
		"empty":      {"", "next\n"},
		"empty line": {"\n", "\nnext\n"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal.jsonl")
			require.NoError(t, os.WriteFile(path, []byte(test.before), 0o600))
			require.NoError(t, os.Chtimes(path, evening, evening))
			o, _ := connected(t, config{path: path})
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.True(t, info.ModTime().Equal(evening), "a file is put away by the time of its lines, not of its mending")
			require.NoError(t, o.WriteBatch(t.Context(), batchOf("next")))
			require.Equal(t, map[string]string{"journal.jsonl": test.want}, filesIn(t, path))
		})
	}
}

func TestMendingFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	require.NoError(t, os.WriteFile(path, []byte("tor"), 0o600))
	o := newOutput(config{path: path}, nil)
	o.write = func(*os.File, []byte) (int, error) { return 0, syscall.ENOSPC }
	require.ErrorIs(t, o.Connect(t.Context()), syscall.ENOSPC)
	o.write = (*os.File).Write
	require.NoError(t, o.Connect(t.Context()))
	require.NoError(t, o.WriteBatch(t.Context(), batchOf("next")))
	require.NoError(t, o.Close(t.Context()))
	require.Equal(t, map[string]string{"journal.jsonl": "tor\nnext\n"}, filesIn(t, path))
}

// TestFailedWrite: no torn line stays, and the batch can be tried again.
func TestFailedWrite(t *testing.T) {
	const secret = "taro@example.jp"
	for name, test := range map[string]struct {
		write func(*os.File, []byte) (int, error)
		want  error
		after string // what the file holds when the write has failed
		then  string // and when it was tried again
	}{
		"disk full within a line": {
			func(f *os.File, b []byte) (int, error) {
				n, _ := f.Write(b[:len(b)-3])
				return n, &fs.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
			}, syscall.ENOSPC, "one\n", "one\n" + secret + "\nthree\n",
		},
		"short, without an error": {
			func(f *os.File, b []byte) (int, error) { return f.Write(b[:4]) },
			errors.New("short write"), "one\n", "one\n" + secret + "\nthree\n",
		},
		"nothing written": {
			func(*os.File, []byte) (int, error) { return 0, syscall.EIO },
			syscall.EIO, "one\n", "one\n" + secret + "\nthree\n",
		},
		"cannot be cut off": {
			func(f *os.File, b []byte) (int, error) {
				n, _ := f.Write(b[:4])
				return n, errors.Join(syscall.EIO, f.Close())
			}, syscall.EIO, "one\ntaro", "one\ntaro\n" + secret + "\nthree\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			o, _ := connected(t, config{})
			require.NoError(t, o.WriteBatch(t.Context(), batchOf("one")))
			o.write = test.write
			err := o.WriteBatch(t.Context(), batchOf(secret, "three"))
			require.ErrorContains(t, err, "writing to the file: ")
			require.ErrorContains(t, err, test.want.Error())
			require.NotContains(t, err.Error(), "taro")
			require.Equal(t, map[string]string{"journal.jsonl": test.after}, filesIn(t, o.conf.path))
			o.write = (*os.File).Write
			require.NoError(t, o.WriteBatch(t.Context(), batchOf(secret, "three")))
			require.Equal(t, map[string]string{"journal.jsonl": test.then}, filesIn(t, o.conf.path))
		})
	}
}

// TestTakenAway: others may do with the file what they like.
func TestTakenAway(t *testing.T) {
	for name, test := range map[string]struct {
		take func(t *testing.T, path string)
		want map[string]string
	}{
		"renamed": {
			func(t *testing.T, path string) { require.NoError(t, os.Rename(path, path+".replaying")) },
			map[string]string{"journal.jsonl.replaying": "one\n", "journal.jsonl": "two\nthree\n"},
		},
		"deleted": {
			func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) },
			map[string]string{"journal.jsonl": "two\nthree\n"},
		},
		"replaced by another, torn one": {
			func(t *testing.T, path string) {
				require.NoError(t, os.WriteFile(path+".new", []byte("erased, tor"), 0o600))
				require.NoError(t, os.Rename(path+".new", path))
			},
			map[string]string{"journal.jsonl": "erased, tor\ntwo\nthree\n"},
		},
		"emptied": {
			func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 0)) },
			map[string]string{"journal.jsonl": "two\nthree\n"},
		},
		"deleted with its folder": {
			func(t *testing.T, path string) { require.NoError(t, os.RemoveAll(filepath.Dir(path))) },
			map[string]string{"journal.jsonl": "two\nthree\n"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			o, _ := connected(t, config{path: filepath.Join(t.TempDir(), "data", "journal.jsonl")})
			require.NoError(t, o.WriteBatch(t.Context(), batchOf("one")))
			test.take(t, o.conf.path)
			require.NoError(t, o.WriteBatch(t.Context(), batchOf("two")))
			require.NoError(t, o.WriteBatch(t.Context(), batchOf("three")))
			require.Equal(t, test.want, filesIn(t, o.conf.path))
		})
	}
}

// TestTakenWhilePutAway: whoever takes the file just before it is renamed has it.
func TestTakenWhilePutAway(t *testing.T) {
	o, c := connected(t, config{})
	writeAt(t, o, c, evening, "one")
	info, err := o.current()
	require.NoError(t, err)
	require.NoError(t, os.Rename(o.conf.path, o.conf.path+".replaying"))
	require.NoError(t, o.rotate(info))
	writeAt(t, o, c, evening, "two")
	require.Equal(t, map[string]string{"journal.jsonl.replaying": "one\n", "journal.jsonl": "two\n"}, filesIn(t, o.conf.path))
}

// TestTakenForGood: what cannot be opened anew is an error until it can.
func TestTakenForGood(t *testing.T) {
	o, _ := connected(t, config{})
	require.NoError(t, os.Remove(o.conf.path))
	require.NoError(t, os.Mkdir(o.conf.path, 0o700))
	for range 2 {
		require.ErrorContains(t, o.WriteBatch(t.Context(), batchOf("one")), o.conf.path+" is no ordinary file")
	}
	require.NoError(t, os.Remove(o.conf.path))
	require.NoError(t, o.WriteBatch(t.Context(), batchOf("one")))
	require.Equal(t, map[string]string{"journal.jsonl": "one\n"}, filesIn(t, o.conf.path))
}

// TestConcurrentClose: what was acknowledged is in the file, and nothing else.
func TestConcurrentClose(t *testing.T) {
	o, _ := connected(t, config{maxBytes: 100})
	var wg sync.WaitGroup
	written, begun := make([]int, 4), make(chan struct{}, 4)
	for i := range written {
		wg.Go(func() {
			for n := 0; ; n++ {
				if n == 5 {
					begun <- struct{}{}
				}
				if err := o.WriteBatch(context.Background(), batchOf("line", "line")); err != nil {
					assert.ErrorIs(t, err, service.ErrNotConnected)
					return
				}
				written[i] += 2
			}
		})
	}
	for range written {
		<-begun
	}
	wg.Go(func() { _ = o.Close(context.Background()) })
	require.NoError(t, o.Close(t.Context()))
	wg.Wait()
	want, got := 0, 0
	for _, n := range written {
		want += n
	}
	for _, text := range filesIn(t, o.conf.path) {
		got += strings.Count(text, "line\n")
		require.Empty(t, strings.ReplaceAll(text, "line\n", ""))
	}
	require.Equal(t, want, got)
}

// TestInAStream: the output does its work where the engine runs it.
func TestInAStream(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "journal.jsonl")
	b := service.NewStreamBuilder()
	require.NoError(t, b.SetLoggerYAML("level: none"))
	produce, err := b.AddBatchProducerFunc()
	require.NoError(t, err)
	require.NoError(t, b.AddOutputYAML("rotating_file: { path: "+path+", max_bytes: 8, keep: 1 }"))
	stream, err := b.Build()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { _ = stream.Run(ctx) })
	for _, lines := range [][]string{{"1", "2"}, {"3", "4"}, {"5", "6"}, {"7", "8"}, {"9"}} {
		require.NoError(t, produce(ctx, batchOf(lines...)))
	}
	require.NoError(t, stream.StopWithin(5*time.Second))
	wg.Wait()
	files := filesIn(t, path)
	require.Len(t, files, 2)
	require.Equal(t, "9\n", files["journal.jsonl"])
	delete(files, "journal.jsonl")
	require.Equal(t, "5\n6\n7\n8\n", files[namesOf(files)[0]])
}
