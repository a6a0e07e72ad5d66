package postgrestest

import (
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A Proxy passes connections on to a server and cuts one of them off.
type Proxy struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	place int  // how many more parcels of clients pass; negative: all
	late  bool // the parcel still reaches the server, its answer no one
	cuts  int
}

// NewProxy starts a proxy in front of the server; it ends with the test.
func NewProxy(t testing.TB, s *Server) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, to: "127.0.0.1:" + strconv.Itoa(s.Port), place: -1}
	t.Cleanup(func() { _ = l.Close() })
	go p.accept()
	return p
}

// Through gives a URL of the server as one that leads through the proxy.
func (p *Proxy) Through(url string) string {
	return strings.Replace(url, p.to, p.listener.Addr().String(), 1)
}

// CutAt cuts the connection that sends the parcel at place, counted from 0 and
// over all connections: before the parcel reaches the server or, late, when
// its answer should come. It happens once.
func (p *Proxy) CutAt(place int, late bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.place, p.late, p.cuts = place, late, 0
}

// Cuts tells how often a connection was cut since CutAt.
func (p *Proxy) Cuts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.serve(client)
	}
}

func (p *Proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		_ = client.Close()
		return
	}
	var muted sync.Mutex // held: answers get lost
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 32<<10)
		for {
			n, err := server.Read(buf)
			if err != nil {
				break
			}
			muted.Lock()
			_, _ = client.Write(buf[:n])
			muted.Unlock()
		}
		_ = client.Close()
		_ = server.Close()
	}()
	p.forward(client, server, &muted)
	_ = client.Close()
	<-done
}

// forward passes parcels on until the client goes or is cut off. A late cut
// waits for the server's first answer, which nobody gets.
func (p *Proxy) forward(client, server net.Conn, muted *sync.Mutex) {
	buf := make([]byte, 32<<10)
	for {
		n, err := client.Read(buf)
		cut, late := false, false
		if err == nil {
			cut, late = p.count()
		}
		if err != nil || cut && !late {
			_ = server.Close()
			return
		}
		if cut {
			muted.Lock()
			defer muted.Unlock()
		}
		if _, err := server.Write(buf[:n]); err != nil {
			_ = server.Close()
			return
		}
		if cut {
			_ = client.Close()
			// The server does what it was sent before it sees the end.
			_ = server.(*net.TCPConn).CloseWrite()
			return
		}
	}
}

func (p *Proxy) count() (cut, late bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.place < 0 {
		return false, false
	}
	p.place--
	if p.place < 0 {
		p.cuts++
		return true, p.late
	}
	return false, false
}
