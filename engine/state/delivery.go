package state

import (
	"iter"
	"time"

	"koppel/engine/record"
)

// A DeliveryStatus says what became of a delivery.
type DeliveryStatus string

// The states of a delivery. Pending: it is to be sent at its time. Failed: it
// was given up. Stopped: its receiver was taken away before it was sent.
const (
	DeliveryPending   DeliveryStatus = "pending"
	DeliveryDelivered DeliveryStatus = "delivered"
	DeliveryFailed    DeliveryStatus = "failed"
	DeliveryStopped   DeliveryStatus = "stopped"
)

// A Delivery is one message to one receiver of a sink. Those of one pipeline,
// sink, receiver and key are a lane: they are sent in the order in which they
// were put, each when the ones before it are no longer pending.
type Delivery struct {
	Seq      int64  // given by PutDelivery; it rises
	ID       string // the same at every attempt
	Pipeline int64  // whose change it tells
	Key      record.Key
	Run      int64  // that put it
	Sink     string // address
	Receiver string // name within the sink
	Topic    string
	Status   DeliveryStatus
	Created  time.Time
	Due      time.Time // no attempt is made before
	Ended    time.Time // zero while it is pending
	Tries    int       // attempts since it was put, or put in again by hand
	Attempts int       // all of them
	Code     int       // HTTP status of the last attempt; 0: there was no answer
	Body     []byte    // what is sent
	Shown    []byte    // Body without sensitive values; nil: as Body
	Behind   bool      // told by views: it is pending, and another of its lane goes first
}

// An Attempt is one try to send a delivery.
type Attempt struct {
	N    int // from 1
	At   time.Time
	Took time.Duration // to the millisecond
	Code int           // HTTP status; 0: there was no answer
	// Words are the beginning of the answer, or say why there was none.
	Words string
}

// A DeliveryFilter selects deliveries. What is zero selects all.
type DeliveryFilter struct {
	Pipeline       int64
	Sink, Receiver string
	Status         DeliveryStatus
	Since          time.Time // created at that time or later
}

// A Queue is what one receiver of a sink is still to get.
type Queue struct {
	Sink, Receiver string
	Due            time.Time // when the first attempt is due
}

// A DeliveryCount counts the deliveries of one receiver and status.
type DeliveryCount struct {
	Sink, Receiver string
	Status         DeliveryStatus
	Count          int64
	Oldest         time.Time // when the oldest of them was put
}

// A Told is what people were told of a pipeline.
type Told struct {
	Condition string // failed, partial, held; empty: that all is well, or nothing yet
	// Spent bounds how often they are told: the time up to which what was told
	// so far is enough, at the pace that may go on for long.
	Spent time.Time
}

// A DeliveryView reads deliveries.
type DeliveryView interface {
	// Delivery gives one by its ID, nil when there is none.
	Delivery(id string) (*Delivery, error)
	// Deliveries yields them without Body and Shown, newest first.
	Deliveries(f DeliveryFilter) iter.Seq2[*Delivery, error]
	// Attempts gives those of a delivery in their order.
	Attempts(seq int64) ([]Attempt, error)
	// Queues lists the receivers that are still to get something.
	Queues() ([]Queue, error)
	// DueDeliveries gives what may be sent to a receiver now, one of each lane
	// at most, those that are due for the longest time first.
	DueDeliveries(sink, receiver string, now time.Time, limit int) ([]Delivery, error)
	// CountDeliveries counts them by receiver and status.
	CountDeliveries() ([]DeliveryCount, error)
	// Told gives what people were told of a pipeline.
	Told(pipeline int64) (Told, error)
}

// A DeliveryTx changes deliveries.
type DeliveryTx interface {
	// PutDelivery adds a delivery behind those of its lane, and sets its Seq. It
	// fails when the ID is there.
	PutDelivery(*Delivery) error
	// SetDelivery changes status, times and counts of the delivery with the same
	// Seq.
	SetDelivery(*Delivery) error
	PutAttempt(seq int64, a Attempt) error
	// StopDeliveries ends what is pending for a receiver.
	StopDeliveries(sink, receiver string, now time.Time) error
	// RenameSink carries deliveries over to another address, unless it has some.
	RenameSink(from, to string) error
	PutTold(pipeline int64, t Told) error
}
