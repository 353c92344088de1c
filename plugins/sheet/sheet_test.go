package sheet

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sansansatori/plugins/report"
)

func draw(t *testing.T, path string) *Sheet {
	t.Helper()
	s, err := Draw(t.Context(), pipeline(t, path))
	require.NoError(t, err)
	return s
}

func (s *Sheet) item(t *testing.T, name string) Item {
	t.Helper()
	for _, item := range s.Items {
		if item.Name == name {
			return item
		}
	}
	require.Fail(t, "no item "+name)
	return Item{}
}

// set names the conditions 3 to 9 that are set.
func (s *Sheet) set() (numbers []int) {
	for _, c := range s.Conditions {
		if len(c.Items) > 0 {
			numbers = append(numbers, c.Number)
		}
	}
	return numbers
}

func TestShippedSheets(t *testing.T) {
	for name, want := range map[string]struct {
		ranges     []string
		rule       string
		conditions []int
	}{
		"sync":        {[]string{"1-1"}, "2-3", []int{3, 5, 6, 7, 9}},
		"daily":       {[]string{"1-1"}, "2-1", []int{3, 5, 6, 7, 9}},
		"exhibition":  {[]string{"1-3"}, "", []int{6, 9}},
		"department":  {[]string{"1-2"}, "2-3", []int{4, 5, 6, 8, 9}},
		"departments": {[]string{"1-1", "1-1"}, "2-3", []int{3, 5, 6, 7, 9}},
	} {
		t.Run(name, func(t *testing.T) {
			s := draw(t, "config/"+name+".yaml")
			var ranges []string
			for _, r := range s.Ranges {
				ranges = append(ranges, r.Number())
			}
			require.Equal(t, want.ranges, ranges)
			require.Equal(t, want.rule, s.Rule.Number)
			require.Equal(t, want.conditions, s.set())
			require.Empty(t, s.Unlinked)
			require.Empty(t, s.Failed)
			require.False(t, s.Dropped)
			for _, item := range s.Items {
				require.True(t, item.Written, item.Name)
				require.False(t, item.Volatile, item.Name)
			}
		})
	}
}

func TestSourcesAreFound(t *testing.T) {
	s := draw(t, "config/sync.yaml")
	for item, sources := range map[string][]string{
		"email": {"email"}, "last_name": {"lastName"}, "last_name_reading": {"lastNameReading"}, "lead_company_name": {"companyName"},
		"department": {"departmentName"}, "position": {"title"}, "phone_number": {"tel"}, "mobile_phone_number": {"mobile"},
		"address": {"address"}, "web_site": {"url"}, "custom:exchange_date": {"exchangeDate"}, "collection_date": {"exchangeDate"},
		"append_tags": {"owner.name", "tags.name"}, "collection_route": nil,
	} {
		require.Equal(t, sources, s.item(t, item).Sources, item)
	}
	require.Equal(t, []string{"Sansan"}, s.item(t, "collection_route").Constant)
	require.Equal(t, "Readable/Writable", s.item(t, "custom:exchange_date").Kind)
	require.Equal(t, "せいこう", s.item(t, "last_name_reading").Example)
	require.Equal(t, "custom:exchange_date", s.Rule.Date)

	s = draw(t, "config/departments.yaml")
	require.Equal(t, []string{"営業部", "サポート部"}, s.item(t, "append_tags").Constant)
	s = draw(t, "config/exhibition.yaml")
	require.Equal(t, []string{"展示会2026"}, s.item(t, "append_tags").Constant)
	require.Equal(t, []string{"展示会2026"}, s.Ranges[0].Tags)
	require.Equal(t, []string{"register", "register", "register", "register"}, verdicts(s.Rule.Cases))
}

// changed is sync.yaml with some text of it replaced.
func changed(t *testing.T, replacements ...string) string {
	t.Helper()
	content, err := os.ReadFile("config/sync.yaml")
	require.NoError(t, err)
	for i := 0; i < len(replacements); i += 2 {
		require.Contains(t, string(content), replacements[i])
	}
	return write(t, strings.NewReplacer(replacements...).Replace(string(content)))
}

const routeLine = `root.collection_route = "Sansan" # 9`

// What a mapping does only for some cards is found as well.
func TestHiddenSources(t *testing.T) {
	for name, c := range map[string]struct {
		line, item string
		sources    []string
		possible   []string
	}{
		"a table of tags":   {`root.collection_route = this.apply("route_by_tag")`, "collection_route", []string{"tags.name"}, []string{"Sansan", "セミナー", "展示会"}},
		"a fallback":        {`root.phone_number = [this.tel, this.mobile].filter(v -> v.or("") != "").index(0).or(deleted())`, "phone_number", []string{"mobile", "tel"}, nil},
		"a condition":       {`root.memo = if this.companyName == "株式会社秘密" { deleted() } else { this.memo }`, "memo", []string{"companyName", "memo"}, nil},
		"a prefix":          {`root.append_tags = this.apply("prefixed_tag_names").apply("satori_tags")`, "append_tags", []string{"tags.name"}, nil},
		"a kind of tags":    {`root.append_tags = this.apply("shared_tag_names").apply("satori_tags")`, "append_tags", []string{"tags.name", "tags.type"}, nil},
		"parts of an item":  {`root.address = [this.prefecture, this.city].join(" ").catch(deleted())`, "address", []string{"prefecture", "city"}, nil},
		"metadata":          {`root.memo = @sansan_card_id`, "memo", []string{"id"}, nil},
		"a translated tag":  {`root.append_tags = this.apply("translated_tag_names").apply("satori_tags")`, "append_tags", []string{"tags.name"}, []string{"イベント_展示会2026", "リード", "製品_Ver2", "規模_小", "重要"}},
		"a named owner too": {`root.memo = if this.owner.name == "標本 太郎" { "特別" } else { "通常" }`, "memo", []string{"owner.name"}, []string{"特別", "通常"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := draw(t, changed(t, routeLine, c.line, "          address: writable\n", "          address: writable\n          memo: writable\n"))
			item := s.item(t, c.item)
			require.Equal(t, c.sources, item.Sources)
			require.Equal(t, c.possible, item.Possible)
		})
	}
}

func TestWhatWouldFailIsSaid(t *testing.T) {
	s := draw(t, changed(t, "          address: writable\n", ""))
	require.Equal(t, []string{"address"}, s.Unlinked)
	s = draw(t, changed(t, "          address: writable\n", "          address: writable\n          star: writable\n          score: readable\n"))
	require.Empty(t, s.Unlinked)
	require.False(t, s.item(t, "star").Written)
	require.Equal(t, "Readable", s.item(t, "score").Kind)
	s = draw(t, changed(t, routeLine, `root.collection_route = this.memo.not_null()`))
	require.NotEmpty(t, s.Failed)
	s = draw(t, changed(t, routeLine, `root = if this.companyName.or("") == "" { deleted() }`))
	require.True(t, s.Dropped)
	s = draw(t, changed(t, routeLine, `root.collection_route = uuid_v4()`))
	require.True(t, s.item(t, "collection_route").Volatile)
}

func TestRules(t *testing.T) {
	const shipped = `from "bloblang/overwrite/keep_newer.blobl"`
	for name, c := range map[string]struct {
		overwrite, number, date string
		reads                   []string
	}{
		"2-1":          {`from "bloblang/overwrite/always.blobl"`, "2-1", "", nil},
		"2-1 by hand":  {`root = "upsert"`, "2-1", "", nil},
		"2-2":          {`from "bloblang/overwrite/never.blobl"`, "2-2", "", nil},
		"2-2 by hand":  {`'root = if this.existing == null { "upsert" } else { "skip" }'`, "2-2", "", nil},
		"2-3":          {shipped, "2-3", "custom:exchange_date", []string{"custom:exchange_date"}},
		"2-3 and more": {`from "bloblang/overwrite/protect_contract.blobl"`, "", "custom:exchange_date", []string{"custom:exchange_date", "status"}},
		"blanks only":  {`from "bloblang/overwrite/fill_blanks.blobl"`, "", "", nil},
		"same company": {`from "bloblang/overwrite/same_company.blobl"`, "", "", []string{"lead_company_name"}},
		"2-3 the wrong way": {`'root = if this.existing."custom:exchange_date".or("") < this.incoming."custom:exchange_date".or("") { "skip" } else { "upsert" }'`,
			"", "", []string{"custom:exchange_date"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := draw(t, changed(t, shipped, c.overwrite, "lead_company_name: writable", "lead_company_name: readable_writable", "          address: writable\n", "          address: writable\n          status: readable\n"))
			require.Equal(t, c.number, s.Rule.Number)
			require.Equal(t, c.date, s.Rule.Date)
			require.Equal(t, c.reads, s.Rule.Reads)
			require.NotEmpty(t, s.Rule.Text)
		})
	}
}

func TestCustomItemsHaveTheirLabels(t *testing.T) {
	master := filepath.Join(t.TempDir(), "master.csv")
	require.NoError(t, os.WriteFile(master, []byte("name,field_name,field_kind,unique_field\n名刺を交換した日,exchange_date,date,0\n"), 0o600))
	s := draw(t, changed(t, "        # 登録の挙動:", "        custom_items: "+master+"\n        # 登録の挙動:"))
	require.Equal(t, "名刺を交換した日", s.item(t, "custom:exchange_date").Label)
}

func TestHTML(t *testing.T) {
	s := draw(t, changed(t, routeLine, `root.collection_route = "<script>alert(1)</script>"`))
	for _, lang := range []report.Lang{report.Japanese, report.English} {
		var b bytes.Buffer
		require.NoError(t, s.WriteHTML(&b, lang, "config/sync.yaml", time.Now()))
		page := b.String()
		require.NotContains(t, page, "<script")
		require.NotContains(t, page, "<no value>")
		require.NotContains(t, page, "ZgotmplZ")
		require.NotContains(t, page, "http://")
		require.Contains(t, page, s.Fingerprint())
		require.Contains(t, page, map[report.Lang]string{report.Japanese: "毎週日曜 03:00（Asia/Tokyo）", report.English: "every Sunday at 03:00 (Asia/Tokyo)"}[lang])
	}
	require.NotEqual(t, s.Fingerprint(), draw(t, "config/sync.yaml").Fingerprint())
	require.Equal(t, draw(t, "config/sync.yaml").Fingerprint(), draw(t, "config/sync.yaml").Fingerprint())
}

func TestScheduleInWords(t *testing.T) {
	for text, want := range map[string]string{
		"": "なし", "@every 15m": "15分ごと", "@every 2h": "2時間ごと", "@every 90s": "90秒ごと", "0 2 * * *": "毎日 02:00（Asia/Tokyo）",
		"TZ=Europe/Berlin 30 6 * * mon": "毎週月曜 06:30（Europe/Berlin）", "0 2 1 * *": "cron 0 2 1 * *（Asia/Tokyo）", "*/5 8-18 * * *": "cron */5 8-18 * * *（Asia/Tokyo）",
	} {
		require.Equal(t, want, scheduleInWords(text, report.Japanese))
	}
}
