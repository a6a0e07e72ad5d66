package engine

import "koppel/engine/record"

// RunCounts sum up what a run did to one pipeline.
type RunCounts struct {
	Created   int64 `json:"created"`
	Updated   int64 `json:"updated"`
	Deleted   int64 `json:"deleted"`
	Disabled  int64 `json:"disabled"`
	Unchanged int64 `json:"unchanged"`
	Skipped   int64 `json:"skipped"`
	Protected int64 `json:"protected"`
	Held      int64 `json:"held"`
	Waiting   int64 `json:"waiting"`
	Failed    int64 `json:"failed"`
}

func (c *RunCounts) add(op record.Op) {
	switch op {
	case record.Create:
		c.Created++
	case record.Update:
		c.Updated++
	case record.Delete:
		c.Deleted++
	case record.Disable:
		c.Disabled++
	}
}
