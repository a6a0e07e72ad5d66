package xpert_test

import (
	"errors"
	"testing"

	"koppel/engine/connector"
	"koppel/internal/xpert"
)

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*xpert.Config)
		want   string
	}{
		{"complete", func(*xpert.Config) {}, ""},
		{"secret in groups", func(c *xpert.Config) { c.TOTPSecret = "gezd gnbv gy3t qojq" }, ""},
		{"no url", func(c *xpert.Config) { c.URL = "" }, "url is empty"},
		{"plain http", func(c *xpert.Config) { c.URL = "http://suite.example" }, "url is plain http, which anyone on the way can read"},
		{"loopback", func(c *xpert.Config) { c.URL = "http://127.0.0.1:7408" }, ""},
		{"no account", func(c *xpert.Config) { c.Account = " " }, "account is empty"},
		{"no token", func(c *xpert.Config) { c.Token = "" }, "token is empty"},
		{"a code", func(c *xpert.Config) { c.TOTPSecret = "081804" }, "totp_secret is no base32 text"},
		{"no secret", func(c *xpert.Config) { c.TOTPSecret = "" }, "totp_secret is no base32 text"},
		{"exchange for nobody", func(c *xpert.Config) { c.Login = &xpert.Login{Subject: "user"} }, "login.exchange_path or subject has no meaning without impersonate"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := xpert.Kind().Config().(*xpert.Config)
			c.URL, c.Account, c.Token, c.TOTPSecret = "https://suite.example", "koppel", "t0ken", "GEZDGNBVGY3TQOJQ"
			test.change(c)
			err := c.Validate()
			if test.want == "" && err != nil {
				t.Fatal(err)
			}
			var field *connector.FieldError
			if test.want != "" && (!errors.As(err, &field) || err.Error() != test.want) {
				t.Errorf("the error is %v, not %s", err, test.want)
			}
		})
	}
}
