//go:build !unix

package sqlite

// isReadOnlyFS tells whether the file system takes no writes.
func isReadOnlyFS(error) bool { return false }
