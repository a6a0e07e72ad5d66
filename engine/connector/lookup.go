package connector

import (
	"context"
	"errors"
)

// An Asker is what a connection opens when lookups can ask its system about
// one record at a time. Its kind says OverHTTP. It only reads, whatever the
// method: Ask is called while a plan is made, from many goroutines at once. The
// connection's own client keeps rate, concurrency and retries.
type Asker interface {
	// Ask sends one request and returns the answer as JSON, its numbers as they
	// came (an XML answer in the form that the language gives XML); nil where the
	// body is empty. A body that is not what was announced is an error, never an
	// answer.
	//
	// An error that wraps ErrNone says that there is nothing (HTTP 404), one that
	// wraps ErrRefused that this question is refused for good, in the system's
	// own words, and one that wraps ErrUnreachable that others would fail as
	// well. After any other error nobody knows: the record waits and is asked
	// about again.
	Ask(ctx context.Context, q Question) ([]byte, error)
}

// A Question is one request of a lookup.
type Question struct {
	Method string // GET, POST, …
	// Path stands below the connection's URL. It is escaped and has no query.
	Path    string
	Query   []Param // names and values that are not escaped yet
	Headers []Param // values without line ends
	Body    []byte  // nil: none
	Type    string  // media type of Body
	// Records is an XPath; the answer is then a list of what it selects in an XML
	// document, none where what they stand in is there and holds none. Empty: the
	// whole answer.
	Records string
	// Sensitive: nothing of path, query, headers and body may stand in an error
	// or a log.
	Sensitive bool
}

// An XPathChecker is implemented by pointers to the configuration structs of
// connections whose answers may be XML. It runs offline.
type XPathChecker interface {
	// CheckXPath says what is wrong with Question.Records, as a *FieldError.
	CheckXPath(path string) error
}

// A Param is one name with its value, of a query or among headers.
type Param struct{ Name, Value string }

// ErrNone marks an error of Ask: the system has nothing of that name.
var ErrNone = errors.New("there is nothing")

// ErrRefused marks an error of Ask: the system understood the question and
// said no; the same question would be refused again.
var ErrRefused = errors.New("refused")
