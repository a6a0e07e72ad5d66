package engine

// SetJoinMemory bounds what the right sides of joins hold in memory, in bytes.
func (e *Engine) SetJoinMemory(bytes int) { e.joinMemory = bytes }
