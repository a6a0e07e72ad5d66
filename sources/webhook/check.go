package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"koppel/engine/connector"
	"koppel/internal/graph"
)

// reachWait bounds the look whether an address can be reached.
const reachWait = 10 * time.Second

// Check asks Graph whether the application may have subscriptions, and looks
// whether Microsoft could reach the address of notifications, without sending it
// anything: it must be known by name to the internet, and its certificate good.
func (r *receiver) Check(ctx context.Context) error {
	if r.config.Auth.Kind != "graph" || r.config.Auth.Connection.Address == "" {
		return nil
	}
	client, err := graph.For(ctx, r.config.Auth.Connection)
	if err != nil {
		return err
	}
	if err := client.CheckRoles(ctx, graph.CalendarPermissions()); err != nil {
		return err
	}
	if _, err := client.Subscriptions(ctx); err != nil {
		return err
	}
	u, err := url.Parse(r.config.Auth.URL)
	if err != nil {
		return err
	}
	if u.Scheme != "https" {
		return nil // of this machine alone, as Validate sees to: the tenant is simulated
	}
	ctx, cancel := context.WithTimeout(ctx, reachWait)
	defer cancel()
	return reach(ctx, u)
}

// unreached is what is told of an address that Microsoft may not reach. It may all
// the same: names and ways out differ from network to network.
func unreached(problem, hint string) error {
	return &connector.Doubt{Err: &connector.FieldError{Field: "auth.url", Problem: problem, Hint: hint}}
}

// reach looks up a host, and shakes hands with what answers there.
func reach(ctx context.Context, u *url.URL) error {
	const proxy = "put a proxy with a name and a certificate of its own before koppel serve, which the internet reaches on this port"
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return unreached(fmt.Sprintf("leads to a host that is not known here: %v", err), "the name must be one that the internet knows")
	}
	for _, a := range addresses {
		if a = a.Unmap(); a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsUnspecified() {
			return unreached(fmt.Sprintf("leads to %s, an address that only this network knows", a), proxy+"; where the name means something else outside, this is no fault")
		}
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	dialer := tls.Dialer{Config: &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	var bad *tls.CertificateVerificationError
	switch {
	case errors.As(err, &bad):
		return unreached(fmt.Sprintf("has a certificate that is not good: %v", bad.Err), "Microsoft takes one of a public authority, with all certificates in between")
	case err != nil:
		return unreached(fmt.Sprintf("can't be reached from here: %v", err), proxy)
	}
	return conn.Close()
}
