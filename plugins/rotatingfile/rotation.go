package rotatingfile

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// jst is the zone of periods and names.
var jst = time.FixedZone("JST", 9*60*60)

// stampLayout is the time in the name of a file put away.
const stampLayout = "20060102T150405"

// due tells whether a file has to be put away before n more bytes are written.
func (o *output) due(info os.FileInfo, n int) bool {
	if info.Size() == 0 {
		return false
	}
	if o.conf.maxBytes > 0 && info.Size()+int64(n) > o.conf.maxBytes {
		return true
	}
	// A clock that was put back begins no period.
	return o.conf.maxAge > 0 && periodOf(o.now(), o.conf.maxAge).After(periodOf(info.ModTime(), o.conf.maxAge))
}

// periodOf is the beginning of the period that t is in, the same for all of the
// period and no moment to show: Truncate counts in UTC, so the zone is added.
func periodOf(t time.Time, length time.Duration) time.Time {
	_, offset := t.In(jst).Zone()
	return t.Add(time.Duration(offset) * time.Second).Truncate(length)
}

// rotate puts the file away and deletes what need not be kept any longer.
func (o *output) rotate(info os.FileInfo) error {
	name, err := o.freeName(info.ModTime())
	if err != nil {
		return err
	}
	if err := o.release(); err != nil {
		return err
	}
	if err := os.Rename(o.conf.path, name); err != nil && !errors.Is(err, os.ErrNotExist) { // unless somebody was faster
		return err
	}
	o.retain()
	return nil
}

// rotated is a file put away.
type rotated struct {
	path   string
	stamp  time.Time
	number int // of those with the same stamp, from 1
}

// freeName gives the name that a file last changed at modified is put away under.
// A number is not used again when its file was deleted: the newest has the highest.
func (o *output) freeName(modified time.Time) (string, error) {
	all, err := o.putAway()
	if err != nil {
		return "", err
	}
	stamp := modified.In(jst).Format(stampLayout)
	number := 1
	for _, r := range all {
		if r.stamp.Format(stampLayout) == stamp {
			number = r.number + 1
		}
	}
	stem, ext := split(o.conf.path)
	for ; ; number++ {
		name := stem + "-" + stamp + ext
		if number > 1 {
			name = stem + "-" + stamp + "-" + strconv.Itoa(number) + ext
		}
		if _, err := os.Lstat(name); errors.Is(err, os.ErrNotExist) {
			return name, nil
		} else if err != nil {
			return "", err
		}
	}
}

// split divides a path before its extension; a name such as .journal has none.
func split(path string) (stem, ext string) {
	ext = filepath.Ext(path)
	if ext == filepath.Base(path) {
		ext = ""
	}
	return strings.TrimSuffix(path, ext), ext
}

// putAway lists the files put away, oldest first.
func (o *output) putAway() ([]rotated, error) {
	dir := filepath.Dir(o.conf.path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []rotated
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		if r, ok := rotatedOf(filepath.Base(o.conf.path), e.Name()); ok {
			r.path = filepath.Join(dir, e.Name())
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b rotated) int {
		return cmp.Or(a.stamp.Compare(b.stamp), cmp.Compare(a.number, b.number))
	})
	return all, nil
}

// rotatedOf reads the name of a file that base was put away under; false when it
// is any other file's.
func rotatedOf(base, name string) (rotated, bool) {
	stem, ext := split(base)
	rest, ours := strings.CutPrefix(name, stem+"-")
	rest, ends := strings.CutSuffix(rest, ext)
	stamp, number, numbered := strings.Cut(rest, "-")
	r := rotated{number: 1}
	var err error
	if r.stamp, err = time.ParseInLocation(stampLayout, stamp, jst); !ours || !ends || err != nil || r.stamp.Format(stampLayout) != stamp {
		return rotated{}, false // Parse would take fractions, too
	}
	if numbered {
		if r.number, err = strconv.Atoi(number); err != nil || r.number < 2 || strconv.Itoa(r.number) != number {
			return rotated{}, false
		}
	}
	return r, true
}

// retain deletes the files put away that need not be kept any longer. Trouble
// with it is told of but does not keep lines from being written.
func (o *output) retain() {
	if o.conf.keep == 0 && o.conf.keepFor == 0 {
		return
	}
	all, err := o.putAway()
	for i, r := range all {
		tooMany := o.conf.keep > 0 && i < len(all)-o.conf.keep
		tooOld := o.conf.keepFor > 0 && r.stamp.Add(o.conf.keepFor).Before(o.now())
		if !tooMany && !tooOld {
			continue
		}
		if removeErr := o.remove(r.path); removeErr != nil && !errors.Is(removeErr, os.ErrNotExist) {
			err = errors.Join(err, removeErr)
		}
	}
	if err != nil {
		o.log.Warnf("deleting files put away: %v; trying again when the next one is", err)
	}
}
