package graph

import (
	"errors"
	"net/http"
	"regexp"
	"strings"

	"koppel/internal/httpclient"
)

// entraCode finds the number of an error of Entra ID in its description.
var entraCode = regexp.MustCompile(`AADSTS([0-9]+)`)

// advice says what a user can do about an error of Entra ID. The numbers are
// for people: programs must not depend on them.
func advice(number string) string {
	switch number {
	case "7000215":
		return "client_secret is wrong: it must be the secret's value, which is shown once when it is made, not its id"
	case "7000222":
		return "the client secret has expired: make a new one in the app registration (certificates & secrets)"
	case "700016", "7000229":
		return "the tenant does not know this application: check client_id and tenant, and that an administrator of the tenant gave consent"
	case "7000112":
		return "the application is disabled in the tenant: an administrator can enable it (enterprise applications)"
	case "90002", "900023", "900021":
		return "there is no such tenant: check tenant, and cloud"
	case "70011", "500011":
		return "check cloud, or url, of the connection: tokens are asked for that host"
	case "700027":
		return "the app registration does not know the certificate: upload it there (certificates & secrets), and check certificate_file"
	case "700021", "700023", "700024", "700030":
		return "the assertion is refused: check client_id, tenant and the clock of this machine"
	case "70021", "700211", "700212", "700213":
		return "the app registration does not trust the token in federated_token_file: check issuer, subject and audience of its federated credential"
	case "53003", "530031":
		return "a policy of conditional access keeps the application out: see the sign-in logs of the tenant"
	}
	return ""
}

// explain adds to an error what is to be done about it. needs are permissions
// of which one suffices.
func explain(err error, needs []string) error {
	var failed *httpclient.Error
	if !errors.As(err, &failed) {
		return err
	}
	told := *failed
	p, known := ParseProblem(failed.Body)
	if told.ID == "" && p.RequestID != "" {
		told.ID = "request-id " + p.RequestID
	}
	found := entraCode.FindStringSubmatch(failed.Words)
	switch {
	case found != nil && failed.Reason == httpclient.Denied:
		if text := advice(found[1]); text != "" {
			told.Hint = text
		}
	case strings.Contains(failed.Request, "assertion_file"):
		told.Request = "read federated_token_file"
	case known && p.Is("Authorization_RequestDenied") && len(needs) > 0:
		told.Hint = "the app registration lacks a permission: " + permission(needs)
	case p.Is("ErrorAccessDenied") && policy.MatchString(p.Message):
		told.Hint = "an access policy of Exchange keeps the application out of this mailbox; a change of it may take more than an hour to count"
	case failed.Status == http.StatusForbidden && known && len(needs) > 0:
		told.Hint = "perhaps the app registration lacks a permission: " + permission(needs)
	case failed.Status == http.StatusUnauthorized && known:
		told.Hint = "Graph does not take the token: check tenant and cloud of the connection"
	}
	told.Hint = own(told.Hint)
	return &told
}

// policy finds what Exchange says of a mailbox that is outside of the access
// policy of an application (auth-limit-mailbox-access).
var policy = regexp.MustCompile(`(?i)RAOP|AppOnly AccessPolicy|Access to OData is disabled`)

// own gives arguments the names that they have in this connection.
func own(hint string) string {
	return strings.NewReplacer("auth.token_url", "login_url", "auth.scopes", "url", " assertion_file", " federated_token_file").Replace(hint)
}

// permission says which permission is to be given, and how.
func permission(needs []string) string {
	text := "give it the application permission " + needs[0]
	if len(needs) > 1 {
		text += " (or " + strings.Join(needs[1:], ", ") + ")"
	}
	return text + " and have an administrator consent"
}
