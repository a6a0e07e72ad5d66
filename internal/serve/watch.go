package serve

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"koppel/dsl"
)

// watchEvery is how often files are looked at. A change must stand for as long
// before it is loaded, as an editor or a copy may write a file in steps.
const watchEvery = 2 * time.Second

// watch loads the configuration again when its files change, until ctx ends.
// It asks the file system by itself, as notifications do not reach every one
// (network mounts, volumes of containers).
func (s *Service) watch(ctx context.Context) {
	known := s.lookOf(s.Project())
	before := known
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		look := s.lookOf(s.Project())
		if look != before {
			before = look
			continue
		}
		if look == known {
			continue
		}
		known = look
		if s.Reload(ctx) == nil {
			known = s.lookOf(s.Project()) // it may name other files
			before = known
		}
	}
}

// lookOf sums up how the files of a configuration look: names, sizes, times.
func (s *Service) lookOf(p *dsl.Project) [sha256.Size]byte {
	paths := slices.Clone(s.opts.Watch)
	for name := range p.Files {
		paths = append(paths, inside(p.Dir, name))
	}
	for _, name := range p.Named {
		paths = append(paths, inside(p.Dir, name))
	}
	if entries, err := os.ReadDir(p.Dir); err == nil {
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".hcl") && !strings.HasPrefix(e.Name(), ".") {
				paths = append(paths, inside(p.Dir, e.Name()))
			}
		}
	}
	slices.Sort(paths)
	h := sha256.New()
	for _, path := range slices.Compact(paths) {
		info, err := os.Stat(path)
		if err != nil {
			fmt.Fprintf(h, "%q -\n", path)
			continue
		}
		fmt.Fprintf(h, "%q %d %d %s\n", path, info.Size(), info.ModTime().UnixNano(), info.Mode())
	}
	return [sha256.Size]byte(h.Sum(nil))
}

func inside(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}
