# Contractors from a spreadsheet that people keep by hand, kept in step in a
# PostgreSQL table.

source "file" "contractors" {
  path    = "data/contractors.xlsx"
  records = "Contractors" # the sheet
  key     = ["Pass"]

  # A sheet with fewer rows, or with half of them gone, is not believed: it
  # deletes nothing.
  complete_when {
    min_records = 3
    max_drop    = "50%"
  }
}

connection "postgres" "reception" { url = secret("env:DATABASE_URL") }

sink "sql" "contractors" {
  connection = connection.postgres.reception
  table      = "contractors"
}

pipeline "contractors" {
  description = "The list of contractors into the reception's database"
  from        = source.file.contractors
  into        = sink.sql.contractors

  map {
    pass     = src.Pass
    name     = trim(src.Name)
    company  = src.Company
    email    = lower(src["E-mail"])
    starts   = src.From
    ends     = src.Until
    day_rate = src["Day rate"]
    areas    = jq("[(.Areas // \"\") | split(\";\")[] | trim | select(. != \"\")]")
    safety   = src["Safety test"]
    active   = expr("src.Until == nil or date(src.Until) >= today")
  }

  field "pass" {
    type     = "string"
    required = true
  }
  field "name" { required = true }
  field "starts" { type = "date" }
  field "ends" { type = "date" }
  field "day_rate" { type = "number" }
  field "areas" { type = "list" }
  field "safety" { type = "bool" }
  field "active" { type = "bool" }

  guard { deletes = "50%" }

  test "a row of the sheet" {
    given  = { Pass = "00417", Name = "Saar ", "E-mail" = "S@Example.org", From = "2026-01-05", Until = null, "Day rate" = 512.5, Areas = "Lab; Roof;", "Safety test" = true }
    expect = { pass = "00417", name = "Saar", email = "s@example.org", starts = "2026-01-05", ends = null, day_rate = 512.5, areas = ["Lab", "Roof"], safety = true, active = true }
  }

  test "empty cells are null, no areas are an empty list" {
    given  = { Pass = "00502", Name = "Zoë" }
    expect = { email = null, ends = null, areas = [] }
  }

  test "the last day counts, the day after does not" {
    as_of  = "2026-07-01"
    given  = { Pass = "1", Name = "Bram", Until = "2026-06-30" }
    expect = { active = false }
  }

  test "a pass number that lost its zeros is an error" {
    given        = { Pass = 417, Name = "Bram" }
    expect_error = "pass"
  }
}
