package change

import "time"

// Backoff is how long a scheduled run waits before it tries a change again
// that the target has refused that many times: 15 minutes, 1, 2, 4 … 24 hours.
func Backoff(refusals int) time.Duration {
	switch {
	case refusals <= 1:
		return 15 * time.Minute
	case refusals >= 7:
		return 24 * time.Hour
	}
	return time.Hour << (refusals - 2)
}
