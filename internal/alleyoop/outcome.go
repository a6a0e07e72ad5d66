package alleyoop

import (
	"context"
	"errors"

	"koppel/engine/connector"
	"koppel/internal/httpclient"
)

// Outcome says what became of a change whose one writing request ended with
// err. stop is not nil when later requests would fail as well and nothing was
// sent of this one.
func Outcome(err error) (out connector.Outcome, stop error) {
	var failed *httpclient.Error
	switch {
	case err == nil:
		return connector.Outcome{}, nil
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return connector.Outcome{Status: connector.Unknown, Message: "the call was given up; it is not known whether AlleyOop took it"}, err
	case !errors.As(err, &failed):
		return connector.Outcome{Status: connector.Unknown, Message: err.Error()}, nil
	case failed.Refused():
		return Refusal(Words(failed)), nil
	case failed.Delivery == httpclient.Lost:
		return connector.Outcome{Status: connector.Unknown, Message: "it is not known whether AlleyOop took it: " + failed.Error()}, nil
	}
	return connector.Outcome{Status: connector.NotSent, Message: failed.Error()}, err
}

// Refusal is the outcome of a change that can't be applied.
func Refusal(words string) connector.Outcome {
	return connector.Outcome{Status: connector.Refused, Message: words}
}

// Words are what AlleyOop said of a request that it refused, or else the
// problem.
func Words(failed *httpclient.Error) string {
	if failed.Words == "" {
		return failed.Problem
	}
	return failed.Words + " (" + failed.Problem + ")"
}
