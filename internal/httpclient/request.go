package httpclient

import (
	"net/http"
	"net/url"
	"slices"
)

// A Request is one question to the connection's system.
type Request struct {
	// Method is GET when empty.
	Method string
	// Path is appended to the URL of the connection; it is written as it stands
	// in a URL (escaped) and may have a query. A whole URL is taken too, when it
	// leads to the connection's own host (a next link).
	Path string
	// Title is what messages show instead of the path and the query: where these
	// hold values of records, the template that they were made of.
	Title string
	// Query is added to that of Path.
	Query url.Values
	// Header goes beside the headers of the connection and wins over them.
	Header http.Header
	// Body is sent with ContentType (application/json when empty); nil: none.
	Body        []byte
	ContentType string
	// Repeat says whether doing it twice leaves what doing it once does.
	Repeat Repeat
	// Expect is what the answer must be; JSON when zero.
	Expect Content
	// Accept lists statuses, beside those from 200 to 299, that are an answer
	// and no error, such as 404 of a look-up. Their bodies may be anything.
	Accept []int
	// Limit is the most bytes of an answer, unpacked; 0: DefaultLimit.
	Limit int64
	// Renew, when set, makes the body of each attempt, in place of Body: where
	// one is good only once, as with a nonce. Its error ends the request.
	Renew func() ([]byte, error)
	// Judge sees the answers to this request, in place of Options.Judge.
	Judge func(*Response) Verdict
	// Alone: a pause that the server asks for after this request is one for its
	// like only (one mailbox of many), and others of the connection go on.
	Alone bool
	// Waiting, when set, is called with each pause before another attempt, and
	// must call it: a caller that bounds how much it does at once can let others
	// have their turn meanwhile.
	Waiting func(pause func() error) error
	// Stay: an answer that leads elsewhere is an error, and is not followed.
	Stay bool
	// Into is a buffer that the body of the answer may be read into.
	Into []byte
}

// DefaultLimit is how many bytes an answer has at most: 256 MiB.
const DefaultLimit = 256 << 20

// Repeat says whether a request may be made again when its answer was lost.
type Repeat int

// ByMethod repeats GET, HEAD, OPTIONS, PUT and DELETE (RFC 9110, section 9.2.2);
// Always is for a search by POST, Never for a PUT that counts.
const (
	ByMethod Repeat = iota
	Always
	Never
)

// Content is what an answer must be.
type Content int

// JSON is one JSON value, XML a document; both are checked as far as telling
// them from a login page and from a body that was cut, and neither is empty.
// JSONOrEmpty and XMLOrEmpty may be, and so may DataOrEmpty, which is either.
// Anything is not looked at.
const (
	JSON Content = iota
	JSONOrEmpty
	XML
	XMLOrEmpty
	DataOrEmpty
	Anything
)

func (r *Request) method() string {
	if r.Method == "" {
		return http.MethodGet
	}
	return r.Method
}

// repeatable tells whether it may be made again without knowing what became of
// the first attempt.
func (r *Request) repeatable() bool {
	if r.Repeat != ByMethod {
		return r.Repeat == Always
	}
	return slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete}, r.method())
}

// A Response is an answer that was read whole.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	// URL is where the answer came from: where redirects led.
	URL *url.URL
	// ID holds the names and values of request and trace ids that the server
	// gave, for its operator to find the request; empty: none.
	ID string
}

// A Verdict is what a Judge makes of an answer.
type Verdict struct {
	// Failed makes an error of an answer with a status of success.
	Failed bool
	// Final: an error that is no use to repeat, whatever its status says.
	Final bool
	// Words are the server's own, for the user; empty: what the body is found to
	// say.
	Words string
	// Credentials: the server refuses who we are, in a way other than 401.
	Credentials bool
	// Hint says what a user can do about a failure; empty: what is usual for its
	// status.
	Hint string
}

// wait lets a pause pass.
func (r *Request) wait(pause func() error) error {
	if r.Waiting == nil {
		return pause()
	}
	return r.Waiting(pause)
}
