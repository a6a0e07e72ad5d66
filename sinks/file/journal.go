package file

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"koppel/engine/connector"
	"koppel/engine/record"
)

// A journal appends one line per change:
//
//	{"time":"2026-03-01T08:00:00Z","op":"update","key":"1042","changed":["name"],"before":{…},"after":{…}}
//
// op is create, update, delete or disable. before is null for a create and
// after for a delete; changed names the fields that an update changes and is
// empty otherwise. A reader that takes the file away by renaming it gets a new
// one with the next run. A reader that follows the file may see lines again
// that a killed run wrote: with the same key, op, before and after.
type journal struct {
	target
	layout  *layout
	resumed bool
	mark    mark
	lines   []byte
}

func newJournal(t target) *journal {
	return &journal{target: t, layout: newLayout(t.env.Shape)}
}

// Traits says that changes are written one by one.
func (j *journal) Traits() connector.Traits {
	return connector.Traits{Deletes: true, Identity: j.identity}
}

// Mark says how far the file goes.
func (j *journal) Mark() []byte {
	b, _ := json.Marshal(j.mark) // numbers only
	return b
}

// Resume cuts off what lies beyond the stored mark. A file that is gone or
// empty was taken away by its reader; one that is shorter or another than the
// mark says is an error.
func (j *journal) Resume(_ context.Context, stored []byte) error {
	if j.env.ReadOnly {
		return errors.New("resume the file: nothing may be written in a plan")
	}
	path, name, err := j.path()
	if err != nil {
		return err
	}
	var m *mark
	if len(stored) > 0 {
		m = &mark{}
		if err := json.Unmarshal(stored, m); err != nil {
			return fmt.Errorf("resume %s: read the stored mark: %w", name, err)
		}
	}
	if err := j.cut(path, m); err != nil {
		return fmt.Errorf("resume %s: %w", name, plainCause(err))
	}
	j.resumed = true
	return nil
}

// Write appends the changes and returns when they are on disk.
func (j *journal) Write(ctx context.Context, batch []record.Change) ([]connector.Outcome, error) {
	if !j.resumed {
		if err := j.Resume(ctx, nil); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	j.lines = j.lines[:0]
	now := j.env.Now().UTC().Format(time.RFC3339)
	for i := range batch {
		var err error
		if j.lines, err = j.line(j.lines, now, &batch[i]); err != nil {
			return nil, err
		}
	}
	path, name, err := j.path()
	if err != nil {
		return nil, err
	}
	if err := j.append(path); err != nil {
		return nil, fmt.Errorf("append to %s: %w", name, plainCause(err))
	}
	return make([]connector.Outcome, len(batch)), nil
}

func (j *journal) line(dst []byte, now string, c *record.Change) ([]byte, error) {
	dst = record.AppendString(append(dst, `{"time":`...), now)
	dst = record.AppendString(append(dst, `,"op":`...), c.Op.String())
	dst = record.AppendString(append(dst, `,"key":`...), c.Key.String())
	dst = append(dst, `,"changed":[`...)
	if c.Op == record.Update || c.Op == record.Disable {
		n := 0
		for _, f := range c.Fields {
			if slices.Contains(j.layout.hidden, f) {
				continue
			}
			if n++; n > 1 {
				dst = append(dst, ',')
			}
			dst = record.AppendString(dst, f)
		}
	}
	dst, err := j.layout.object(append(dst, `],"before":`...), c.Before)
	if err != nil {
		return nil, err
	}
	dst, err = j.layout.object(append(dst, `,"after":`...), c.After)
	return append(dst, '}', '\n'), err
}

func (j *journal) append(path string) (err error) {
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if closed := f.Close(); err == nil {
			err = closed
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != j.mark.Length {
		return fmt.Errorf("it has %d bytes, and %d were written: something else changed it", info.Size(), j.mark.Length)
	}
	if _, err = f.WriteAt(j.lines, j.mark.Length); err == nil {
		err = f.Sync()
	}
	if err == nil && j.mark.Length == 0 {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		return errors.Join(err, f.Truncate(j.mark.Length))
	}
	j.mark, err = markAt(f, j.mark.Length+int64(len(j.lines)))
	return err
}
