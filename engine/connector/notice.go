package connector

import (
	"context"
	"time"
)

// Noticed is implemented by pointers to configuration structs of sources whose
// system can be asked to tell of changes. It runs offline.
type Noticed interface {
	// NoticedBy is the address of the connection that such notices are asked for
	// through. Each partition of the source is asked for by its own name.
	NoticedBy() string
}

// Subscribed is implemented by pointers to configuration structs of sources that
// take such notices in. It runs offline. What such a configuration opens is a
// Subscriber.
type Subscribed interface {
	// SubscribedTo is the address of the connection, and the place that notices are
	// sent to; empty: no notice is asked for, only what comes is taken in.
	SubscribedTo() (connection, place string)
}

// A Subscriber asks a system to tell of changes.
type Subscriber interface {
	// Subscribe sees to it that the notices that its system sends to it are those
	// about parts, and no others, however things were left by a process that was
	// killed. It is called again and again, by one goroutine. An error is of the
	// system as a whole; what could not be had for one part is tried again at the
	// next call, and logged.
	Subscribe(ctx context.Context, parts []string) (Subscriptions, error)
	// Succeed has it go on from what an earlier Subscriber knew, which asked the
	// same system for notices to the same place. It is called once at most, before
	// Tell; the earlier one may still be at work.
	Succeed(before Subscriber)
	// Tell names who is told what notices say. It is called once, before anything
	// is delivered.
	Tell(l Listener)
}

// A Listener is told what notices say, by several goroutines at once. Parts are
// named as Subscribe was asked for them; none: it is not known which they are,
// so they may be any.
type Listener interface {
	// Changed says that something changed in parts.
	Changed(parts []string)
	// Lost says that notices about parts did not come, so that these are to be read
	// whole. It returns once nothing can make that forgotten.
	Lost(ctx context.Context, parts []string) error
	// Disturbed says that Subscribe should be called soon.
	Disturbed()
}

// Subscriptions say how a Subscriber stands with its system.
type Subscriptions struct {
	Active int // parts of which notices come
	Failed int // parts of which none come, and subscriptions that could not be ended
	// Fresh lists the parts that were asked for anew. What changed in them before
	// was not told.
	Fresh []string
	// Until is when the first of the active ones would end that nobody renews;
	// zero: none does.
	Until time.Time
	// Problem is why one of the failed ones failed; empty: none did.
	Problem string
}
