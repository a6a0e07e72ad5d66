package crashtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"koppel/dsl"
	"koppel/engine"
	"koppel/engine/state"
	"koppel/engine/state/sqlite"
	"koppel/internal/serve"
	"koppel/internal/webhook"
)

// serveHooks takes deliveries in until the process ends, from a socket that it
// was started with.
func serveHooks(ctx context.Context, p *dsl.Project, store state.Store, e *engine.Engine) error {
	l, err := net.FileListener(os.NewFile(inherited, "socket"))
	if err != nil {
		return err
	}
	s, err := serve.New(serve.Options{Project: p, Store: store, Now: time.Now, Log: e.Log, TempDir: e.TempDir, Holder: e.Holder})
	if err != nil {
		return err
	}
	s.Receive()
	return s.Run(ctx, l)
}

const hooks = `
source "webhook" "people" {
  path = "/hooks/people"
  auth "websub" { secret = "hush" }
  topic   = jq(".topic")
  key     = ["body.person.id"]
  deleted = expr("src.topic == 'gone'")
}
connection "sqlite" "db" { path = "target.db" }
sink "sql" "people" {
  connection = connection.sqlite.db
  table      = "people"
}
pipeline "people" {
  from    = source.webhook.people
  into    = sink.sql.people
  enabled = %v
  map {
    id   = src.body.person.id
    name = words(src.body.person.first, src.body.person.last)
    city = src.body.person.city
  }
}
`

// A sender delivers, again and again until it is answered with 2xx.
type sender struct {
	t       *testing.T
	client  *http.Client
	address string
	mu      sync.Mutex
	took    []time.Duration // of what was answered with 2xx
	again   atomic.Int64
}

func (s *sender) deliver(ctx context.Context, body string) {
	header, err := webhook.Sign("sha256", []byte("hush"), []byte(body))
	if err != nil {
		s.t.Error(err)
		return
	}
	for ctx.Err() == nil {
		q, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.address+"/hooks/people", strings.NewReader(body))
		if err != nil {
			s.t.Error(err)
			return
		}
		q.Header.Set(webhook.SignatureHeader, header)
		began := time.Now()
		res, err := s.client.Do(q)
		if err == nil {
			_, _ = io.Copy(io.Discard, res.Body) // the status was read
			_ = res.Body.Close()
			switch res.StatusCode {
			case http.StatusOK:
				s.mu.Lock()
				s.took = append(s.took, time.Since(began))
				s.mu.Unlock()
				return
			case http.StatusServiceUnavailable:
			default:
				s.t.Errorf("answered %s", res.Status)
				return
			}
		}
		s.again.Add(1)
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// inherited is the descriptor of the socket that a service listens on.
const inherited = 3

// listen opens a socket that outlives the services that listen on it: nobody
// else gets its port while none runs.
func listen(t *testing.T) (address string, socket *os.File) {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if socket, err = l.File(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	return l.Addr().String(), socket
}

// restarts runs the service and kills it at random moments until done is closed,
// or at most so many times; then it lets it run.
func (p *project) restarts(socket *os.File, times int, done <-chan struct{}) (kills int) {
	r := rand.New(rand.NewPCG(1, 2))
	for {
		var out bytes.Buffer
		cmd := p.command(&out, "serve")
		cmd.ExtraFiles = []*os.File{socket}
		if err := cmd.Start(); err != nil {
			p.t.Error(err)
			return kills
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		after := time.After(moment(r, 500*time.Millisecond) + 200*time.Millisecond)
		if kills == times {
			after = nil
		}
		select {
		case <-done:
			p.end(cmd, ended)
			return kills
		case <-after:
			p.end(cmd, ended)
			kills++
		case err := <-ended:
			p.t.Errorf("the service ended by itself: %v\n%s", err, out.String())
			return kills
		}
	}
}

func (p *project) end(cmd *exec.Cmd, ended <-chan error) {
	if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Error(err)
	}
	<-ended
}

// Every delivery that was answered with 2xx is in the inbox once, however often
// the service was killed and the delivery repeated; the pipeline makes of them
// what is true, and a target that is killed with it too.
func TestKillHooks(t *testing.T) {
	total := number(t, "KOPPEL_HOOKS", 10_000)
	if testing.Short() {
		total = min(total, 1500)
	}
	p := newProject(t, fmt.Sprintf(hooks, false))
	want := map[string]string{}
	bodies := make([]string, 0, total)
	r := rand.New(rand.NewPCG(3, 4))
	people := total / 4
	for i := range total {
		id := fmt.Sprint("p", i%people)
		one := person{ID: id, First: fmt.Sprint("Test", i), Last: "Proefman", City: cities[r.IntN(len(cities))]}
		topic := "there"
		if i >= total-people && r.IntN(5) == 0 { // the last of this person
			topic = "gone"
		}
		bodies = append(bodies, fmt.Sprintf(`{"id":"d%d","topic":%q,"person":{"id":%q,"first":%q,"last":%q,"city":%q}}`, i, topic, one.ID, one.First, one.Last, one.City))
		if want[id] = fmt.Sprintf("%s %s|%s", one.First, one.Last, one.City); topic == "gone" {
			delete(want, id)
		}
	}
	address, socket := listen(t)
	s := &sender{t: t, client: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}, address: address}
	done := make(chan struct{})
	killed := make(chan int, 1)
	go func() { killed <- p.restarts(socket, 6, done) }()
	began := time.Now()
	s.burst(bodies, people)
	t.Logf("%d deliveries in %s, %d kills, %d repeated", total, time.Since(began).Round(time.Millisecond), stopped(done, killed), s.again.Load())
	s.percentiles()
	p.wantOnce(total)
	p.write("main.hcl", fmt.Sprintf(hooks, true))
	for round := range 4 {
		p.kill(moment(rand.New(rand.NewPCG(5, uint64(round))), time.Second), "run")
	}
	p.whole("run")
	wantSame(t, 0, want, table(t, p.path("target.db"), "people"))
	said, _ := p.whole("run")
	if !strings.Contains(said, "people succeeded") {
		t.Errorf("the last run says\n%s", said)
	}
	s.client.CloseIdleConnections()
}

func stopped(done chan struct{}, killed <-chan int) int {
	close(done)
	return <-killed
}

// burst delivers by 64 at once. The deliveries about one person keep their order,
// as those of a sender that waits for each answer do.
func (s *sender) burst(bodies []string, people int) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Minute)
	defer cancel()
	lanes := make(chan int)
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for lane := range lanes {
				for i := lane; i < len(bodies); i += people {
					s.deliver(ctx, bodies[i])
				}
			}
		})
	}
	for lane := range people {
		lanes <- lane
	}
	close(lanes)
	all.Wait()
}

func (s *sender) percentiles() {
	slices.Sort(s.took)
	at := func(share float64) time.Duration {
		return s.took[int(share*float64(len(s.took)-1))].Round(100 * time.Microsecond)
	}
	s.t.Logf("answered in: p50 %s, p90 %s, p99 %s, most %s", at(.5), at(.9), at(.99), at(1))
}

// wantOnce looks from outside whether each delivery lies in the inbox once.
func (p *project) wantOnce(total int) {
	p.t.Helper()
	store, err := sqlite.Open(p.t.Context(), sqlite.Options{Path: filepath.Join(p.dir, ".koppel", "state.db")})
	if err != nil {
		p.t.Fatal(err)
	}
	times := map[string]int{}
	err = store.Inbox().Since(p.t.Context(), "source.webhook.people", 0, func(e *state.Event) error {
		id, _, _ := strings.Cut(strings.TrimPrefix(string(e.Body), `{"id":"`), `"`)
		times[id]++
		return nil
	})
	if err := store.Close(); err != nil {
		p.t.Error(err)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	for id, n := range times {
		if n != 1 {
			p.t.Errorf("%s is there %d times", id, n)
		}
	}
	if len(times) != total {
		p.t.Errorf("%d deliveries are there, want %d", len(times), total)
	}
}
