package engine

import "fmt"

// counted names a number of things for people: 1 record, 2 records.
func counted(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
