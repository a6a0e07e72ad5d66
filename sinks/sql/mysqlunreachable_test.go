package sql

import (
	"errors"
	"strings"
	"testing"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/sql/mysqltest"
)

// testMySQLUnreachable shows that a server, a database or a password that is not
// right is told as such, without the password.
func testMySQLUnreachable(t *testing.T, server *mysqltest.Server) {
	server.Create(t, "there")
	for name, address := range map[string]string{
		"password": strings.Replace(server.URL("there"), "canary", "canary2", 1),
		"database": server.URL("absent"),
		"port":     strings.Replace(server.URL("there"), server.Address(), "127.0.0.1:1", 1),
		"tls":      server.URL("there") + "?tls=true",
	} {
		s := mysqlSink(t, address, Config{}, record.Shape{Fields: []record.Field{{Name: "id", Send: true}}})
		err := s.Check(t.Context())
		if !errors.Is(err, connector.ErrUnreachable) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
