package satori

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// Write sends one customer through the single API, which is meant for forms.
// items are by SATORI item name; email is the match key. Errors are *Error, or
// ctx's own.
func (c *Client) Write(ctx context.Context, v Verb, items map[string]string) error {
	form := make(url.Values, len(items)+5)
	for name, value := range items {
		form.Set("customer["+name+"]", strings.ToValidUTF8(value, "\ufffd"))
	}
	form.Set("customer[identity_type]", identityType)
	for _, k := range c.keys() {
		form.Set(k.name, k.value)
	}
	a, err := c.do(ctx, kindSingle, http.MethodPost, "customer/"+string(v)+".json",
		"application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	return c.judge(a, singleOK)
}
