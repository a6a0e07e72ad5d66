package serve

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a network without a machine: its connections wait by the clock of a
// bubble of synctest.
type pipes struct {
	made  chan net.Conn
	ended chan struct{}
	close func()
}

func newPipes() *pipes {
	p := &pipes{made: make(chan net.Conn), ended: make(chan struct{})}
	p.close = sync.OnceFunc(func() { close(p.ended) })
	return p
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.made:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error { p.close(); return nil }

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.made <- server:
		return client, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

// A dribble is a client that sends some bytes at once and then one each second,
// until it is answered or the connection is closed.
type dribble struct {
	status int // 0: it was never answered
	took   time.Duration
}

func (p *pipes) dribble(t *testing.T, head string) *dribble {
	c, err := p.dial(t.Context(), "", "")
	if err != nil {
		t.Error(err)
		return &dribble{}
	}
	defer c.Close()
	began := time.Now()
	answered := make(chan dribble)
	go func() {
		var d dribble
		if res, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil {
			d.status = res.StatusCode
			_, _ = io.Copy(io.Discard, res.Body) // up to the end of the connection
		}
		d.took = time.Since(began)
		answered <- d
	}()
	_, err = io.WriteString(c, head)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case d := <-answered:
			return &d
		case <-tick.C:
			if err == nil {
				_, err = io.WriteString(c, "x")
			}
		}
	}
}

const slowHooks = `
source "webhook" "a" {
  path = "/a"
  auth "none" {}
  max_concurrency = 2
}
source "webhook" "b" {
  path = "/b"
  auth "none" {}
}
pipeline "a" {
  from = source.webhook.a
  map { id = src.id }
}
pipeline "b" {
  from = source.webhook.b
  map { id = src.id }
}
`

// Clients that dribble their headers or bodies are cut off in time, take no more
// places than there are, and hold up nobody who delivers elsewhere.
func TestSlowClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, monday, slowHooks)
		p := newPipes()
		w.listener = p
		w.start()
		client := &http.Client{Transport: &http.Transport{DialContext: p.dial}}
		defer client.CloseIdleConnections()
		deliver := func(path, id string, want int, most time.Duration) {
			t.Helper()
			began := time.Now()
			res, err := client.Post("http://127.0.0.1"+path, "application/json", strings.NewReader(`{"id":"`+id+`"}`))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			text, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != want || (want == 503) != (res.Header.Get("Retry-After") != "") {
				t.Errorf("%s to %s: %d %s (%v), want %d", id, path, res.StatusCode, text, err, want)
			}
			if took := time.Since(began); took > most {
				t.Errorf("%s to %s took %s", id, path, took)
			}
		}
		var all sync.WaitGroup
		slow := func(name, head string, status int, most time.Duration) {
			all.Go(func() {
				if d := p.dribble(t, head); d.status != status || d.took > most {
					t.Errorf("%s: answered %d after %s, want %d within %s", name, d.status, d.took, status, most)
				}
			})
		}
		const start = "POST /a HTTP/1.1\r\nHost: 127.0.0.1\r\n"
		for i := range maxConnections - 10 {
			slow(fmt.Sprint("headers ", i), start+"X-Slow: ", 0, headerWait+time.Second)
		}
		for i := range 2 {
			slow(fmt.Sprint("body ", i), start+"Content-Length: 1000\r\n\r\n{", 408, 17*time.Second)
		}
		slow("body of what is not there", "POST /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n{", 404, readWait+time.Second)
		time.Sleep(time.Second)
		synctest.Wait()
		deliver("/b", "1", 200, 0)
		deliver("/a", "2", 503, 2*time.Second) // both places are taken
		client.CloseIdleConnections()
		for i := range 10 {
			slow(fmt.Sprint("one too many ", i), start+"X-Slow: ", 0, 2*headerWait)
		}
		time.Sleep(time.Millisecond)
		deliver("/b", "3", 200, headerWait) // one is cut off first
		time.Sleep(20 * time.Second)
		synctest.Wait()
		deliver("/a", "2", 200, 0)
		all.Wait()
	})
}
