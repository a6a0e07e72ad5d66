package traffic

import (
	"context"
	"sync"
	"time"
)

// A Sending is a Server of a system that sends messages of its own, as long as
// it is up.
type Sending struct {
	*Server
	due  func(context.Context) error
	wake <-chan struct{}
	idle func()

	mu   sync.Mutex
	stop context.CancelFunc // nil: nothing is sent
	done chan struct{}
}

// look is how often it is looked for messages that are due again.
const look = time.Second

// ListenSending listens like Listen. due sends what is due: it is called each
// second and when there is something in wake, by one goroutine. idle is called
// when nothing is sent any more.
func ListenSending(port int, t *Traffic, due func(context.Context) error, wake <-chan struct{}, idle func()) (*Sending, error) {
	listening, err := Listen(port, t)
	if err != nil {
		return nil, err
	}
	v := &Sending{Server: listening, due: due, wake: wake, idle: idle}
	v.begin()
	return v, nil
}

func (v *Sending) begin() {
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
			case <-v.wake:
			case <-tick.C:
			}
			_ = v.due(ctx) // what failed stands in the tables of the system
		}
	}()
}

func (v *Sending) end() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.stop == nil {
		return
	}
	v.stop()
	<-v.done
	v.stop = nil
	v.idle()
}

// Up brings the server back after Down.
func (v *Sending) Up() error {
	err := v.Server.Up()
	if err == nil {
		v.begin()
	}
	return err
}

// Down takes the server off the net at once, and sends nothing any more.
func (v *Sending) Down() error {
	v.end()
	return v.Server.Down()
}

// Stop ends the server once the calls that run are answered, at the latest when
// the context ends.
func (v *Sending) Stop(ctx context.Context) error {
	v.end()
	return v.Server.Stop(ctx)
}
