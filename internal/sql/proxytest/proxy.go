// Package proxytest stands between a client and a server and cuts connections,
// for tests.
package proxytest

import (
	"net"
	"strings"
	"sync"
	"testing"
)

// A Proxy passes connections on to a server and cuts one of them off.
type Proxy struct {
	listener net.Listener
	to       string
	open     sync.WaitGroup

	mu    sync.Mutex
	place int  // how many more parcels of clients pass; negative: all
	late  bool // the parcel still reaches the server, its answer no one
	bytes int  // how many more bytes of answers pass; negative: all
	cuts  int
}

// Start starts a proxy in front of the server at address, host:port; it ends
// with the test.
func Start(t testing.TB, address string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, to: address, place: -1, bytes: -1}
	t.Cleanup(func() {
		_ = l.Close()
		p.open.Wait()
	})
	p.open.Go(p.accept)
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
	p.place, p.late, p.bytes, p.cuts = place, late, -1, 0
}

// CutAnswer cuts the connection that gets the byte at place of what the server
// sends, counted from 0 and over all connections. It happens once.
func (p *Proxy) CutAnswer(place int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.place, p.late, p.bytes, p.cuts = -1, false, place, 0
}

// Heal lets everything pass.
func (p *Proxy) Heal() { p.CutAnswer(-1) }

// Cuts tells how often a connection was cut since it was last said where.
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
		p.open.Go(func() { p.serve(client) })
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
		p.answer(client, server, &muted)
		_ = client.Close()
		_ = server.Close()
	}()
	p.forward(client, server, &muted)
	_ = client.Close()
	<-done
}

// answer passes on what the server sends until it ends or is cut off.
func (p *Proxy) answer(client, server net.Conn, muted *sync.Mutex) {
	buf := make([]byte, 32<<10)
	for {
		n, err := server.Read(buf)
		if err != nil {
			return
		}
		pass := p.allow(n)
		muted.Lock()
		_, _ = client.Write(buf[:pass])
		muted.Unlock()
		if pass < n {
			return
		}
	}
}

// allow tells how many of n bytes of answers may pass.
func (p *Proxy) allow(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.bytes < 0:
		return n
	case p.bytes >= n:
		p.bytes -= n
		return n
	}
	pass := p.bytes
	p.bytes = -1
	p.cuts++
	return pass
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
