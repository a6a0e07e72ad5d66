package alleyoop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"koppel/engine/record"
	"koppel/internal/httpclient"
)

// Send gives a signal to the instance of a dossier. It never makes the request
// twice. A signal that is not due is refused with 404.
func (c *Client) Send(ctx context.Context, d Dossier, signal string) error {
	_, err := c.do(ctx, call{
		method: http.MethodPut, action: string(Tasks), headers: append(d.headers(), Header{"signal", signal}),
		request: httpclient.Request{Repeat: httpclient.Never, Expect: httpclient.JSONOrEmpty},
	})
	return err
}

// NotDue tells whether an error of Send says that no active task waits for
// this signal.
func NotDue(err error) bool {
	var failed *httpclient.Error
	return errors.As(err, &failed) && failed.Refused() && failed.Status == http.StatusNotFound
}

// A Task is one of an instance.
type Task struct{ Key, Name string }

// String names the task for people.
func (t Task) String() string {
	if t.Name == "" || t.Name == t.Key {
		return t.Key
	}
	return fmt.Sprintf("%s (%s)", t.Key, t.Name)
}

// tasks reads those of an instance, active or finished, that have to do with a
// signal; an empty one: all of them. The instance is named both by its id and
// by its dossier, as AlleyOop's table and its example differ in which of them
// is needed.
func (c *Client) tasks(ctx context.Context, a Action, i Instance, signal string) ([]Task, error) {
	headers := append(i.Dossier.headers(), Header{"taskId", i.ID}, Header{"signal", signal})
	list, err := c.List(ctx, a, headers)
	if err != nil {
		return nil, err
	}
	var tasks []Task
	for _, raw := range list {
		var t struct{ Key, Name, Signal, ProcessInstanceID json.RawMessage }
		if err := json.Unmarshal(raw, &t); err != nil {
			return nil, fmt.Errorf("read the %s of instance %s: %w", a, i.ID, err)
		}
		key, _ := record.Text(t.Key)
		name, _ := record.Text(t.Name)
		of, _ := record.Text(t.ProcessInstanceID)
		told, _ := record.Text(t.Signal)
		if of != "" && of != i.ID || signal != "" && told != "" && !strings.EqualFold(told, signal) {
			continue
		}
		tasks = append(tasks, Task{key, name})
	}
	return tasks, nil
}

// Active describes, in words, the tasks that the instance of a dossier waits
// for.
func (c *Client) Active(ctx context.Context, d Dossier) (string, error) {
	found, err := c.Instances(ctx, d)
	if err != nil {
		return "", err
	}
	switch len(found) {
	case 0:
		return fmt.Sprintf("there is no instance of %s", d), nil
	case 1:
	default:
		return fmt.Sprintf("there are %d instances of %s: %s", len(found), d, IDs(found)), nil
	}
	tasks, err := c.tasks(ctx, Tasks, Instance{found[0].ID, d}, "")
	if err != nil {
		return "", err
	}
	if len(tasks) == 0 {
		return fmt.Sprintf("instance %s has no active task", found[0].ID), nil
	}
	names := make([]string, len(tasks))
	for i, t := range tasks {
		names[i] = t.String()
	}
	return fmt.Sprintf("active tasks of instance %s: %s", found[0].ID, strings.Join(names, ", ")), nil
}

// IDs lists the ids of instances.
func IDs(list []Instance) string {
	ids := make([]string, len(list))
	for i, one := range list {
		ids[i] = one.ID
	}
	return strings.Join(ids, ", ")
}

// A Standing says what became of a signal.
type Standing int

// Unclear: AlleyOop can't tell. Due: an active task waits for the signal.
// NotYet: none does, and none that is finished did. Done: a finished task did.
const (
	Unclear Standing = iota
	Due
	NotYet
	Done
)

// noSignal is a signal that no workflow has. Who lists tasks for it lists them
// whatever is asked for.
const noSignal = "KOPPEL_NO_SUCH_SIGNAL"

// Standing asks whether a signal has reached the instance of a dossier.
func (c *Client) Standing(ctx context.Context, d Dossier, signal string) (Standing, error) {
	found, err := c.Instances(ctx, d)
	if err != nil {
		return Unclear, err
	}
	switch len(found) {
	case 0:
		return NotYet, nil
	case 1:
	default:
		return Unclear, nil
	}
	instance := Instance{found[0].ID, d}
	for _, look := range []struct {
		action Action
		means  Standing
	}{{Tasks, Due}, {TaskHistory, Done}} {
		tasks, err := c.tasks(ctx, look.action, instance, signal)
		if err != nil {
			return Unclear, err
		}
		if len(tasks) == 0 {
			continue
		}
		others, err := c.tasks(ctx, look.action, instance, noSignal)
		if err != nil {
			return Unclear, err
		}
		if len(others) > 0 {
			return Unclear, nil
		}
		return look.means, nil
	}
	return NotYet, nil
}
