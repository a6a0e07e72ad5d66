package xpert

import (
	"context"
	"sync"
	"time"

	"koppel/internal/sandbox/traffic"
)

// A Server listens on loopback for one Suite, and delivers its webhooks as long
// as it is up.
type Server struct {
	*traffic.Server
	s *System

	mu   sync.Mutex
	stop context.CancelFunc // nil: nothing is delivered
	done chan struct{}
}

// Listen starts the server on 127.0.0.1; port 0 takes any free one.
func (s *System) Listen(port int) (*Server, error) {
	listening, err := traffic.Listen(port, s.Traffic)
	if err != nil {
		return nil, err
	}
	v := &Server{Server: listening, s: s}
	v.begin()
	return v, nil
}

// look is how often it is looked for retries that are due.
const look = time.Second

func (v *Server) begin() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.stop != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	v.stop, v.done = cancel, done
	go func() {
		defer close(done)
		tick := time.NewTicker(look)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-v.s.wake:
			case <-tick.C:
			}
			_ = v.s.deliverDue(ctx) // what failed stands in the log of deliveries
		}
	}()
}

func (v *Server) end() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.stop == nil {
		return
	}
	v.stop()
	<-v.done
	v.stop = nil
	v.s.client.CloseIdleConnections()
}

// Up brings the server back after Down.
func (v *Server) Up() error {
	err := v.Server.Up()
	if err == nil {
		v.begin()
	}
	return err
}

// Down takes the server off the net at once, and delivers nothing any more.
func (v *Server) Down() error {
	v.end()
	return v.Server.Down()
}

// Stop ends the server once the calls that run are answered, at the latest when
// the context ends.
func (v *Server) Stop(ctx context.Context) error {
	v.end()
	return v.Server.Stop(ctx)
}
