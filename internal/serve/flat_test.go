package serve

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A burden is what the service takes of the machine at one moment.
type burden struct {
	heap              uint64 // bytes, after a collection
	goroutines, files int
	state             int64 // bytes, of the files of state and inbox
	runs              int
}

func (w *world) burden() burden {
	w.t.Helper()
	runtime.GC()
	runtime.GC() // what finalizers let go of
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b := burden{heap: m.HeapAlloc, goroutines: runtime.NumGoroutine(), files: openFiles()}
	names, err := filepath.Glob(filepath.Join(w.dir, ".koppel", "state*"))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, name := range names {
		if info, err := os.Stat(name); err == nil {
			b.state += info.Size()
		}
	}
	return b
}

func (b burden) String() string {
	return fmt.Sprintf("%d runs, heap %.1f MiB, %d goroutines, %d open files, state %.1f MiB",
		b.runs, float64(b.heap)/(1<<20), b.goroutines, b.files, float64(b.state)/(1<<20))
}

// number reads a count from the environment.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 2 {
		t.Fatalf("%s is %q: write a number from 2 up", name, text)
	}
	return n
}

// TestFlat serves days of runs, of one pipeline and of several, each of which finds
// another value every hour, beside one that is delivered to: memory, goroutines and
// open files stay. KOPPEL_DAYS=31 KOPPEL_PIPELINES=50 makes it a month of many.
func TestFlat(t *testing.T) {
	days := number(t, "KOPPEL_DAYS", 2)
	for _, pipelines := range []int{1, number(t, "KOPPEL_PIPELINES", 8)} {
		t.Run(fmt.Sprint(pipelines), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testFlat(t, pipelines, days) })
		})
	}
}

func testFlat(t *testing.T, pipelines, days int) {
	var hcl strings.Builder
	hcl.WriteString("source \"webhook\" \"a\" {\n  path = \"/a\"\n  auth \"none\" {}\n  key = [\"body.id\"]\n}\npipeline \"a\" {\n  from = source.webhook.a\n  map { name = src.body.name }\n}\n")
	for i := range pipelines {
		name := fmt.Sprintf("p%02d", i)
		text := pipe(name, "0s", cronAt("0 * * * *", "")+"guard { updates = \"100%\" }\n")
		hcl.WriteString(strings.NewReplacer("takes", "moves = true\n  takes", "map { id = src.id }", "map {\n    id   = src.id\n    name = src.name\n  }").Replace(text))
	}
	w := newWorld(t, monday, hcl.String())
	w.start()
	begin := w.clock()
	runs := 0
	var at []burden
	for hour := range days * 24 {
		w.until(begin.Add(time.Duration(hour)*time.Hour + 30*time.Minute).Format(time.RFC3339))
		w.arrive(fmt.Sprint(hour), fmt.Sprintf(`{"id":%d,"name":"Saar Testma"}`, hour%10))
		synctest.Wait()
		runs += len(w.ran())
		w.mu.Lock()
		w.log.Reset()
		w.mu.Unlock()
		// The first hours fill caches and pools.
		if hour == days*24/10 || hour == days*12 || hour == days*24-1 {
			b := w.burden()
			b.runs = runs
			at = append(at, b)
			t.Logf("day %.1f: %s", float64(hour+1)/24, b)
		}
	}
	first, last := at[0], at[len(at)-1]
	if want := (pipelines + 1) * (days*24 - 1); last.runs < want {
		t.Errorf("%d runs, want %d at least", last.runs, want)
	}
	if last.heap > first.heap+4<<20 {
		t.Errorf("the heap grew from %d to %d bytes", first.heap, last.heap)
	}
	if last.goroutines > first.goroutines+atOnce {
		t.Errorf("goroutines grew from %d to %d", first.goroutines, last.goroutines)
	}
	if last.files > first.files+filesOfReaders {
		t.Errorf("open files grew from %d to %d", first.files, last.files)
	}
}
