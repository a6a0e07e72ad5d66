package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// A Server listens on loopback for one mail server, on a port for STARTTLS and
// on one for implicit TLS. It can be taken off the net and brought back.
type Server struct {
	s      *System
	addrs  [2]string
	ownsCA bool // the file of the authority was made here

	mu    sync.Mutex
	up    []*smtp.Server
	ports []net.Listener // closed apart: a server that has only just begun does not know its own
	ended sync.WaitGroup
}

// Listen starts the server on 127.0.0.1, on a port and the one after it; port 0
// takes any free ones. The authority is written to a file: caFile, or a
// temporary one that goes with Stop.
func (s *System) Listen(port int, caFile string) (*Server, error) {
	v := &Server{s: s}
	for i := range v.addrs {
		n := port
		if port > 0 {
			n += i
		}
		v.addrs[i] = fmt.Sprintf("127.0.0.1:%d", n)
	}
	if err := v.writeCA(caFile); err != nil {
		return nil, err
	}
	if err := v.Up(); err != nil {
		return nil, errors.Join(err, v.Down(), v.removeCA())
	}
	for i, into := range []*string{&s.Port, &s.ImplicitPort} {
		_, text, err := net.SplitHostPort(v.addrs[i])
		if err != nil {
			return nil, err
		}
		*into = text
	}
	return v, nil
}

func (v *Server) writeCA(path string) error {
	if path != "" {
		v.s.CAFile = path
		return os.WriteFile(path, v.s.ca.pem, 0o644)
	}
	f, err := os.CreateTemp("", "koppel-sandbox-*.pem")
	if err != nil {
		return fmt.Errorf("write the authority of the mail server: %w", err)
	}
	v.s.CAFile, v.ownsCA = f.Name(), true
	_, err = f.Write(v.s.ca.pem)
	return errors.Join(err, f.Close())
}

func (v *Server) removeCA() error {
	if !v.ownsCA {
		return nil
	}
	v.ownsCA = false
	return os.Remove(v.s.CAFile)
}

// URL names the host and the port for STARTTLS.
func (v *Server) URL() string { return "smtp://" + v.addrs[0] }

// Up brings the server back after Down.
func (v *Server) Up() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.up != nil {
		return nil
	}
	config := &tls.Config{Certificates: []tls.Certificate{v.s.ca.server}, MinVersion: tls.VersionTLS12}
	for i, addr := range v.addrs {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return fmt.Errorf("listen for the sandbox: %w", err)
		}
		v.addrs[i] = l.Addr().String()
		if i == 1 {
			l = tls.NewListener(l, config)
		}
		server := smtp.NewServer(smtp.BackendFunc(v.s.session))
		server.Domain, server.TLSConfig, server.AllowInsecureAuth = "mail.example.org", config, v.s.o.Plain
		server.MaxMessageBytes, server.MaxRecipients, server.MaxLineLength = 25<<20, 100, 2000
		server.ReadTimeout, server.WriteTimeout, server.ErrorLog = time.Minute, time.Minute, log.New(io.Discard, "", 0)
		v.up, v.ports = append(v.up, server), append(v.ports, l)
		v.ended.Go(func() { _ = server.Serve(l) }) // ends by Close or Shutdown only
	}
	return nil
}

// Down takes the server off the net at once: connections break, new ones are
// refused.
func (v *Server) Down() error { return v.end((*smtp.Server).Close) }

// Stop ends the server once the connections that are open have ended, at the
// latest when the context ends.
func (v *Server) Stop(ctx context.Context) error {
	soon, cancel := context.WithTimeout(ctx, time.Second) // clients keep idle connections
	defer cancel()
	err := v.end(func(server *smtp.Server) error {
		if server.Shutdown(soon) != nil {
			return server.Close()
		}
		return nil
	})
	return errors.Join(err, v.removeCA())
}

func (v *Server) end(how func(*smtp.Server) error) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	var errs []error
	for _, server := range v.up {
		if err := how(server); err != nil && !errors.Is(err, smtp.ErrServerClosed) {
			errs = append(errs, err)
		}
	}
	for _, l := range v.ports {
		_ = l.Close() // most are closed already
	}
	v.up, v.ports = nil, nil
	v.ended.Wait()
	return errors.Join(errs...)
}
