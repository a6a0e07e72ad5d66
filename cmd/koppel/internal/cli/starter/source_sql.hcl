# Where records come from: here a query on a database.
connection "sqlite" "hr" {
  path = "hr.db"
}

source "sql" "employees" {
  connection = connection.sqlite.hr
  query      = "select EmployeeId, FirstName, Prefix, LastName, EmailWork, OrgUnit, EndDate from employees"
  key        = ["EmployeeId"] # names a record; must be unique

  # A read that looks too small to be true proves no absence, and deletes nothing.
  complete_when {
    min_records = 1
    max_drop    = "50%"
  }
}

