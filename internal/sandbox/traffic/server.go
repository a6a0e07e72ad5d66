package traffic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// A Server listens on loopback for one system. It can be taken off the net and
// brought back under the same address.
type Server struct {
	handler http.Handler
	addr    string

	mu   sync.Mutex
	http *http.Server // nil: down
	done chan struct{}
}

// Listen starts a server on 127.0.0.1; port 0 takes any free one.
func Listen(port int, handler http.Handler) (*Server, error) {
	s := &Server{handler: handler, addr: fmt.Sprintf("127.0.0.1:%d", port)}
	return s, s.Up()
}

// URL is the address without a path.
func (s *Server) URL() string { return "http://" + s.addr }

// Up brings the server back after Down.
func (s *Server) Up() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http != nil {
		return nil
	}
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("listen for the sandbox: %w", err)
	}
	s.addr = l.Addr().String()
	server := &http.Server{Handler: s.handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // ends by Close or Shutdown only
	}()
	s.http, s.done = server, done
	return nil
}

// Down takes the server off the net at once: connections break, new ones are
// refused.
func (s *Server) Down() error {
	return s.stop(func(server *http.Server) error { return server.Close() })
}

// Stop ends the server once the calls that run are answered, at the latest
// when the context ends.
func (s *Server) Stop(ctx context.Context) error {
	return s.stop(func(server *http.Server) error {
		if err := server.Shutdown(ctx); err != nil {
			return errors.Join(err, server.Close())
		}
		return nil
	})
}

func (s *Server) stop(how func(*http.Server) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http == nil {
		return nil
	}
	err := how(s.http)
	<-s.done
	s.http = nil
	if err != nil {
		return fmt.Errorf("stop the sandbox: %w", err)
	}
	return nil
}
