package satori

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUploadSendsTheForm(t *testing.T) {
	c, f := serve(t, 200, `{"status":202,"message":"Accepted","body":{"process_code":"p1"}}`)
	code, err := c.Upload(t.Context(), Upsert, []string{"email", "memo"}, [][]string{{"a@example.jp", "x\"\ny"}, {"b@example.jp", ""}})
	require.NoError(t, err)
	require.Equal(t, "p1", code)
	require.Equal(t, "POST", f.last.Method)
	require.Equal(t, "/api/v4/public/bulk_customers/upsert.json", f.last.URL.Path)
	require.Empty(t, f.last.URL.RawQuery)
	require.Equal(t, map[string][]string{
		"user_key": {testKeys.UserKey}, "user_secret": {testKeys.UserSecret},
		"company_key": {testKeys.CompanyKey}, "company_secret": {testKeys.CompanySecret},
		"identity_type": {"email"},
	}, f.last.MultipartForm.Value)
	require.Len(t, f.last.MultipartForm.File, 1)
	part := f.last.MultipartForm.File["customer_csv_file"][0]
	require.Equal(t, "customers.csv", part.Filename)
	require.Equal(t, "text/csv", part.Header.Get("Content-Type"))
	file, err := part.Open()
	require.NoError(t, err)
	defer file.Close()
	content, err := io.ReadAll(file)
	require.NoError(t, err)
	require.Equal(t, "email,memo\na@example.jp,\"x\"\"\ny\"\nb@example.jp,\n", string(content))
}

func TestUploadReadsTheAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   string
		code   string
		class  Class
	}{
		"in body":               {200, `{"status":202,"message":"Accepted","body":{"process_code":"p"}}`, "p", ""},
		"in message":            {202, `{"status":202,"message":{"process_code":"p"}}`, "p", ""},
		"at the top":            {200, `{"process_code":"p"}`, "p", ""},
		"as number":             {200, `{"status":"202","body":{"process_code":12345678901234567890}}`, "12345678901234567890", ""},
		"status 200":            {200, `{"status":200,"process_code":"p"}`, "p", ""},
		"body null":             {200, `{"status":202,"body":null,"message":{"process_code":"p"}}`, "p", ""},
		"none":                  {200, `{"status":202,"message":"Accepted"}`, "", Transient},
		"empty":                 {200, `{"status":202,"body":{"process_code":""}}`, "", Transient},
		"of a wrong type":       {200, `{"status":202,"body":{"process_code":{"a":1}}}`, "", Transient},
		"HTML":                  {200, `<html>`, "", Transient},
		"refused though a code": {200, `{"status":400,"body":{"process_code":"p"},"message":"bad CSV"}`, "", Invalid},
		"too large":             {413, `<html>`, "", Refused},
		"keys":                  {401, `{}`, "", Unauthorized},
		"rights":                {200, `{"status":403,"message":"bulk registration"}`, "", Forbidden},
		"busy":                  {429, ``, "", Transient},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := serve(t, test.status, test.body)
			code, err := c.Upload(t.Context(), Registration, []string{"email"}, [][]string{{"a@example.jp"}})
			require.Equal(t, test.code, code)
			if test.class == "" {
				require.NoError(t, err)
				return
			}
			requireClass(t, err, test.class)
		})
	}
}

func TestUploadRefusesWhatSATORIWould(t *testing.T) {
	c, f := serve(t, 200, `{"process_code":"p"}`)
	row := []string{"a@example.jp"}
	tooMany := make([][]string, MaxRows+1)
	for i := range tooMany {
		tooMany[i] = row
	}
	for want, test := range map[string]struct {
		header []string
		rows   [][]string
	}{
		"satori: invalid: an upload needs a header and rows":             {row, nil},
		"satori: invalid: row 1 has 2 cells, the header 1":               {[]string{"email"}, [][]string{row, {"b", "c"}}},
		"satori: invalid: 10001 rows, SATORI takes 10000 in one request": {[]string{"email"}, tooMany},
		"satori: invalid: row 0 has 1 cells, the header 2":               {[]string{"email", "memo"}, [][]string{row}},
	} {
		t.Run(want, func(t *testing.T) {
			_, err := c.Upload(t.Context(), Upsert, test.header, test.rows)
			requireClass(t, err, Invalid)
			require.EqualError(t, err, want)
		})
	}
	require.Nil(t, f.last, "nothing was sent")
}
