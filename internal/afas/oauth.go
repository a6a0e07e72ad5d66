package afas

import (
	"koppel/engine/connector"
	"koppel/internal/httpclient"
)

// newOAuth makes what gets tokens by client credentials. They live an hour and
// there is no refresh token.
func newOAuth(_ Config, _ connector.Env) (httpclient.Authenticator, error) {
	return nil, &connector.FieldError{Field: "client_id", Problem: "is for a later version; give token"}
}
