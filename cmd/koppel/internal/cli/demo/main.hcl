# People from an export of the personnel system, with the name of their
# department, kept in step in a SQLite directory.

source "file" "people" {
  path = "people.csv"
  key  = ["number"]
}

source "file" "departments" {
  path = "departments.csv"
  key  = ["code"]
}

connection "sqlite" "directory" { path = "directory.db" }

sink "sql" "people" {
  connection = connection.sqlite.directory
  table      = "people"
}

pipeline "people" {
  from  = source.file.people
  into  = sink.sql.people
  where = expr("src.blocked != 'yes'")

  join "dept" {
    with = source.file.departments
    on   = [src.department, dept.code]
  }

  map {
    number     = src.number
    name       = words(src.first_name, src.prefix, src.last_name)
    email      = lower(src.email)
    department = dept.name
    mobile     = src.mobile
  }

  field "email" { required = true }
  field "mobile" { sensitive = true }

  guard { deletes = "25%" }

  test "the prefix stays in the name" {
    given  = { number = "7", first_name = "Saar", prefix = "van der", last_name = "Berg", email = "S@EXAMPLE.ORG" }
    expect = { name = "Saar van der Berg", email = "s@example.org" }
  }
}
