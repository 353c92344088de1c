package satorisim

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// sheet is a parsed upload.
type sheet struct {
	header []string
	rows   [][]string
	bom    bool
}

var bom = []byte("\xEF\xBB\xBF")

// parseSheet reads a CSV strictly: UTF-8, quotes that close, a header without
// repeated names. words say why it is none. Rows may be ragged.
func parseSheet(b []byte) (sh *sheet, words string) {
	sh = &sheet{}
	if bytes.HasPrefix(b, bom) {
		sh.bom, b = true, b[len(bom):]
	}
	if !utf8.Valid(b) {
		return sh, "CSVファイルの文字コードはUTF-8にしてください"
	}
	r := csv.NewReader(bytes.NewReader(b))
	r.FieldsPerRecord = -1
	var err error
	if sh.header, err = r.Read(); err != nil {
		return sh, "CSVファイルにヘッダーがありません"
	}
	seen := map[string]bool{}
	for _, name := range sh.header {
		if seen[name] {
			return sh, "CSVファイルのヘッダーが重複しています: " + name
		}
		seen[name] = true
	}
	sh.rows = make([][]string, 0, bytes.Count(b, []byte{'\n'}))
	r.ReuseRecord = true
	var cells []string // rows are cut from pieces of 256: fewer, larger allocations
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return sh, ""
		}
		if err != nil {
			return sh, "CSVファイルの形式が不正です"
		}
		if len(cells)+len(row) > cap(cells) {
			cells = make([]string, 0, max(256*len(sh.header), len(row)))
		}
		from := len(cells)
		cells = append(cells, row...)
		sh.rows = append(sh.rows, cells[from:len(cells):len(cells)])
	}
}

// upload handles bulk registration.json and upsert.json.
func (s *Sim) upload(c *call) *answer {
	bad := func(format string, args ...any) *answer {
		return s.refuse(s.set.BadUpload, fmt.Sprintf(format, args...))
	}
	if c.broken != "" {
		return bad("%s", c.broken)
	}
	identity := c.form.Get("identity_type")
	if identity != "email" && identity != "hashcode" {
		return bad("identity_typeが不正です")
	}
	sh, words := c.sheet()
	switch {
	case int64(len(c.file)) > s.set.MaxBytes:
		return bad("CSVファイルが大きすぎます")
	case words != "":
		return bad("%s", words)
	case sh.bom && s.set.BOM != Ignore:
		return bad("CSVファイルのヘッダーが不正です")
	case len(sh.rows) == 0:
		return bad("CSVファイルにデータがありません")
	case len(sh.rows) > s.set.MaxRows:
		return bad("CSVファイルは%d行までです", s.set.MaxRows)
	}
	at := make([]int, len(sh.header))
	everyRow := "" // what fails each row
	for i, name := range sh.header {
		col, reaction, complaint := s.schema.column(name, &s.set)
		switch {
		case complaint == "":
		case reaction == RefuseRequest:
			return bad("%s", complaint)
		case reaction == FailRows && everyRow == "":
			everyRow = complaint
		}
		at[i] = col
	}
	j := s.newJob(c, newColumns(at), identity == "hashcode", sh.rows)
	if j.byHash && j.cols.hashcode < 0 || !j.byHash && j.cols.email < 0 {
		return bad("CSVファイルに%sがありません", identity)
	}
	if j.cols.route < 0 && s.set.MissingRoute == RefuseRequest {
		return bad("CSVファイルにcollection_routeがありません")
	}
	if refused := s.judge(j, len(sh.header), everyRow); refused != "" {
		return bad("%s", refused)
	}
	if s.set.Jobs == Refuse && len(s.jobs.active) > 0 {
		return s.tooMany("他の一括処理が実行中です")
	}
	s.queue(j)
	return s.accept(s.set.AcceptedHTTP, 202, "Accepted", s.set.ProcessCodeIn, map[string]any{"process_code": j.code})
}

// judge decides which rows fail; refused is not blank when the whole upload does.
func (s *Sim) judge(j *job, width int, everyRow string) (refused string) {
	for i, row := range j.rows {
		words := everyRow
		switch {
		case words != "":
		case len(row) != width:
			if words = "列の数がヘッダーと異なります"; s.set.RaggedRow == RefuseRequest {
				return fmt.Sprintf("%d行目: %s", i+s.set.RowBase, words)
			}
		default:
			words = s.checkRow(j.cols, row, j.byHash, true)
			if words == "" && s.set.FailRate > 0 && s.rng.Float64() < s.set.FailRate {
				words = "登録に失敗しました"
			}
		}
		if words == "" {
			continue
		}
		if s.set.BadRow == RefuseRequest {
			return fmt.Sprintf("%d行目: %s", i+s.set.RowBase, words)
		}
		j.failed[i] = words
	}
	return ""
}
