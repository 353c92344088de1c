//go:build linux

package chaos

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/tests/link"
	"sansansatori/tests/sansansim"
	"sansansatori/tests/satorisim"
)

// TestUnusableDisk: what waiting cannot mend ends the start with a clear message.
func TestUnusableDisk(t *testing.T) {
	link.Binary(t)
	cases := map[string]struct {
		spoil func(t *testing.T, w *link.World)
		says  string
	}{
		"a ledger cut short": {func(t *testing.T, w *link.World) {
			path := filepath.Join(w.Dir, ledgerFile)
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.NoError(t, os.Truncate(path, info.Size()/2))
		}, "is damaged"},
		"a ledger full of noise": {func(t *testing.T, w *link.World) {
			noise := make([]byte, 1<<16)
			r := rand.New(rand.NewPCG(1, 2))
			for i := range noise {
				noise[i] = byte(r.Uint32())
			}
			require.NoError(t, os.WriteFile(filepath.Join(w.Dir, ledgerFile), noise, 0o600))
		}, "is damaged"},
		"a broken page": {func(t *testing.T, w *link.World) {
			path := filepath.Join(w.Dir, ledgerFile)
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			for i := 4096; i < len(content)-4096; i += 4096 {
				copy(content[i:], strings.Repeat("\xff", 512))
			}
			require.NoError(t, os.WriteFile(path, content, 0o600))
		}, "is damaged"},
		"something else's file": {func(t *testing.T, w *link.World) {
			require.NoError(t, os.WriteFile(filepath.Join(w.Dir, ledgerFile), []byte("email,last_name\n"), 0o600))
		}, "no SQLite database"},
		"a folder that is a file": {func(t *testing.T, w *link.World) {
			require.NoError(t, os.RemoveAll(w.Dir))
			require.NoError(t, os.WriteFile(w.Dir, nil, 0o600))
		}, "not a directory"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.Once(t)
			before := w.Satori.Digest()
			c.spoil(t, w)
			begun := time.Now()
			out, err := w.Start(t, "config/sync.yaml").End(t, patience)
			require.Error(t, err, out)
			require.Contains(t, out, c.says)
			require.Contains(t, out, filepath.Base(w.Dir))
			require.Less(t, time.Since(begun), 20*time.Second)
			require.Equal(t, before, w.Satori.Digest())
		})
	}
}

// small is a folder on a disk of its own.
func small(t *testing.T, kib int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dk,mode=0700", kib)); err != nil {
		t.Skipf("mounting needs root: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// fill leaves so many KiB free, by a file of ballast.
func fill(t *testing.T, dir string, free int) (relieve func()) {
	t.Helper()
	var disk syscall.Statfs_t
	require.NoError(t, syscall.Statfs(dir, &disk))
	path := filepath.Join(dir, "ballast")
	size := max(0, int64(disk.Bavail)*disk.Bsize-int64(free)<<10)
	require.NoError(t, os.WriteFile(path, make([]byte, size), 0o600))
	return func() { require.NoError(t, os.Remove(path)) }
}

func isFull(dir string) bool {
	var disk syscall.Statfs_t
	return syscall.Statfs(dir, &disk) == nil && disk.Bavail == 0
}

// TestDiskFull: wherever the disk runs full, nothing is acknowledged that was not
// recorded, and the link goes on by itself when there is space again.
func TestDiskFull(t *testing.T) {
	link.Binary(t)
	want := undisturbed(t)
	for _, free := range []int{8, 60, 120, 200} { // KiB: from the ledger's making to the last line of the journal
		t.Run(fmt.Sprint(free, " KiB are free"), func(t *testing.T) {
			t.Parallel()
			w := with(newWorld(t, func(_ *sansansim.Settings, s *satorisim.Settings) {
				s.RejectRow = func(email string) string {
					if email[0] == 'a' {
						return "no"
					}
					return ""
				}
			}), manyRequests)
			dir := small(t, 8<<10)
			w.Dir = filepath.Join(dir, "data")
			relieve := fill(t, dir, free)
			p := w.Start(t, "config/sync.yaml")
			require.Eventually(t, func() bool { return p.Ended(0) || isFull(dir) }, patience, 10*time.Millisecond)
			if p.Ended(2 * time.Second) { // so full that it could not even start
				out, err := p.End(t, time.Second)
				require.Error(t, err, "it cannot have recorded all: %s", out)
				require.Contains(t, out, "full")
				relieve()
				w.Once(t)
			} else {
				relieve()
				out, err := p.End(t, patience)
				require.NoError(t, err, out)
				require.Contains(t, out, "trying again, nothing is acknowledged meanwhile")
			}
			recorded(t, w, want)
		})
	}
}

// recorded: the end is right where SATORI refuses the customers with "a", and a
// line that the full disk cut off is followed by a whole one.
func recorded(t *testing.T, w *link.World, want map[string]map[string]any) {
	t.Helper()
	got := w.Satori.Customers()
	for email, customer := range want {
		if email[0] == 'a' {
			require.NotContains(t, got, email)
		} else {
			require.Equal(t, customer, got[email])
		}
	}
	require.Empty(t, w.Satori.Backwards(dateItem))
	whole(t, w)
}

// TestReadOnlyFolder: a folder nobody may write to ends the start.
func TestReadOnlyFolder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	dir := small(t, 1<<10)
	w.Dir = filepath.Join(dir, "data")
	require.NoError(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	out, err := w.Start(t, "config/sync.yaml").End(t, patience)
	require.Error(t, err, out)
	require.Contains(t, out, "read-only file system")
	require.Zero(t, w.Satori.Len())
}
