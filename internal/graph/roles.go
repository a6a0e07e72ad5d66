package graph

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"koppel/engine/connector"
)

// UserPermissions are application permissions of which one lets users be read.
func UserPermissions() []string {
	return []string{"Directory.Read.All", "User.Read.All", "Directory.ReadWrite.All", "User.ReadWrite.All"}
}

// GroupPermissions are those of which one lets groups and their members be
// read.
func GroupPermissions() []string {
	return []string{"Directory.Read.All", "Group.Read.All", "GroupMember.Read.All", "Directory.ReadWrite.All", "Group.ReadWrite.All"}
}

// CalendarPermissions are those of which one lets calendars be read.
func CalendarPermissions() []string { return []string{"Calendars.Read", "Calendars.ReadWrite"} }

// CheckRoles gets a token and looks into it: Entra ID gives one even when
// nothing was consented to, and Graph then refuses every request. It finds
// nothing wrong with a token that it can't read. needs are permissions of which
// one suffices.
func (c *Client) CheckRoles(ctx context.Context, needs []string) error {
	token, err := c.http.Token(ctx)
	if err != nil {
		return explain(err, nil)
	}
	roles, readable := rolesOf(string(token))
	if !readable || slices.ContainsFunc(needs, func(need string) bool { return slices.Contains(roles, need) }) {
		return nil
	}
	has := "none"
	if len(roles) > 0 {
		has = strings.Join(roles, ", ")
	}
	return &connector.FieldError{
		Field:   "connection",
		Problem: fmt.Sprintf("lacks the permission %s: its token allows %s", needs[0], has),
		Hint:    "in the app registration, " + permission(needs) + "; a permission of the delegated kind does not count",
	}
}

// rolesOf reads the permissions in a token, whose signature is Graph's to check;
// false: it is no token that can be read.
func rolesOf(token string) ([]string, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return nil, false
	}
	var claims struct {
		Roles []string `json:"roles"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return nil, false
	}
	slices.Sort(claims.Roles)
	return claims.Roles, true
}
