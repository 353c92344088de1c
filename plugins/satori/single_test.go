package satori

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWriteSendsTheForm(t *testing.T) {
	for _, verb := range []Verb{Registration, Upsert} {
		c, f := serve(t, 200, `{"status":200,"message":{"customer[hashcode]":"abc"}}`)
		require.NoError(t, c.Write(t.Context(), verb, map[string]string{
			"email": "yamada+1@example.co.jp", "lead_company_name": "株式会社サンプル", "custom:exchange_date": "2026-04-01", "append_tags": "a,b",
		}))
		require.Equal(t, "POST", f.last.Method)
		require.Equal(t, "/api/v4/public/customer/"+string(verb)+".json", f.last.URL.Path)
		require.Empty(t, f.last.URL.RawQuery)
		require.Equal(t, "application/x-www-form-urlencoded", f.last.Header.Get("Content-Type"))
		require.Equal(t, map[string][]string{
			"user_key": {testKeys.UserKey}, "user_secret": {testKeys.UserSecret},
			"company_key": {testKeys.CompanyKey}, "company_secret": {testKeys.CompanySecret},
			"customer[identity_type]":        {"email"},
			"customer[email]":                {"yamada+1@example.co.jp"},
			"customer[lead_company_name]":    {"株式会社サンプル"},
			"customer[custom:exchange_date]": {"2026-04-01"},
			"customer[append_tags]":          {"a,b"},
		}, map[string][]string(f.last.PostForm))
	}
}

func TestWriteReadsTheAnswer(t *testing.T) {
	const ok = Class("")
	for name, test := range map[string]struct {
		status int
		body   string
		class  Class
		said   string
	}{
		"yes":                        {200, `{"status":200,"message":{"customer[hashcode]":"abc"}}`, ok, ""},
		"yes as text":                {200, `{"status":"200"}`, ok, ""},
		"yes as 200.0":               {200, `{"status":200.0}`, ok, ""},
		"yes as word":                {200, `{"status":"OK"}`, ok, ""},
		"yes by HTTP 201":            {201, `{"status":200}`, ok, ""},
		"no status":                  {200, `{"message":{"customer[hashcode]":"abc"}}`, ok, ""},
		"null status":                {200, `{"status":null}`, ok, ""},
		"with BOM":                   {200, "\ufeff" + `{"status":200}`, ok, ""},
		"body 201":                   {200, `{"status":201,"message":"hm"}`, Refused, "hm"},
		"body 400":                   {200, `{"status":400,"message":"email is invalid"}`, Invalid, "email is invalid"},
		"body 422 as text":           {200, `{"status":"422","message":"企業名が長すぎます"}`, Invalid, "企業名が長すぎます"},
		"body 401":                   {200, `{"status":401,"message":"Unauthorized"}`, Unauthorized, "Unauthorized"},
		"body 403":                   {200, `{"status":403,"message":"no right"}`, Forbidden, "no right"},
		"body 404":                   {200, `{"status":404,"message":"gone"}`, Refused, "gone"},
		"body 429":                   {200, `{"status":429,"message":"slow down"}`, Transient, "slow down"},
		"body 500":                   {200, `{"status":500,"message":"oops"}`, Transient, "oops"},
		"body says error":            {200, `{"status":"error","message":"bad"}`, Refused, "bad"},
		"status of a new shape":      {200, `{"status":{"code":200}}`, Transient, `the answer cannot be read: {"status":{"code":200}}`},
		"status false":               {200, `{"status":false}`, Transient, `the answer cannot be read: {"status":false}`},
		"HTTP 400":                   {400, `{"status":400,"message":"bad item"}`, Invalid, "bad item"},
		"HTTP 401 without JSON":      {401, `<html><body><h1>Denied</h1></body></html>`, Unauthorized, "Denied"},
		"HTTP 401 empty":             {401, ``, Unauthorized, "Unauthorized"},
		"HTTP 403":                   {403, `{"message":"permission"}`, Forbidden, "permission"},
		"HTTP 404":                   {404, `{"message":"no route"}`, Refused, "no route"},
		"HTTP 408":                   {408, ``, Transient, "Request Timeout"},
		"HTTP 429":                   {429, `{}`, Transient, "{}"},
		"HTTP 500 though body 200":   {500, `{"status":200}`, Transient, `{"status":200}`},
		"HTTP 503 though body 401":   {503, `{"status":401,"message":"x"}`, Transient, "x"},
		"HTTP 400 though body 200":   {400, `{"status":200,"message":"x"}`, Invalid, "x"},
		"HTTP 400, body 401":         {400, `{"status":401,"message":"keys"}`, Unauthorized, "keys"},
		"HTTP 401, body 400":         {401, `{"status":400,"message":"keys"}`, Unauthorized, "keys"},
		"HTTP 404, body 422":         {404, `{"status":422,"message":"x"}`, Invalid, "x"},
		"redirect":                   {302, ``, Refused, "redirected: base_url is not where SATORI's API is"},
		"HTML on 200":                {200, `<html><title>Maintenance</title></html>`, Transient, "the answer cannot be read: Maintenance"},
		"empty on 200":               {200, ``, Transient, "the answer cannot be read: no reason given"},
		"204":                        {204, ``, Transient, "the answer cannot be read: no reason given"},
		"list on 200":                {200, `[{"status":200}]`, Transient, `the answer cannot be read: [{"status":200}]`},
		"cut off":                    {200, `{"status":200,"mess`, Transient, `the answer cannot be read: {"status":200,"mess`},
		"two answers":                {200, `{"status":200}{"status":400}`, Transient, `the answer cannot be read: {"status":200}{"status":400}`},
		"message as object":          {200, `{"status":400,"message":{"email":["is invalid"]}}`, Invalid, `{"email":["is invalid"]}`},
		"message inside":             {200, `{"status":400,"message":{"message":"inner"}}`, Invalid, "inner"},
		"errors":                     {422, `{"errors":["a","b"]}`, Invalid, `["a","b"]`},
		"repeats an address":         {422, `{"message":"yamada@example.co.jpは不正です"}`, Invalid, "***は不正です"},
		"repeats a wide address":     {422, `{"message":"ｙａｍａｄａ＠ｅｘａｍｐｌｅ．ｊｐ は不正"}`, Invalid, "*** は不正"},
		"repeats an odd address":     {422, `{"message":"山田@例え.jp bad"}`, Invalid, "*** bad"},
		"repeats an escaped address": {422, `customer%5Bemail%5D=yamada%40example.jp`, Invalid, "***"},
		"repeats a key":              {401, `{"message":"user_key ` + testKeys.UserKey + ` unknown"}`, Unauthorized, "user_key *** unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := serve(t, test.status, test.body)
			err := c.Write(t.Context(), Upsert, map[string]string{"email": "yamada@example.co.jp"})
			if test.class == ok {
				require.NoError(t, err)
				return
			}
			e := requireClass(t, err, test.class)
			require.Equal(t, test.said, e.Said)
			require.Equal(t, test.status, e.HTTP)
			require.Equal(t, "satori: "+string(test.class)+": "+test.said, err.Error())
		})
	}
}

func TestWriteTellsHowLongToWait(t *testing.T) {
	c, f := serve(t, 429, `{"message":"slow"}`)
	f.header = map[string]string{"Retry-After": "7"}
	require.Equal(t, 7*time.Second, requireClass(t, c.Write(t.Context(), Upsert, nil), Transient).RetryAfter)

	f.answer(200, `{"status":429,"message":"slow"}`)
	require.Equal(t, 7*time.Second, requireClass(t, c.Write(t.Context(), Upsert, nil), Transient).RetryAfter)
}

func TestWriteEndsWithItsContext(t *testing.T) {
	c, _ := serve(t, 200, `{"status":200}`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, c.Write(ctx, Upsert, nil), context.Canceled)
}

func TestWriteWhenNobodyListens(t *testing.T) {
	err := client(t, "http://127.0.0.1:1").Write(t.Context(), Upsert, map[string]string{"email": "a@example.jp"})
	requireClass(t, err, Transient)
	require.NotContains(t, err.Error(), "http://")
}
