package graph

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"koppel/internal/sandbox/traffic"
)

// claims are those of an access token that callers look at.
type claims struct {
	jwt.RegisteredClaims
	AppID string   `json:"appid"`
	Roles []string `json:"roles,omitempty"` // missing when nothing was consented to
	TID   string   `json:"tid"`
	Ver   string   `json:"ver"`
	Issue int      `json:"xms_issue"` // rises when tokens are revoked
}

// A tokenError is a refusal of the token endpoint.
type tokenError struct {
	status int
	err    string // what a caller may branch on
	code   int    // AADSTS
	text   string
}

// entra is a refusal with 400; invalid_client has 401.
func entra(err string, code int, text string, args ...any) *tokenError {
	status := http.StatusBadRequest
	if err == "invalid_client" {
		status = http.StatusUnauthorized
	}
	return &tokenError{status, err, code, fmt.Sprintf(text, args...)}
}

// token gives out access tokens for client credentials.
func (s *System) token(x *traffic.Exchange) {
	x.Header().Set("Cache-Control", "no-store, no-cache")
	form, problem := s.grant(x)
	if problem != nil {
		s.failToken(x, problem)
		return
	}
	s.mu.Lock()
	issue := s.issued
	s.mu.Unlock()
	now := s.o.Now()
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Audience: jwt.ClaimStrings{strings.TrimSuffix(form.Get("scope"), "/.default")}, Issuer: "https://sts.windows.net/" + s.Tenant + "/",
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(s.o.TokenLife)),
			ID: s.requestID(x),
		},
		AppID: s.ClientID, TID: s.Tenant, Ver: "1.0", Roles: strings.Fields(s.is("roles")), Issue: issue,
	}).SignedString(s.key)
	if err != nil {
		x.WriteHeader(http.StatusInternalServerError)
		return
	}
	life := int(s.o.TokenLife.Seconds())
	x.JSON(http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": life, "ext_expires_in": life, "access_token": text})
}

// grant looks at a request for a token.
func (s *System) grant(x *traffic.Exchange) (url.Values, *tokenError) {
	tenant := x.Request.PathValue("tenant")
	switch {
	case !regexp.MustCompile(`^[0-9a-zA-Z.-]+$`).MatchString(tenant) || !strings.ContainsAny(tenant, ".-"):
		return nil, entra("invalid_request", 900023, "Specified tenant identifier '%s' is neither a valid DNS name, nor a valid external domain.", tenant)
	case !strings.EqualFold(tenant, s.Tenant) && !strings.EqualFold(tenant, s.Domain):
		return nil, entra("invalid_request", 90002, "Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.", tenant)
	}
	form, err := url.ParseQuery(string(x.Body))
	if err != nil || !strings.HasPrefix(x.Request.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return nil, entra("invalid_request", 900144, "The request body must contain the following parameter: 'grant_type'.")
	}
	if id, secret, ok := x.Request.BasicAuth(); ok {
		form.Set("client_id", unescape(id))
		form.Set("client_secret", unescape(secret))
	}
	for _, name := range []string{"grant_type", "client_id", "scope"} {
		if form.Get(name) == "" {
			return nil, entra("invalid_request", 900144, "The request body must contain the following parameter: '%s'.", name)
		}
	}
	hosts := []string{base(x.Request), "https://graph.microsoft.com"}
	switch host, isDefault := strings.CutSuffix(form.Get("scope"), "/.default"); {
	case form.Get("grant_type") != "client_credentials":
		return nil, entra("unsupported_grant_type", 70003, "The app requested an unsupported grant type '%s'.", form.Get("grant_type"))
	case !strings.EqualFold(form.Get("client_id"), s.ClientID):
		return nil, entra("unauthorized_client", 700016, "Application with identifier '%s' was not found in the directory 'Voorbeeldziekenhuis'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.", form.Get("client_id"))
	case !isDefault || !slices.Contains(hosts, host):
		return nil, entra("invalid_scope", 70011, "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope %s is not valid.", form.Get("scope"))
	}
	return form, s.prove(x, form)
}

// unescape undoes the form encoding that RFC 6749 asks for within Basic.
func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// prove checks that the caller is the app.
func (s *System) prove(x *traffic.Exchange, form url.Values) *tokenError {
	same := func(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
	secret := form.Get("client_secret")
	switch {
	case form.Get("client_assertion") != "":
		return s.assertion(x, form)
	case secret == "":
		return entra("invalid_client", 7000216, "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.")
	case same(secret, s.ExpiredSecret):
		return entra("invalid_client", 7000222, "The provided client secret keys for app '%s' are expired.", s.ClientID)
	case !same(secret, s.ClientSecret):
		return entra("invalid_client", 7000215, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '%s'.", s.ClientID)
	}
	return nil
}

func (s *System) failToken(x *traffic.Exchange, e *tokenError) {
	at, trace := s.o.Now().UTC().Format("2006-01-02 15:04:05Z"), s.requestID(x)
	x.JSON(e.status, map[string]any{
		"error":             e.err,
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s", e.code, e.text, trace, clientID(x, trace), at),
		"error_codes":       []int{e.code}, "timestamp": at, "trace_id": trace, "correlation_id": clientID(x, trace),
		"error_uri": fmt.Sprintf("https://login.microsoftonline.com/error?code=%d", e.code),
	})
}

// admit checks the access token of a call, and the role that it needs.
func (s *System) admit(r *http.Request, role string) error {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if text == "" || !strings.EqualFold(scheme, "Bearer") {
		return refuse(http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token is empty.")
	}
	var c claims
	_, err := jwt.ParseWithClaims(text, &c, func(*jwt.Token) (any, error) { return s.key, nil },
		jwt.WithTimeFunc(s.o.Now), jwt.WithValidMethods([]string{"HS256"}), jwt.WithLeeway(time.Second))
	s.mu.Lock()
	revoked := c.Issue != s.issued
	s.mu.Unlock()
	switch {
	case err != nil && strings.Count(text, ".") != 2:
		return refuse(http.StatusUnauthorized, "InvalidAuthenticationToken", "CompactToken parsing failed with error code: 80049217")
	case err != nil || revoked:
		return refuse(http.StatusUnauthorized, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
	case role == "" || slices.Contains(c.Roles, role) || role == "Directory.Read.All" && slices.Contains(c.Roles, "User.Read.All"):
		return nil
	case role == "Calendars.Read":
		return refuse(http.StatusForbidden, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
	}
	return refuse(http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
}
