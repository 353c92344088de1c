package satori

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStatusAsks(t *testing.T) {
	c, f := serve(t, 200, `{"status":200,"body":{"process_status":"started"}}`)
	job, err := c.Status(t.Context(), "p&1", 2)
	require.NoError(t, err)
	require.Equal(t, Job{State: "started"}, job)
	require.Equal(t, "GET", f.last.Method)
	require.Equal(t, "/api/v4/public/bulk_customers/status.json", f.last.URL.Path)
	require.Equal(t, map[string][]string{
		"user_key": {testKeys.UserKey}, "user_secret": {testKeys.UserSecret},
		"company_key": {testKeys.CompanyKey}, "company_secret": {testKeys.CompanySecret},
		"process_code": {"p&1"},
	}, map[string][]string(f.last.URL.Query()))
}

func TestStatusReadsRows(t *testing.T) {
	type failed = map[int]string
	type succeeded = map[int]bool
	for name, test := range map[string]struct {
		lists string
		rows  int
		want  Job
	}{
		"all well":                {`"succeeded_rows":[2,3],"failed_rows":[]`, 2, Job{Succeeded: succeeded{0: true, 1: true}, Trusted: true}},
		"one failed":              {`"succeeded_rows":[2],"failed_rows":[{"row_number":3,"message":"bad"}]`, 2, Job{Failed: failed{1: "bad"}, Succeeded: succeeded{0: true}, Trusted: true}},
		"numbers as text":         {`"succeeded_rows":["2"],"failed_rows":[{"row_number":"3","message":"bad"}]`, 2, Job{Failed: failed{1: "bad"}, Succeeded: succeeded{0: true}, Trusted: true}},
		"rows as objects":         {`"succeeded_rows":[{"row_number":2},{"row_number":"3"}],"failed_rows":null`, 2, Job{Succeeded: succeeded{0: true, 1: true}, Trusted: true}},
		"base 1, complete":        {`"succeeded_rows":[1],"failed_rows":[{"row_number":2,"message":"bad"}]`, 2, Job{Failed: failed{1: "bad"}, Succeeded: succeeded{0: true}, Trusted: true}},
		"base 0, complete":        {`"succeeded_rows":[0,1]`, 2, Job{Succeeded: succeeded{0: true, 1: true}, Trusted: true}},
		"base 1, incomplete":      {`"succeeded_rows":[1],"failed_rows":[]`, 2, Job{Succeeded: succeeded{-1: true}}},
		"only failed":             {`"failed_rows":[{"row_number":2,"message":"bad"}]`, 2, Job{Failed: failed{0: "bad"}, Trusted: true}},
		"empty succeeded":         {`"succeeded_rows":[],"failed_rows":[{"row_number":2,"message":"bad"}]`, 2, Job{Failed: failed{0: "bad"}, Trusted: true}},
		"all failed":              {`"succeeded_rows":[],"failed_rows":[{"row_number":2,"message":"a"},{"row_number":3,"message":"b"}]`, 2, Job{Failed: failed{0: "a", 1: "b"}, Succeeded: succeeded{}, Trusted: true}},
		"unmentioned":             {`"succeeded_rows":[2],"failed_rows":[]`, 2, Job{Succeeded: succeeded{0: true}, Trusted: true}},
		"out of range":            {`"succeeded_rows":[],"failed_rows":[{"row_number":9,"message":"bad"}]`, 2, Job{Failed: failed{7: "bad"}}},
		"gap":                     {`"succeeded_rows":[2,4],"failed_rows":[]`, 2, Job{Succeeded: succeeded{0: true, 2: true}}},
		"in both":                 {`"succeeded_rows":[2,3],"failed_rows":[{"row_number":3,"message":"bad"}]`, 2, Job{Failed: failed{1: "bad"}, Succeeded: succeeded{0: true, 1: true}}},
		"failed for two reasons":  {`"failed_rows":[{"row_number":2,"message":"a"},{"row_number":2,"message":"b"},{"row_number":2,"message":"b"}]`, 2, Job{Failed: failed{0: "a; b"}, Trusted: true}},
		"succeeded twice":         {`"succeeded_rows":[2,2,3]`, 2, Job{Succeeded: succeeded{0: true, 1: true}, Trusted: true}},
		"no lists":                {`"x":1`, 2, Job{}},
		"lists of a wrong type":   {`"succeeded_rows":"2,3","failed_rows":{}`, 2, Job{}},
		"no number":               {`"succeeded_rows":[2],"failed_rows":[{"message":"bad"}]`, 2, Job{Succeeded: succeeded{0: true}}},
		"null row":                {`"succeeded_rows":[2,null]`, 2, Job{Succeeded: succeeded{0: true}}},
		"half a number":           {`"succeeded_rows":[2.5,3]`, 2, Job{Succeeded: succeeded{1: true}}},
		"no message":              {`"failed_rows":[{"row_number":2}],"succeeded_rows":[3]`, 2, Job{Failed: failed{0: "no reason given"}, Succeeded: succeeded{1: true}, Trusted: true}},
		"messages":                {`"failed_rows":[{"row_number":2,"messages":["a","b"]}],"succeeded_rows":[3]`, 2, Job{Failed: failed{0: `["a","b"]`}, Succeeded: succeeded{1: true}, Trusted: true}},
		"message with an address": {`"failed_rows":[{"row_number":2,"message":"taro@example.jp: bad"}],"succeeded_rows":[3]`, 2, Job{Failed: failed{0: "***: bad"}, Succeeded: succeeded{1: true}, Trusted: true}},
	} {
		for place, shape := range map[string]string{
			"body":    `{"status":200,"message":"OK","body":{"process_status":"finished",%s}}`,
			"message": `{"status":200,"message":{"process_status":" Finished ",%s}}`,
			"top":     `{"process_status":"FINISHED",%s}`,
		} {
			t.Run(name+" in "+place, func(t *testing.T) {
				c, _ := serve(t, 200, fmt.Sprintf(shape, test.lists))
				job, err := c.Status(t.Context(), "p", test.rows)
				require.NoError(t, err)
				want := test.want
				want.Finished, want.State = true, job.State
				if want.Failed == nil {
					want.Failed = failed{}
				}
				require.Equal(t, want, job)
				require.Equal(t, "finished", strings.ToLower(job.State))
			})
		}
	}
}

func TestStatusFirstRow(t *testing.T) {
	c, _ := serve(t, 200, `{"process_status":"finished","failed_rows":[{"row_number":1,"message":"bad"}]}`)
	c.firstRow = 1
	job, err := c.Status(t.Context(), "p", 3)
	require.NoError(t, err)
	require.Equal(t, Job{Finished: true, State: "finished", Failed: map[int]string{0: "bad"}, Trusted: true}, job)
}

func TestStatusErrors(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   string
		class  Class
		said   string
	}{
		"404":                {404, `{"message":"nothing here"}`, Expired, "nothing here"},
		"404 HTML":           {404, `<html>Not Found</html>`, Expired, "Not Found"},
		"410":                {410, ``, Expired, "Gone"},
		"body 404":           {200, `{"status":404,"message":"process"}`, Expired, "process"},
		"body 410":           {200, `{"status":410,"message":"process"}`, Expired, "process"},
		"400 unknown":        {400, `{"message":"Unknown process_code: not found"}`, Expired, "Unknown process_code: not found"},
		"200 not found":      {200, `{"status":200,"message":"process not found"}`, Expired, "process not found"},
		"in Japanese":        {200, `{"status":400,"message":"処理コードが存在しません"}`, Expired, "処理コードが存在しません"},
		"state expired":      {200, `{"body":{"process_status":"expired"}}`, Expired, "process_status expired"},
		"state failed":       {200, `{"body":{"process_status":"Failed","message":"disk"}}`, Refused, "the job ended as failed: disk"},
		"state error":        {200, `{"status":200,"message":"broken CSV","body":{"process_status":"error"}}`, Refused, "the job ended as error: broken CSV"},
		"state cancelled":    {200, `{"process_status":"canceled"}`, Refused, `the job ended as canceled: {"process_status":"canceled"}`},
		"no state":           {200, `{"status":200,"message":"OK"}`, Transient, "OK"},
		"400":                {400, `{"message":"bad parameter"}`, Invalid, "bad parameter"},
		"401":                {401, `{"message":"user not found"}`, Unauthorized, "user not found"},
		"403":                {200, `{"status":403,"message":"does not exist"}`, Forbidden, "does not exist"},
		"503 with not found": {503, `not found`, Transient, "not found"},
		"HTML":               {200, `<p>busy</p>`, Transient, "the answer cannot be read: busy"},
		"redirect":           {301, `not found`, Refused, "redirected: base_url is not where SATORI's API is"},
		"body 500":           {200, `{"status":500,"body":{"process_status":"finished","failed_rows":[]}}`, Transient, `{"failed_rows":[],"process_status":"finished"}`},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := serve(t, test.status, test.body)
			_, err := c.Status(t.Context(), "p", 1)
			e := requireClass(t, err, test.class)
			require.Equal(t, test.said, e.Said)
		})
	}
}

func finished(rows int) string {
	var b strings.Builder
	b.WriteString(`{"status":200,"body":{"process_status":"finished","failed_rows":[],"succeeded_rows":[`)
	for i := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprint(&b, i+2)
	}
	b.WriteString(`]}}`)
	return b.String()
}

func BenchmarkStatus10000(b *testing.B) {
	c, err := New(Config{BaseURL: "http://satori.invalid", Keys: testKeys})
	require.NoError(b, err)
	body := []byte(finished(10_000))
	for b.Loop() {
		a := read(body)
		var job Job
		c.rows(&job, a.payload("process_status"), 10_000)
		if !job.Trusted {
			b.Fatal("not trusted")
		}
	}
}

func BenchmarkUpload10000(b *testing.B) {
	c, err := New(Config{BaseURL: "http://satori.invalid", Keys: testKeys})
	require.NoError(b, err)
	header := []string{"email", "last_name", "first_name", "lead_company_name", "department", "address", "append_tags", "collection_route"}
	rows := make([][]string, 10_000)
	for i := range rows {
		rows[i] = []string{fmt.Sprintf("u%d@example.co.jp", i), "山田", "太郎", "株式会社サンプル", "営業部", "東京都千代田区千代田 1-1", "展示会2026,鈴木一郎", "Sansan"}
	}
	for b.Loop() {
		if _, _, err := c.form(header, rows); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzStatus(f *testing.F) {
	for _, seed := range []string{
		finished(3), `{"process_status":"finished","failed_rows":[{"row_number":"2","message":["x"]}]}`, `{"message":{"process_status":1}}`,
		`{"status":1e400}`, `{"body":[{"process_code":1}]}`, `<html>`, `{"process_status":"finished","succeeded_rows":[-9223372036854775808,9223372036854775807]}`,
	} {
		f.Add([]byte(seed), 200, 3)
	}
	c, err := New(Config{BaseURL: "http://satori.invalid", Keys: testKeys})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, body []byte, status, n int) {
		a := read(body)
		a.http = status
		if err := c.judge(a, anyOK); err != nil {
			require.ErrorContains(t, err, "satori: ")
			require.LessOrEqual(t, len([]rune(err.Error())), 300)
			return
		}
		at := a.payload("process_status")
		if at == nil {
			return
		}
		var job Job
		c.rows(&job, at, n)
		if !job.Trusted {
			return
		}
		for i := range job.Failed {
			require.True(t, i >= 0 && i < n)
			require.False(t, job.Succeeded[i])
		}
		for i := range job.Succeeded {
			require.True(t, i >= 0 && i < n)
		}
	})
}
