package items

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/japanese"
)

func TestReadMasterEncodings(t *testing.T) {
	sjis, err := japanese.ShiftJIS.NewEncoder().String(master)
	require.NoError(t, err)
	want, err := parseMaster([]byte(master))
	require.NoError(t, err)
	require.Equal(t, []string{"製造", "IT・通信", "その他", "IT・通信|その他", "製造,IT・通信"}, want.items["industry"].options)
	for name, text := range map[string]string{
		"mark": "\ufeff" + master, "CRLF": strings.ReplaceAll(master, "\n", "\r\n"), "cp932": sjis,
		"prefix": strings.ReplaceAll(master, ",exchange_date,", ",custom:exchange_date,"),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "master.csv")
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			got, err := ReadMaster(path)
			require.NoError(t, err)
			require.Equal(t, want.items, got.items)
		})
	}
}

func TestReadMasterErrors(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":        {"", "reading m.csv: it is empty: export the master of custom items (customer_custom_field_master) from SATORI"},
		"other file":   {"customer_tag_id,customer_tag_name\n", "reading m.csv: line 1: no column `field_name`: this is no master of custom items (customer_custom_field_master)"},
		"cells":        {"name,field_name\na,b\nc\n", "reading m.csv: line 3: 1 cells, but the header has 2"},
		"no name":      {"name,field_name\na,\n", "reading m.csv: line 2: `field_name` is empty"},
		"twice":        {"name,field_name\na,x\nb,x\n", "reading m.csv: line 3: `x` stands on line 2 already"},
		"quote":        {"name,field_name\na,\"x\n", "reading m.csv: line 2: a quote that opens in this record never closes"},
		"UTF-16":       {"\xff\xfen\x00", "reading m.csv: it is UTF-16: save it as UTF-8 or Shift-JIS (cp932)"},
		"broken bytes": {"name,field_name\n山田太郎,x\na,\xff\n", "reading m.csv: line 3: column 2 holds bytes that are not utf-8"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readMaster("m.csv", func(string) ([]byte, error) { return []byte(c.text), nil })
			require.EqualError(t, err, c.want)
		})
	}
	_, err := ReadMaster(filepath.Join(t.TempDir(), "gone.csv"))
	require.ErrorContains(t, err, "gone.csv: no such file or directory")
}

func TestUniqueField(t *testing.T) {
	for text, want := range map[string]bool{"": false, "0": false, "FALSE": false, " f ": false, "1": true, "true": true, "t": true, "○": true, "許可しない": true} {
		m, err := parseMaster([]byte("field_name,unique_field\nx," + text + "\n"))
		require.NoError(t, err)
		require.Equal(t, want, m.items["x"].unique, text)
	}
}

func TestOptions(t *testing.T) {
	for text, want := range map[string][]string{
		"":             {},
		"A":            {"A"},
		"A,B":          {"A", "B"},
		"A\nB\r\nC":    {"A", "B", "C"},
		"A|B;C":        {"A", "B"},
		`["A","B, C"]`: {"A", "B, C"},
		"[A, B]":       {"A", "B"},
		"はい, いいえ\nどちらでもない": {"はい", "いいえ", "どちらでもない"},
	} {
		got, _ := optionsOf(text)
		require.Subset(t, got, want, text)
	}
}

// FuzzMaster: what is read is whole, and what is not gives an error; nothing
// breaks on the way, nor when values are checked by it.
func FuzzMaster(f *testing.F) {
	f.Add([]byte(master))
	f.Add([]byte("\ufefffield_name\n\"a\""))
	f.Add([]byte("field_name,validation_value,field_kind\na,[,selection\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		m, err := parseMaster(content)
		if err != nil {
			require.Nil(t, m)
			return
		}
		require.Len(t, m.items, len(m.names))
		for _, name := range m.names {
			require.NotEmpty(t, name)
			err := m.check(name, "値")
			require.False(t, errors.Is(err, os.ErrNotExist))
		}
	})
}
