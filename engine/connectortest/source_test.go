package connectortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"koppel/dsl"
	"koppel/engine/connector"
)

// stockConfig configures a source that reads a list, page by page.
type stockConfig struct {
	Name  string           `hcl:"name" doc:"which list"`
	Token connector.Secret `hcl:"token,optional" doc:"lets in"`
}

// A list is an outside system.
type list struct {
	records []string
	failAt  int // the page that fails, from 1; 0: none
}

const pageSize = 10

// stock is a source with a planted bug; "" is right.
type stock struct {
	stockConfig
	bug     string
	list    *list
	forever chan struct{}
	offset  int64
}

func (s *stock) Read(ctx context.Context, out connector.Reader) error {
	if s.bug == "leak" {
		go func() { <-s.forever }()
	}
	if s.list == nil {
		return errors.New("there is no such list")
	}
	if s.bug != "no begin" {
		if _, err := out.Begin("", connector.Full); err != nil {
			return err
		}
	}
	for page := 1; (page-1)*pageSize < len(s.list.records); page++ {
		if err := ctx.Err(); err != nil && s.bug != "deaf" {
			return err
		}
		if page == s.list.failAt {
			if s.bug == "fault unseen" {
				break
			}
			return out.Fail("", fmt.Errorf("page %d of %s is missing", page, s.address()))
		}
		from := (page - 1) * pageSize
		err := s.give(out, s.list.records[from:min(from+pageSize, len(s.list.records))])
		if err != nil && s.bug != "goes on" {
			return err
		}
	}
	return out.End("", nil, connector.Interval{})
}

func (s *stock) address() string {
	if s.bug == "tells" {
		return "https://shop.example/?token=" + string([]byte(s.Token))
	}
	return "https://shop.example/"
}

// give hands over one page.
func (s *stock) give(out connector.Reader, page []string) error {
	text := strings.Join(page, "\n") + "\n"
	switch s.bug {
	case "last of page":
		if len(page) == pageSize {
			text = strings.Join(page[:pageSize-1], "\n") + "\n"
		}
	case "twice":
		text += page[len(page)-1] + "\n"
	case "floats":
		text = strings.ReplaceAll(text, "9007199254740993", "9007199254740992")
	case "nulls":
		text = strings.ReplaceAll(text, `"none":null,`, "")
	case "open line":
		text = strings.TrimSuffix(text, "\n")
	}
	base := s.offset
	s.offset += int64(len(text))
	return out.Records("", base, []byte(text))
}

func (s *stock) Reread(_ string, offset int64, length int, _ []byte) ([]byte, error) {
	all := []byte(strings.Join(s.list.records, "\n") + "\n")
	if s.bug == "other offset" {
		offset++
	}
	if offset+int64(length) > int64(len(all)) {
		return nil, errors.New("nothing is there")
	}
	return bytes.Clone(all[offset : offset+int64(length)]), nil
}

// stockSuite is the suite for a stock with that bug.
func stockSuite(bug string, forever chan struct{}) SourceSuite {
	lists := map[string]*list{}
	setup := func(l *list) Origin {
		name := fmt.Sprintf("list-%d", len(lists))
		lists[name] = l
		return Origin{Config: &stockConfig{Name: name, Token: "canary-1"}}
	}
	return SourceSuite{
		Kind: connector.Define("stock", "A list.", stockConfig{}, func(_ context.Context, c stockConfig, _ connector.Env) (connector.Source, error) {
			return &stock{stockConfig: c, bug: bug, list: lists[c.Name], forever: forever}, nil
		}),
		Page:  pageSize,
		Setup: func(_ testing.TB, records []string) Origin { return setup(&list{records: records}) },
		Faults: []Fault{{Name: "page", Records: 25, Setup: func(_ testing.TB, records []string, place int) (Origin, bool) {
			return setup(&list{records: records, failAt: place + 1}), place < 3
		}}},
	}
}

func TestGoodSourcePasses(t *testing.T) {
	Source(t, stockSuite("", nil))
}

func TestBrokenSourcesFail(t *testing.T) {
	tests := map[string]string{
		"last of page": "records (-want +got)",
		"twice":        "records (-want +got)",
		"floats":       "records (-want +got)",
		"nulls":        "records (-want +got)",
		"open line":    "Records gets bytes that do not end with a line end",
		"no begin":     "which is not open",
		"deaf":         "more calls of Records",
		"goes on":      "is called after a method of the reader had failed",
		"fault unseen": "a complete read, and of 25 records 25 are missing and 0 came twice",
		"other offset": "when it is read again",
		"tells":        "a secret is in a log",
		"leak":         "goroutines are left",
	}
	for bug, want := range tests {
		t.Run(bug, func(t *testing.T) {
			forever := make(chan struct{})
			defer close(forever)
			if got := failuresOf(t, stockSuite(bug, forever).test); !strings.Contains(got, want) {
				t.Errorf("the suite says:\n%s\nwithout %q", got, want)
			}
		})
	}
}

func TestSuiteSeesUselessParts(t *testing.T) {
	suite := stockSuite("", nil)
	suite.Faults[0].Setup = func(testing.TB, []string, int) (Origin, bool) { return Origin{}, false }
	suite.Wrong = []Wrong{{Name: "nothing", Change: func(any) {}}}
	suite.NeverEmpty = true
	got := failuresOf(t, suite.test)
	for _, want := range []string{"the fault has no place", "nothing: the configuration is not refused", "0 records: complete is true, not false"} {
		if !strings.Contains(got, want) {
			t.Errorf("the suite says:\n%s\nwithout %q", got, want)
		}
	}
}

func TestSuiteSeesArgumentsThatAreNotTold(t *testing.T) {
	type other struct {
		Extra string `hcl:"extra" doc:"an argument that the kind does not declare"`
	}
	kind := stockSuite("", nil).Kind
	got := failuresOf(t, func(t tester) {
		checkArguments(t, "source", kind.Name, &other{}, dsl.Options{Sources: []connector.Kind[connector.Source]{kind}})
	})
	if !strings.Contains(got, "about the argument extra of") || strings.Contains(got, "about the argument no_such_argument of") {
		t.Errorf("the suite says:\n%s", got)
	}
}
