package deadletters

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sansansatori/plugins/oneshot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newInput(t *testing.T, content string) *input {
	t.Helper()
	in := &input{path: filepath.Join(t.TempDir(), "dead_letters.jsonl"), batchSize: 2, settled: make(chan struct{}, 1)}
	if content != "" {
		require.NoError(t, os.WriteFile(in.path, []byte(content), 0o600))
	}
	t.Cleanup(func() { require.NoError(t, in.Close(context.Background())) })
	return in
}

func texts(t *testing.T, batch service.MessageBatch) []string {
	t.Helper()
	var all []string
	for _, m := range batch {
		b, err := m.AsBytes()
		require.NoError(t, err)
		all = append(all, string(b))
	}
	return all
}

func TestReplayedFileGoesWhenAllIsAcknowledged(t *testing.T) {
	in := newInput(t, "{\"n\":1}\n\n{\"n\":2}\n{\"n\":3}") // the last line is torn off
	require.NoError(t, in.Connect(t.Context()))
	require.NoError(t, in.Connect(t.Context()), "connecting twice")
	require.NoFileExists(t, in.path, "what fails again begins a new file")

	first, ackFirst, err := in.ReadBatch(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{`{"n":1}`, `{"n":2}`}, texts(t, first))
	second, ackSecond, err := in.ReadBatch(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{`{"n":3}`}, texts(t, second))

	end := make(chan error, 1)
	go func() { _, _, err := in.ReadBatch(t.Context()); end <- err }()
	require.NoError(t, ackSecond(t.Context(), nil))
	require.FileExists(t, in.path+taken, "the first batch is under way")
	require.NoError(t, ackFirst(t.Context(), nil))
	require.ErrorIs(t, <-end, service.ErrEndOfInput)
	require.NoFileExists(t, in.path+taken)
	require.ErrorIs(t, in.Connect(t.Context()), service.ErrEndOfInput, "there is nothing more")
}

// TestWhatACrashLeftIsReadFirst: and what fails again meanwhile stays for another
// day, also in a file that its writer keeps open.
func TestWhatACrashLeftIsReadFirst(t *testing.T) {
	in := newInput(t, "{\"n\":2}\n")
	require.NoError(t, os.WriteFile(in.path+taken, []byte("{\"n\":1}\n{\"to"), 0o600))
	require.NoError(t, in.Connect(t.Context()))
	require.NoFileExists(t, in.path)
	for _, want := range [][]string{{`{"n":1}`, `{"to`}, {`{"n":2}`}} {
		batch, ack, err := in.ReadBatch(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, texts(t, batch))
		require.NoError(t, os.WriteFile(in.path, []byte("{\"failed\":\"again\"}\n"), 0o600))
		require.NoError(t, ack(t.Context(), nil))
	}
	_, _, err := in.ReadBatch(t.Context())
	require.ErrorIs(t, err, service.ErrEndOfInput)
	require.FileExists(t, in.path)
	require.NoFileExists(t, in.path+taken)
	require.NoFileExists(t, in.path+taken+".part")
}

func TestNothingIsDeletedUnacknowledged(t *testing.T) {
	in := newInput(t, "{\"n\":1}\n")
	require.NoError(t, in.Connect(t.Context()))
	_, _, err := in.ReadBatch(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, _, err = in.ReadBatch(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, in.Close(t.Context()))
	require.FileExists(t, in.path+taken)
	_, _, err = in.ReadBatch(t.Context())
	require.ErrorIs(t, err, service.ErrNotConnected)
}

func TestRefusedWithoutReplayStays(t *testing.T) {
	in := newInput(t, "{\"n\":1}\n")
	require.NoError(t, in.Connect(t.Context()))
	_, ack, err := in.ReadBatch(t.Context())
	require.NoError(t, err)
	require.NoError(t, ack(t.Context(), errors.New("no")))
	_, _, err = in.ReadBatch(t.Context())
	require.ErrorIs(t, err, service.ErrEndOfInput)
	require.FileExists(t, in.path+taken)
}

func TestNoFileIsAnEmptyOne(t *testing.T) {
	in := newInput(t, "")
	require.ErrorIs(t, in.Connect(t.Context()), service.ErrEndOfInput)
}

func TestWhatCannotBeReadEndsTheProcess(t *testing.T) {
	t.Cleanup(oneshot.Reset)
	oneshot.Arm()
	in := newInput(t, strings.Repeat("x", maxLine+1))
	require.NoError(t, in.Connect(t.Context()))
	_, _, err := in.ReadBatch(t.Context())
	require.ErrorContains(t, err, "longer than")
	require.ErrorContains(t, oneshot.Err(), "longer than")
}

func TestSpec(t *testing.T) {
	linter := service.NewEnvironment().NewComponentConfigLinter()
	for conf, want := range map[string]string{
		"dead_letters: {path: x}":                "",
		"dead_letters: {path: x, batch_size: 0}": "batch_size must be at least 1",
		"dead_letters: {}":                       "field path is required",
	} {
		lints, err := linter.LintInputYAML([]byte(conf))
		require.NoError(t, err)
		if want == "" {
			require.Empty(t, lints)
			continue
		}
		require.Len(t, lints, 1)
		require.Contains(t, lints[0].Error(), want)
	}
}
