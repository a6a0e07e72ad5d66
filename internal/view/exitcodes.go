package view

// ExitCodes are the exit codes of koppel with their meanings.
func ExitCodes() [][2]string {
	return [][2]string{
		{"0", "done"},
		{"1", "runtime failure"},
		{"2", "only with `plan --detailed-exitcode`: there are changes"},
		{"3", "the files or arguments are wrong; a test failed; `fmt --check` found something"},
		{"4", "a system is unreachable or refuses the credentials"},
		{"5", "something is held by a guard"},
		{"6", "finished, but some records failed or a partition could not be read"},
		{"7", "stale plan, or the lock is held by someone else"},
		{"130, 143", "interrupted twice; the first signal drains and exits by result"},
	}
}
