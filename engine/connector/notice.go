package connector

import "context"

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
	// SubscribedTo is the address of the connection; empty: no notice is asked for,
	// only what comes is taken in.
	SubscribedTo() string
}

// A Subscriber asks a system to tell of changes.
type Subscriber interface {
	// Subscribe sees to it that the notices that its system sends to it are those
	// about parts, and no others, however things were left by a process that was
	// killed. It is called again and again, by one goroutine. An error is of the
	// system as a whole; what could not be had for one part is tried again at the
	// next call, and logged.
	Subscribe(ctx context.Context, parts []string) (Subscriptions, error)
	// Disturbed has f called when Subscribe should be called soon. It is called
	// once, before anything is delivered; f may be called by several goroutines.
	Disturbed(f func())
}

// Subscriptions say how a Subscriber stands with its system.
type Subscriptions struct {
	Active int // parts of which notices come
	Failed int // parts of which none come
	// Fresh: what was asked for anew. What changed before was not told.
	Fresh int
	// Missed: notices were lost, so that all must be read.
	Missed bool
}
