package afas

import (
	"koppel/engine/connector"
	"koppel/internal/httpclient"
)

// newOAuth makes what gets tokens by client credentials. They live an hour, and
// there is no refresh token.
func newOAuth(c Config, env connector.Env) (httpclient.Authenticator, error) {
	return httpclient.OAuth2{
		TokenURL: c.baseURL() + "/oauth/token", ClientID: c.ClientID, ClientSecret: c.ClientSecret,
	}.Authenticator(c.Config, env)
}
