// Package xpert speaks with the Xpert Suite of Otherside at Work as an API
// account: it logs in with a token and a one-time code, asks where the login
// says, and may act for a user.
//
// Of the protocol the vendor publishes what an API account is, that its login
// answers with a base URL, and that impersonation is that of OAuth 2.0; names
// and paths are those of RFC 6749 and RFC 8693 unless the connection says
// otherwise.
package xpert
