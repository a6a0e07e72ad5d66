# Where they go: here a table, which is made when it is missing. Only the mapped
# columns are ever touched.
connection "sqlite" "directory" {
  path = "directory.db"
}

sink "sql" "employees" {
  connection = connection.sqlite.directory
  table      = "employees"
}

