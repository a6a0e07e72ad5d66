package connector

import "time"

// A Call is one attempt at a request that a connection has made.
type Call struct {
	Connection string // address
	Method     string
	Status     int           // of HTTP; 0: there was no answer
	Attempt    int           // from 1
	Waited     time.Duration // for its turn
	Began      time.Time
	Took       time.Duration // from when it was its turn to the end of the answer
}
