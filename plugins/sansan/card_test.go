package sansan

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

const sampleCard = `{"id":"0A1B2C3D4E5F60718293A4B5C6D7E8F9","companyId":"B2C4D6E8F0A1B3C5D7E9F1A2B4C6D8E0","personId":"F1E2D3C4B5A697887766554433221100",
 "exchangeDate":"2026-04-01","registeredTime":"2026-04-01T11:29:39+09:00","updatedTime":"2026-04-02T09:00:00+09:00",
 "owner":{"id":"suzuki","name":"鈴木一郎","email":"suzuki@example.com"},
 "lastName":"山田","firstName":"太郎","lastNameReading":"ヤマダ","firstNameReading":"タロウ","departmentName":"営業部","title":null,
 "email":"yamada@example.co.jp","mobile":"080-0000-0000","companyName":"株式会社サンプル","countryCode":"JP","postalCode":"1000001",
 "address":"東京都千代田区千代田 1-1 サンプルビル 2F","prefecture":"東京都","city":"千代田区","street":"千代田 1-1","building":"サンプルビル 2F",
 "tel":"03-0000-0000","secondTel":null,"fax":"03-0000-0001","url":"https://example.co.jp","memo":null,
 "tags":[{"id":"C0FFEE00C0FFEE00C0FFEE00C0FFEE00","name":"展示会2026","type":"shared","owner":{"id":"suzuki","name":"鈴木一郎","email":"suzuki@example.com"}}]}`

func TestTheSampleCard(t *testing.T) {
	page, err := saying(t, 200, `{"data":[`+sampleCard+`],"hasMore":false,"nextPageToken":null}`).Cards(t.Context(), Query{})
	require.NoError(t, err)
	require.Len(t, page.Cards, 1)
	card := page.Cards[0]
	again, err := json.Marshal(card.Content)
	require.NoError(t, err)
	require.JSONEq(t, sampleCard, string(again))
	require.Equal(t, "0A1B2C3D4E5F60718293A4B5C6D7E8F9", card.ID)
	require.Equal(t, "2026-04-02T09:00:00+09:00", card.UpdatedText)
	require.True(t, card.UpdatedTime.Equal(time.Date(2026, 4, 2, 0, 0, 0, 0, time.UTC)))
	require.Equal(t, Person{"suzuki", "鈴木一郎", "suzuki@example.com"}, card.Owner)
	require.Equal(t, []string{"C0FFEE00C0FFEE00C0FFEE00C0FFEE00"}, card.TagIDs)
}

func TestACardIsReadTolerantly(t *testing.T) {
	at := time.Date(2026, 4, 2, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		raw  string
		want Card
	}{
		"empty":                {`{}`, Card{}},
		"Id":                   {`{"Id":"A","tags":[{"Id":"T"}]}`, Card{ID: "A", TagIDs: []string{"T"}}},
		"numbers for ids":      {`{"id":12345678,"owner":{"id":7}}`, Card{ID: "12345678", Owner: Person{ID: "7"}}},
		"wrong types":          {`{"id":[],"updatedTime":{},"owner":"suzuki","tags":"x"}`, Card{}},
		"null everywhere":      {`{"id":null,"updatedTime":null,"owner":null,"tags":null}`, Card{}},
		"null within":          {`{"owner":{"id":null,"name":null,"email":null},"tags":[null,{"id":null},7,{"id":"T"}]}`, Card{TagIDs: []string{"T"}}},
		"owner as a list":      {`{"owner":[{"id":"a"}]}`, Card{}},
		"time with a fraction": {`{"updatedTime":"2026-04-02T09:00:00.000+09:00"}`, Card{UpdatedText: "2026-04-02T09:00:00.000+09:00", UpdatedTime: at}},
		"time, zone unmarked":  {`{"updatedTime":"2026-04-02T09:00:00+0900"}`, Card{UpdatedText: "2026-04-02T09:00:00+0900", UpdatedTime: at}},
		"time without zone":    {`{"updatedTime":"2026-04-02T09:00:00"}`, Card{UpdatedText: "2026-04-02T09:00:00", UpdatedTime: at}},
		"time unreadable":      {`{"updatedTime":"yesterday"}`, Card{UpdatedText: "yesterday"}},
	} {
		t.Run(name, func(t *testing.T) {
			card, err := ParseCard([]byte(test.raw))
			require.NoError(t, err)
			require.True(t, test.want.UpdatedTime.Equal(card.UpdatedTime), card.UpdatedTime)
			card.UpdatedTime, test.want.UpdatedTime, card.Content = time.Time{}, time.Time{}, nil
			require.Equal(t, test.want, card)
		})
	}
}

func TestNumbersKeepTheirDigits(t *testing.T) {
	card, err := ParseCard([]byte(`{"id":"A","new":12345678901234567890,"rate":1.0}`))
	require.NoError(t, err)
	again, err := json.Marshal(card.Content)
	require.NoError(t, err)
	require.Equal(t, `{"id":"A","new":12345678901234567890,"rate":1.0}`, string(again))
	for _, body := range []string{``, `[1]`, `null`, `{"id":"A"}{}`, `{"id":"A"} x`, `{"item":[]}`} {
		_, err := ParseCard([]byte(body))
		require.Error(t, err, body)
	}
}

func TestAPageIsReadTolerantly(t *testing.T) {
	for name, test := range map[string]struct {
		body    string
		cards   int
		dropped int
		more    bool
		token   string
	}{
		"last, token null":           {body: `{"data":[{"id":"A"}],"hasMore":false,"nextPageToken":null}`, cards: 1},
		"last, token empty":          {body: `{"data":[{"id":"A"}],"hasMore":false,"nextPageToken":""}`, cards: 1},
		"last, token absent":         {body: `{"data":[{"id":"A"}],"hasMore":false}`, cards: 1},
		"last, though with a token":  {body: `{"data":[],"hasMore":false,"nextPageToken":"t"}`, token: "t"},
		"more":                       {body: `{"data":[{"id":"A"}],"hasMore":true,"nextPageToken":"t"}`, cards: 1, more: true, token: "t"},
		"more, empty page":           {body: `{"data":[],"hasMore":true,"nextPageToken":"t"}`, more: true, token: "t"},
		"more, without a token":      {body: `{"data":[],"hasMore":true}`, more: true},
		"hasMore as text":            {body: `{"data":[],"hasMore":"True ","nextPageToken":"t"}`, more: true, token: "t"},
		"hasMore as text, no":        {body: `{"data":[],"hasMore":"false","nextPageToken":"t"}`, token: "t"},
		"hasMore absent, a token":    {body: `{"data":[],"nextPageToken":"t"}`, more: true, token: "t"},
		"hasMore odd, a token":       {body: `{"data":[],"hasMore":"?","nextPageToken":"t"}`, more: true, token: "t"},
		"hasMore absent, no token":   {body: `{"data":[]}`},
		"hasMore null, token absent": {body: `{"data":[],"hasMore":null}`},
		"token as a number":          {body: `{"data":[],"hasMore":true,"nextPageToken":300}`, more: true, token: "300"},
		"rows that are no cards":     {body: `{"data":[null,{"id":"A"},7,"x",[],null],"hasMore":false}`, cards: 1, dropped: 5},
		"no rows at all":             {body: `{"data":null,"hasMore":false}`},
		"unknown fields":             {body: `{"data":[{"id":"A","new":{"a":[1]}}],"hasMore":false,"total":9}`, cards: 1},
	} {
		t.Run(name, func(t *testing.T) {
			page, err := saying(t, 200, test.body).Cards(t.Context(), Query{})
			require.NoError(t, err)
			require.Len(t, page.Cards, test.cards)
			require.Equal(t, test.dropped, page.Dropped)
			require.Equal(t, test.more, page.HasMore)
			require.Equal(t, test.token, page.NextToken)
		})
	}
}

func TestNestedWithoutEnd(t *testing.T) {
	_, err := parse([]byte(strings.Repeat("[", 64<<20)))
	require.Error(t, err)
	_, err = parse([]byte(strings.Repeat("[", mostBrackets) + strings.Repeat("]", mostBrackets)))
	require.NoError(t, err)
}

// FuzzParse: what is read equals what encoding/json reads.
func FuzzParse(f *testing.F) {
	f.Add([]byte(sampleCard))
	f.Add([]byte(`{"a":[1,2.50,-0,1e99,true,false,null,"\u3042\ud83d\ude00\n\"",{}],"a":[],"":{"b":[[]]}} `))
	f.Add([]byte("{\"a\":\"\xff\"}"))
	f.Add([]byte(`{"a":1}{"a":2}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var want any
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.UseNumber()
		wanted := decoder.Decode(&want)
		if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
			wanted = errNotJSON
		}
		got, err := parse(body)
		require.Equal(t, wanted == nil, err == nil, "%v %v", wanted, err)
		// Halves of surrogate pairs and runs of bad bytes are mended in another way.
		if err == nil && utf8.Valid(body) && bytes.Count(body, []byte("["))+bytes.Count(body, []byte("{")) < deepest && !bytes.Contains(bytes.ToLower(body), []byte(`\ud`)) {
			require.Equal(t, want, got)
		}
	})
}

func FuzzPage(f *testing.F) {
	f.Add([]byte(`{"data":[` + sampleCard + `,null],"hasMore":true,"nextPageToken":"p+/="}`))
	f.Add([]byte(`{"data":[{"owner":[{"id":[1]}],"tags":{"a":{"id":3}}}],"hasMore":"x","nextPageToken":1e99}`))
	f.Add([]byte(`{"data":null}`))
	f.Add([]byte(`<html>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		rows, _, err := pageOf(body)
		if err != nil {
			return
		}
		for _, row := range rows {
			card, ok := cardOf(row)
			require.Equal(t, ok, card.Content != nil)
			_, err := json.Marshal(card.Content)
			require.NoError(t, err)
			tag, ok := tagOf(row)
			require.Equal(t, ok, tag.ID != "")
		}
	})
}

func BenchmarkPage(b *testing.B) {
	body := []byte(`{"data":[` + strings.Repeat(sampleCard+",", 299) + sampleCard + `],"hasMore":true,"nextPageToken":"t"}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	begun := cpuTime(b)
	for b.Loop() {
		rows, _, err := pageOf(body)
		require.NoError(b, err)
		for _, row := range rows {
			_, ok := cardOf(row)
			require.True(b, ok)
		}
	}
	b.ReportMetric(float64((cpuTime(b)-begun).Nanoseconds())/1000/float64(b.N)/300, "cpu-µs/card")
}

// cpuTime of the process: on a busy machine the clock says little.
func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
