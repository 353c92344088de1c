package sealing

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"filippo.io/age"
	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func keyPair(t require.TestingT) *age.X25519Identity {
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	return key
}

func TestWhatIsSealedOpensAgain(t *testing.T) {
	ours, theirs := keyPair(t), keyPair(t)
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(rapid.String().Draw(t, "text"))
		line, err := Seal(text, theirs.Recipient(), ours.Recipient())
		require.NoError(t, err)
		require.NotContains(t, string(line), "\n")
		got, by, err := Keys{keyPair(t), ours}.Open(append(line, '\n'))
		require.NoError(t, err)
		require.Equal(t, string(text), string(got))
		require.Equal(t, ours, by)
	})
}

func TestOpen(t *testing.T) {
	key := keyPair(t)
	line, err := Seal([]byte("personal"), key.Recipient())
	require.NoError(t, err)
	require.NotContains(t, string(line), "personal")

	plain, by, err := Keys{}.Open([]byte(`{"email":"a"}`))
	require.NoError(t, err)
	require.Nil(t, by)
	require.Equal(t, `{"email":"a"}`, string(plain))

	_, _, err = Keys{keyPair(t)}.Open(line)
	require.ErrorIs(t, err, ErrNoKey)
	_, _, err = Keys{}.Open(line)
	require.ErrorIs(t, err, ErrNoKey)

	for name, broken := range map[string][]byte{
		"cut":     line[:len(line)-8],
		"no age":  []byte("age:bm8="),
		"changed": append(bytes.Clone(line[:len(line)-6]), "AAAA=="...),
		"no code": []byte("age:%%%"),
	} {
		_, _, err = Keys{key}.Open(broken)
		require.Error(t, err, name)
	}
}

// TestLines: sealed and plain lines mixed, read in small bites.
func TestLines(t *testing.T) {
	key, other := keyPair(t), keyPair(t)
	sealed, err := Seal([]byte("b\nc"), key.Recipient())
	require.NoError(t, err)
	foreign, err := Seal([]byte("x"), other.Recipient())
	require.NoError(t, err)
	text := "a\n" + string(sealed) + "\n\n" + string(foreign) + "\nd\ntorn"
	got, err := io.ReadAll(Keys{key}.Lines(iotest.OneByteReader(strings.NewReader(text))))
	require.NoError(t, err)
	require.Equal(t, "a\nb\nc\n\n"+string(foreign)+"\nd\ntorn", string(got))
	got, err = io.ReadAll(Keys{}.Lines(strings.NewReader(text)))
	require.NoError(t, err)
	require.Equal(t, text, string(got))
}

func TestReadKeys(t *testing.T) {
	keys, err := ReadKeys("")
	require.NoError(t, err)
	require.Empty(t, keys)
	_, err = ReadKeys(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, []byte("AGE-SECRET-KEY-1NONSENSE\n"), 0o600))
	_, err = ReadKeys(path)
	require.ErrorContains(t, err, "holds no age secret key")
	require.NotContains(t, err.Error(), "NONSENSE")
	key := keyPair(t)
	require.NoError(t, os.WriteFile(path, []byte("# mine\n"+key.String()+"\n"), 0o600))
	keys, err = ReadKeys(path)
	require.NoError(t, err)
	require.Equal(t, Keys{key}, keys)
}

func TestProcessor(t *testing.T) {
	key := keyPair(t)
	build := func(conf string) (service.BatchProcessor, error) {
		parsed, err := processorSpec().ParseYAML(conf, nil)
		require.NoError(t, err)
		texts, err := parsed.FieldStringList(spFieldRecipients)
		require.NoError(t, err)
		return newSealer(texts)
	}
	p, err := build(`recipients: ["` + key.Recipient().String() + `"]`)
	require.NoError(t, err)
	m := service.NewMessage([]byte("one\ntwo"))
	m.MetaSetMut("kept", "yes")
	out, err := p.ProcessBatch(t.Context(), service.MessageBatch{m})
	require.NoError(t, err)
	line, err := out[0][0].AsBytes()
	require.NoError(t, err)
	text, _, err := Keys{key}.Open(line)
	require.NoError(t, err)
	require.Equal(t, "one\ntwo", string(text))
	kept, _ := out[0][0].MetaGet("kept")
	require.Equal(t, "yes", kept)
	before, err := m.AsBytes()
	require.NoError(t, err)
	require.Equal(t, "one\ntwo", string(before), "the message itself stays")

	for conf, want := range map[string]string{
		`recipients: []`:                       "recipients is empty",
		`recipients: ["` + key.String() + `"]`: "not the public key",
		`recipients: ["age1nonsense"]`:         "begins with age1",
	} {
		_, err := build(conf)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "SECRET")
	}
}
