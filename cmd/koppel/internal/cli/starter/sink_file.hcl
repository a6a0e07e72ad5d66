# Where they go: here a file that is replaced as a whole.
sink "file" "employees" {
  path = "directory.jsonl"
}

