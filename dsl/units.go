package dsl

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"koppel/engine"
)

// durationUnits are the units of durations, longest name first where one
// begins another.
var durationUnits = []struct {
	name string
	unit time.Duration
}{
	{"ms", time.Millisecond}, {"s", time.Second}, {"m", time.Minute}, {"h", time.Hour},
	{"d", 24 * time.Hour}, {"w", 7 * 24 * time.Hour},
}

var errDuration = errors.New(`write a number and one of ms, s, m, h, d, w, as in "10m" or "1h30m"`)

// ParseDuration reads a duration such as 10m, 1.5h, 1h30m or 90d.
func ParseDuration(text string) (time.Duration, error) {
	rest, total := strings.TrimSpace(text), time.Duration(0)
	if rest == "0" {
		return 0, nil
	}
	if rest == "" {
		return 0, errDuration
	}
	for rest != "" {
		n := strings.IndexFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		if n <= 0 {
			return 0, errDuration
		}
		number, err := strconv.ParseFloat(rest[:n], 64)
		if err != nil {
			return 0, errDuration
		}
		unit, width := unitOf(rest[n:])
		if width == 0 {
			return 0, errDuration
		}
		d := number * float64(unit)
		if d > math.MaxInt64/2 || float64(total)+d > math.MaxInt64/2 {
			return 0, errors.New("it is longer than what can be counted")
		}
		total += time.Duration(d)
		rest = rest[n+width:]
	}
	return total, nil
}

func unitOf(text string) (time.Duration, int) {
	for _, u := range durationUnits {
		if strings.HasPrefix(text, u.name) {
			return u.unit, len(u.name)
		}
	}
	return 0, 0
}

var errLimit = errors.New(`write a count, such as 5, or a share, such as "10%"`)

// parseLimit reads a count (5) or a share ("10%").
func parseLimit(value any) (*engine.Limit, error) {
	switch v := value.(type) {
	case int:
		if v < 0 {
			return nil, errLimit
		}
		return &engine.Limit{Count: int64(v)}, nil
	case string:
		text, isShare := strings.CutSuffix(strings.TrimSpace(v), "%")
		if !isShare {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n < 0 {
				return nil, errLimit
			}
			return &engine.Limit{Count: n}, nil
		}
		share, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || math.IsNaN(share) || share < 0 || share > 100 {
			return nil, fmt.Errorf("%w, between 0%% and 100%%", errLimit)
		}
		return &engine.Limit{IsShare: true, Share: share / 100}, nil
	}
	return nil, errLimit
}
