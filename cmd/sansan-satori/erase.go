package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"sansansatori/plugins/erasure"
	"sansansatori/plugins/japanese"
	"sansansatori/plugins/ledger"
	"sansansatori/plugins/sealing"
)

// ledgerEraseCommand removes one person (削除請求), beside the running link.
func ledgerEraseCommand(flags []cli.Flag) *cli.Command {
	return &cli.Command{
		Name:  "erase",
		Usage: "erase one person from the ledger, from journal and dead letters in DATA_DIR, and from backups",
		Flags: append([]cli.Flag{
			emailFlag(), identity(),
			&cli.StringSliceFlag{Name: "file", Usage: "more `FILES` of JSON lines, or patterns of them; gzip too"},
			&cli.StringFlag{Name: "backups", EnvVars: []string{"BACKUP_DIR"}, Usage: "the `FOLDER` of all backups"},
		}, flags...),
		Action: withLedger(false, ledgerErase),
	}
}

// erased is what an erasure reports.
type erased struct {
	Time     time.Time        `json:"time"`
	Customer string           `json:"customer"` // the ledger's key: no address
	Ledger   bool             `json:"removed_from_ledger"`
	Files    []erasure.Result `json:"files"`
	Backups  []erasedBackup   `json:"backups,omitempty"`
}

type erasedBackup struct {
	Folder string           `json:"folder"`
	Ledger bool             `json:"removed_from_ledger"`
	Files  []erasure.Result `json:"files"`
}

func ledgerErase(c *cli.Context, store ledger.Store) error {
	// An address that is none cannot be a customer's, but journal and dead letters
	// tell of such cards too.
	email := japanese.NormalizeEmail(c.String("email"))
	if email == "" {
		return errors.New("email: it is empty")
	}
	key := ledger.KeyOf(email)
	report := erased{Time: time.Now().Truncate(time.Second), Customer: string(key), Files: []erasure.Result{}}
	keys, err := keysOf(c)
	if err != nil {
		return err
	}
	// The ledger last: should anything fail, it still shows that work is left.
	if report.Backups, err = eraseInBackups(c, email, key, keys); err != nil {
		return err
	}
	files, err := personalFiles(c.StringSlice("file"))
	if err != nil {
		return err
	}
	if report.Files, err = eraseIn(files, email, keys); err != nil {
		return err
	}
	if report.Ledger, err = store.Erase(c.Context, key); err != nil {
		return err
	}
	fmt.Fprintln(c.App.ErrWriter, "Delete the customer in SATORI and the card in Sansan too: a card that stays brings the person back at its next change.")
	return printJSON(c, report)
}

func eraseIn(files []string, email string, keys sealing.Keys) ([]erasure.Result, error) {
	results := []erasure.Result{}
	for _, file := range files {
		result, err := erasure.In(file, email, keys)
		if err != nil {
			return results, err
		}
		results = append(results, result)
	}
	return results, nil
}

// personalFiles are the journals and dead letters of DATA_DIR, and those asked for.
func personalFiles(more []string) ([]string, error) {
	var patterns []string
	for _, name := range []string{"journal*.jsonl", "dead_letters*.jsonl", "dead_letters*.jsonl.*", "journal*.jsonl.gz"} {
		patterns = append(patterns, filepath.Join(dataDir(), name))
	}
	ours := len(patterns)
	var files []string
	for i, pattern := range append(patterns, more...) {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fmt.Errorf("file: %s: %w", pattern, err)
		}
		if len(found) == 0 && i >= ours {
			return nil, fmt.Errorf("file: there is no file %s", pattern)
		}
		files = append(files, found...)
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// eraseInBackups goes through every complete backup of a folder, and gives each
// new checksums.
func eraseInBackups(c *cli.Context, email string, key ledger.Key, keys sealing.Keys) (all []erasedBackup, err error) {
	folder := c.String("backups")
	if folder == "" {
		return nil, nil
	}
	names, err := backupsIn(folder)
	if err != nil {
		return nil, fmt.Errorf("backups: %w", err)
	}
	for _, name := range names {
		b := erasedBackup{Folder: filepath.Join(folder, name)}
		entries, err := os.ReadDir(b.Folder)
		if err != nil {
			return nil, fmt.Errorf("backups: %w", err)
		}
		var copies, lines []string
		for _, entry := range entries {
			if entry.Name() == checksums {
				continue
			}
			copies = append(copies, entry.Name())
			if strings.Contains(entry.Name(), ".jsonl") {
				lines = append(lines, filepath.Join(b.Folder, entry.Name()))
			}
		}
		if b.Files, err = eraseIn(lines, email, keys); err != nil {
			return nil, err
		}
		if slices.Contains(copies, ledgerCopy) {
			if b.Ledger, err = eraseInCopy(c, filepath.Join(b.Folder, ledgerCopy), key); err != nil {
				return nil, fmt.Errorf("backups: %w", err)
			}
		}
		if _, err := sumUp(b.Folder, copies); err != nil {
			return nil, fmt.Errorf("backups: %w", err)
		}
		all = append(all, b)
	}
	return all, nil
}

func eraseInCopy(c *cli.Context, path string, key ledger.Key) (removed bool, err error) {
	store, err := ledger.OpenBeside(c.Context, ledger.Config{Driver: ledger.DriverSQLite, DSN: path})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return store.Erase(c.Context, key)
}
