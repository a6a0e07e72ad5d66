# People from one CSV file, with their departments from another, kept in step
# in a SQLite table.

source "file" "people" {
  path = "data/people.csv"
  key  = ["number"]

  # A read with fewer records is not believed: it deletes nothing.
  complete_when { min_records = 3 }
}

source "file" "departments" {
  path = "data/departments.csv"
  key  = ["code"]
}

connection "sqlite" "directory" { path = "directory.db" }

sink "sql" "people" {
  connection = connection.sqlite.directory
  table      = "people"
}

pipeline "people" {
  description = "Employees with the name and floor of their department"
  from        = source.file.people
  into        = sink.sql.people
  where       = expr("src.leaves == nil or date(src.leaves) >= today")

  # Departments without a match leave department and floor empty. A changed
  # department changes all of its people.
  join "dept" {
    with = source.file.departments
    on   = [upper(src.department), upper(dept.code)]
    none = "null"
    many = "error"
  }

  map {
    number     = src.number
    name       = words(src.first_name, src.prefix, src.last_name)
    email      = lower(src.email)
    department = dept.name
    floor      = number(dept.floor)
    starts     = date(src.starts)
    room       = default(src.room, "none")
  }

  field "email" {
    type     = "string"
    required = true
  }
  field "floor" { type = "integer" }

  # More than a quarter of the people at once waits for someone to approve.
  guard { deletes = "25%" }

  test "name, mail and department come together" {
    given  = { number = "7", first_name = "Saar", prefix = "van der", last_name = "Voorbeeld", email = "S@EXAMPLE.ORG", department = "it" }
    joins  = { dept = [{ code = "IT", name = "Automation", floor = "2" }] }
    expect = { name = "Saar van der Voorbeeld", email = "s@example.org", department = "Automation", floor = 2, room = "none" }
  }

  test "an unknown department is left empty" {
    given  = { number = "8", first_name = "Bram", last_name = "Proefman", email = "b@example.org", department = "X" }
    expect = { department = null, floor = null }
  }

  test "who has left is not in the directory" {
    given       = { number = "9", first_name = "Noor", email = "n@example.org", leaves = "2020-01-31" }
    as_of       = "2026-01-01"
    expect_skip = true
  }

  test "a person without mail is an error" {
    given        = { number = "9", first_name = "Noor" }
    expect_error = "email"
  }
}
