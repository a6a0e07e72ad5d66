# Where records come from: here a file, with a header row.
source "file" "employees" {
  path = "employees.csv"
  key  = ["EmployeeId"] # names a record; must be unique

  # A read that looks too small to be true proves no absence, and deletes nothing.
  complete_when {
    min_records = 1
    max_drop    = "50%"
  }
}

