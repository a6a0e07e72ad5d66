package view

import (
	"time"

	"koppel/engine/state"
)

// Tokens is what `koppel token list --json` prints.
type Tokens struct {
	FormatVersion string  `json:"format_version" doc:"version of this output"`
	Tokens        []Token `json:"tokens" doc:"by name"`
}

// Token is one token of the API.
type Token struct {
	Name    string     `json:"name" doc:"as it was created"`
	Role    string     `json:"role" doc:"viewer or admin"`
	Status  string     `json:"status" doc:"active, expired or revoked"`
	Created *time.Time `json:"created" doc:"RFC 3339"`
	Expires *time.Time `json:"expires" doc:"RFC 3339; null: it does not"`
	Revoked *time.Time `json:"revoked" doc:"RFC 3339; null: it is not"`
	Used    *time.Time `json:"used" doc:"the last time, within a minute; null: never"`
}

// TokenChange is what `koppel token create --json` and `koppel token revoke
// --json` print.
type TokenChange struct {
	FormatVersion string `json:"format_version" doc:"version of this output"`
	Token         Token  `json:"token" doc:"the token"`
	Secret        string `json:"secret" doc:"what a program sends; it is shown this once; empty after revoke"`
}

// NewTokens describes tokens as they are at a time.
func NewTokens(all []state.Token, now time.Time) Tokens {
	out := Tokens{FormatVersion: FormatVersion, Tokens: []Token{}}
	for _, t := range all {
		out.Tokens = append(out.Tokens, newToken(t, now))
	}
	return out
}

// NewTokenChange describes a token that was made or revoked.
func NewTokenChange(t state.Token, secret string, now time.Time) TokenChange {
	return TokenChange{FormatVersion: FormatVersion, Token: newToken(t, now), Secret: secret}
}

func newToken(t state.Token, now time.Time) Token {
	status := "active"
	switch {
	case !t.Revoked.IsZero():
		status = "revoked"
	case t.ExpiredAt(now):
		status = "expired"
	}
	return Token{Name: t.Name, Role: t.Role, Status: status, Created: moment(t.Created), Expires: moment(t.Expires),
		Revoked: moment(t.Revoked), Used: moment(t.Used)}
}

// Tokens shows tokens in a table.
func (t *Teller) Tokens(all []state.Token) {
	if len(all) == 0 {
		t.line("There are no tokens. koppel token create NAME --role viewer makes one.")
		return
	}
	rows := [][]string{{"NAME", "ROLE", "STATUS", "CREATED", "EXPIRES", "LAST USED"}}
	for _, k := range all {
		expires, used := "never", "never"
		if !k.Expires.IsZero() {
			expires = t.when(k.Expires)
		}
		if !k.Used.IsZero() {
			used = t.when(k.Used)
		}
		rows = append(rows, []string{Clean(k.Name), k.Role, newToken(k, t.Now).Status, t.when(k.Created), expires, used})
	}
	t.table("", rows)
}

// TokenCreated shows the secret of a token, once. The secret stands in a line of
// its own.
func (t *Teller) TokenCreated(k state.Token, secret string) {
	t.line("%s", secret)
	if t.Style.Quiet {
		return
	}
	end := ""
	if !k.Expires.IsZero() {
		end = " until " + t.when(k.Expires)
	}
	t.line("\nToken %s, role %s%s. Keep it now: it is shown this once, and only its hash is stored.", k.Name, k.Role, end)
	t.line("Programs send it as the header  Authorization: Bearer TOKEN")
}
