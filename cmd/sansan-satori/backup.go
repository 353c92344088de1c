package main

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"sansansatori/plugins/ledger"
	"sansansatori/plugins/report"
)

const (
	backupName = "20060102T150405" // of a backup's folder, Asia/Tokyo
	unfinished = ".part"
	ledgerCopy = "ledger.db"
	checksums  = "SHA256SUMS" // as sha256sum -c reads it
)

// ledgerBackupCommand copies what the link cannot read again, beside the running
// link (バックアップ).
func ledgerBackupCommand(flags []cli.Flag) *cli.Command {
	return &cli.Command{
		Name:  "backup",
		Usage: "copy ledger, cursor, journal and dead letters into a new folder",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "to", Required: true, Usage: "the `FOLDER` of all backups; best on another disk"},
			&cli.IntFlag{Name: "keep", Value: 14, Usage: "how many backups to keep; 0: all"},
		}, flags...),
		Action: func(c *cli.Context) error {
			if c.Int("keep") < 0 {
				return errors.New("keep: it cannot be negative")
			}
			conf, err := ledgerOf(c)
			if err != nil {
				return err
			}
			b := backup{ledger: conf, from: dataDir(), to: c.String("to"), keep: c.Int("keep")}
			made, err := b.make(c.Context, time.Now())
			if err != nil {
				return fmt.Errorf("backing up: %w", err)
			}
			return printJSON(c, made)
		},
	}
}

// backup says what is copied where.
type backup struct {
	ledger   ledger.Config
	from, to string
	keep     int
}

// backedUp is what became of it.
type backedUp struct {
	Folder  string   `json:"folder"`
	Files   []string `json:"files"`
	Bytes   int64    `json:"bytes"`
	Removed []string `json:"removed,omitempty"` // older backups
	Note    string   `json:"note,omitempty"`
}

// make copies the ledger last: cards that are read again from an older cursor do
// no harm, a cursor newer than its ledger would leave some out. What bears a
// backup's name is complete.
func (b backup) make(ctx context.Context, now time.Time) (made backedUp, err error) {
	made.Folder = filepath.Join(b.to, now.In(report.Japan).Format(backupName))
	part := made.Folder + unfinished
	if _, err := os.Stat(made.Folder); err == nil {
		return made, fmt.Errorf("%s exists", made.Folder)
	}
	if err := os.RemoveAll(part); err != nil {
		return made, err
	}
	if err := os.MkdirAll(part, 0o700); err != nil {
		return made, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(part)
		}
	}()
	files, err := b.files()
	if err != nil {
		return made, err
	}
	for _, name := range files {
		copied, err := copyFile(filepath.Join(b.from, name), filepath.Join(part, name))
		if err != nil {
			return made, err
		}
		made.Files = append(made.Files, copied)
	}
	if b.ledger.Driver == ledger.DriverSQLite {
		if err := ledger.Backup(ctx, b.ledger, filepath.Join(part, ledgerCopy)); err != nil {
			return made, err
		}
		made.Files = append(made.Files, ledgerCopy)
	} else {
		made.Note = "the ledger is not in it: back up the database by its own means, such as pg_dump"
	}
	if made.Bytes, err = sumUp(part, made.Files); err != nil {
		return made, err
	}
	if err := os.Rename(part, made.Folder); err != nil {
		return made, err
	}
	made.Removed, err = b.removeOld()
	return made, err
}

// files of the data folder besides the ledger: small ones, such as the cursor,
// come before JSON lines.
func (b backup) files() ([]string, error) {
	entries, err := os.ReadDir(b.from)
	if err != nil {
		return nil, err
	}
	ledgerFile := filepath.Base(strings.TrimPrefix(b.ledger.DSN, "file:"))
	var names []string
	for _, entry := range entries {
		name := entry.Name()
		if entry.Type().IsRegular() && !strings.HasPrefix(name, ledgerFile) && !strings.HasPrefix(name, ".") {
			names = append(names, name)
		}
	}
	slices.SortStableFunc(names, func(x, y string) int {
		order := func(name string) int { return map[bool]int{true: 1}[isLines(name)] }
		return cmp.Compare(order(x), order(y))
	})
	return names, nil
}

func isLines(name string) bool {
	return strings.HasSuffix(name, ".jsonl") || strings.Contains(name, ".jsonl.") && !strings.HasSuffix(name, ".gz")
}

// copyFile copies one file, JSON lines compressed, and gives the copy's name.
func copyFile(from, to string) (name string, err error) {
	in, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer in.Close()
	if isLines(to) {
		to += ".gz"
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if !isLines(from) {
		_, err = io.Copy(out, in)
	} else {
		packed := gzip.NewWriter(out)
		err = errors.Join(copyLines(packed, in), packed.Close())
	}
	return filepath.Base(to), errors.Join(err, out.Sync())
}

// copyLines leaves out a last line that is being written at this moment.
func copyLines(to io.Writer, from io.Reader) error {
	lines := bufio.NewReaderSize(from, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := to.Write(line); err != nil {
			return err
		}
	}
}

// sumUp writes the checksums of the files and gives their size together.
func sumUp(dir string, files []string) (size int64, err error) {
	var sums strings.Builder
	for _, name := range files {
		file, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return 0, err
		}
		sum := sha256.New()
		n, err := io.Copy(sum, file)
		if err := errors.Join(err, file.Close()); err != nil {
			return 0, err
		}
		size += n
		fmt.Fprintf(&sums, "%x  %s\n", sum.Sum(nil), name)
	}
	return size, os.WriteFile(filepath.Join(dir, checksums), []byte(sums.String()), 0o600)
}

// removeOld keeps the newest backups; folders of other names are not ours.
func (b backup) removeOld() (removed []string, err error) {
	if b.keep == 0 {
		return nil, nil
	}
	backups, err := backupsIn(b.to)
	if err != nil {
		return nil, err
	}
	for _, name := range backups[:max(0, len(backups)-b.keep)] {
		if err := os.RemoveAll(filepath.Join(b.to, name)); err != nil {
			return removed, err
		}
		removed = append(removed, name)
	}
	return removed, nil
}

// backupsIn gives the complete backups of a folder by name, so by time.
func backupsIn(folder string) (names []string, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if _, err := time.Parse(backupName, entry.Name()); err == nil && entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}
