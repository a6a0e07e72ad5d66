package sql

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/sql/mysqltest"
)

// A cutter passes connections on to a server and cuts one at a number of
// packets from the client.
type cutter struct {
	net.Listener
	to    string
	count atomic.Int64
	at    atomic.Int64 // 0: never
	open  sync.WaitGroup
}

func newCutter(t testing.TB, to string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{Listener: l, to: to}
	c.open.Go(c.accept)
	t.Cleanup(func() { l.Close(); c.open.Wait() })
	return c
}

func (c *cutter) accept() {
	for {
		client, err := c.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", c.to)
		if err != nil {
			client.Close()
			continue
		}
		c.open.Go(func() {
			io.Copy(client, server)
			client.Close()
		})
		c.open.Go(func() {
			c.pass(client, server)
			server.Close()
			client.Close()
		})
	}
}

// pass cuts before or after the server sees the packet, by turns: it may have
// done what the client never hears of.
func (c *cutter) pass(client, server net.Conn) {
	b := make([]byte, 1<<20)
	for {
		n, err := client.Read(b)
		if err != nil {
			return
		}
		k := c.count.Add(1)
		if k == c.at.Load() && k%2 == 0 {
			return
		}
		if _, err := server.Write(b[:n]); err != nil || k == c.at.Load() {
			return
		}
	}
}

// testMySQLLost cuts the connection at every statement in turn: the batch is
// applied nevertheless, and once.
func testMySQLLost(t *testing.T, server *mysqltest.Server) {
	server.Create(t, "lost")
	proxy := newCutter(t, server.Address())
	address := strings.Replace(server.URL("lost"), server.Address(), proxy.Addr().String(), 1)
	shape := record.Shape{
		Fields: []record.Field{{Name: "id", Send: true}, {Name: "n", Type: "integer", Send: true}},
		Key:    []record.KeyField{{Name: "id", Source: "id"}},
	}
	cuts := 0
	for at := int64(1); ; at++ {
		server.Exec(t, "lost", `DROP TABLE IF EXISTS people, log; CREATE TABLE log (id VARCHAR(10));
			CREATE TABLE people (id VARCHAR(10) PRIMARY KEY, n BIGINT); CREATE TRIGGER once AFTER INSERT ON people FOR EACH ROW INSERT INTO log VALUES (NEW.id)`)
		s := mysqlSink(t, address, Config{}, shape)
		first := []record.Change{create("a", `{"id":"a","n":1}`), create("b", `{"id":"b","n":1}`)}
		if got := outcomes(t, s, first...); got != "applied\napplied\n" {
			t.Fatal(got)
		}
		proxy.count.Store(0)
		proxy.at.Store(at)
		out, err := s.Write(t.Context(), []record.Change{
			update("a", `{"id":"a","n":1}`, `{"id":"a","n":2}`, "n"), create("c", `{"id":"c","n":2}`), remove("b", `{"id":"b","n":1}`)})
		done := proxy.count.Load() < at
		proxy.at.Store(0)
		if err != nil {
			t.Fatalf("cut at %d: %v", at, err)
		}
		for i, o := range out {
			if o.Status != connector.Applied {
				t.Errorf("cut at %d: change %d: %+v", at, i, o)
			}
		}
		if got := server.Query(t, "lost", "SELECT id, n FROM people ORDER BY id; SELECT id FROM log ORDER BY id"); got != "a\t2\nc\t2\na\nb\nc\n" {
			t.Errorf("cut at %d: %q", at, got)
		}
		s.Close()
		if done {
			break
		}
		cuts++
	}
	if cuts < 8 {
		t.Errorf("only %d places were cut", cuts)
	}
}

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
