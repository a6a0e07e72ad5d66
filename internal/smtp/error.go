package smtp

import (
	"errors"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"koppel/engine/connector"
)

// A Fate is what became of a message that was not taken for sure.
type Fate int

// The fates.
const (
	// NotSent: the server has not taken it, and others would fail as well.
	NotSent Fate = iota
	// Refused: the server said no to this message or to one of its recipients,
	// for good or for now.
	Refused
	// Unknown: its last line was sent and no answer came.
	Unknown
)

// An Error says what became of a message. One that is NotSent wraps
// connector.ErrUnreachable.
type Error struct {
	Fate  Fate
	Code  int    // of the server's reply; 0: there was none
	Words string // the server's own where there are some
}

// Error gives the words.
func (e *Error) Error() string { return e.Words }

// Unwrap marks what hinders other messages too.
func (e *Error) Unwrap() error {
	if e.Fate == NotSent {
		return connector.ErrUnreachable
	}
	return nil
}

// judge tells what became of a message by the step that failed.
func judge(err error) *Error {
	var sent *gomail.SendError
	if !errors.As(err, &sent) {
		return &Error{Fate: Unknown, Words: err.Error()}
	}
	e := &Error{Code: sent.ErrorCode(), Words: words(sent)}
	// 421 says that the server is about to leave.
	refused := e.Code >= 400 && e.Code < 600 && e.Code != 421
	switch sent.Reason {
	case gomail.ErrSMTPMailFrom:
		e.Words = "the mail server refuses the sender: " + e.Words
		// Any other message has the same sender.
	case gomail.ErrSMTPRcptTo, gomail.ErrSMTPData:
		if refused {
			e.Fate = Refused
		}
	case gomail.ErrGetRcpts, gomail.ErrGetSender, gomail.ErrNoUnencoded:
		e.Fate = Refused
	case gomail.ErrSMTPDataClose:
		e.Fate = Unknown
		if e.Code >= 400 && e.Code < 600 {
			e.Fate = Refused
		} else {
			e.Words = "it is not known whether the mail server took it: " + e.Words
		}
	case gomail.ErrWriteContent, gomail.ErrConnCheck:
		e.Words = "the mail server broke the connection: " + e.Words
	default:
		e.Fate = Unknown
	}
	return e
}

// words are what the server said, without what go-mail puts around it.
func words(e *gomail.SendError) string {
	text := e.Error()
	text, _, _ = strings.Cut(text, ", affected message ID:")
	said, to, named := strings.Cut(text, ", affected recipient(s): ")
	if _, own, ok := strings.Cut(said, ": "); ok {
		said = own
	}
	said = strings.ReplaceAll(said, `"`, "")
	if named {
		return strings.NewReplacer("<", "", ">", "").Replace(to) + ": " + said
	}
	return said
}
