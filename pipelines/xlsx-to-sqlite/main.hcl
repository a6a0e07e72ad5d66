# Volunteers from a spreadsheet that people keep by hand, kept in step in a
# SQLite table.

source "file" "volunteers" {
  path    = "data/volunteers.xlsx"
  records = "Volunteers" # the sheet
  header  = 3            # a title stands above the names of the columns
  key     = ["Badge"]

  # A sheet with fewer rows is not believed: it deletes nothing.
  complete_when { min_records = 3 }
}

connection "sqlite" "festival" { path = "festival.db" }

sink "sql" "volunteers" {
  connection = connection.sqlite.festival
  table      = "volunteers"
}

pipeline "volunteers" {
  description = "The list of volunteers into the festival's database"
  from        = source.file.volunteers
  into        = sink.sql.volunteers

  map {
    badge     = src.Badge
    name      = trim(src.Name)
    email     = lower(src["E-mail"])
    starts    = src.From
    shifts    = src.Shifts
    rate      = src["Hourly rate"]
    first_aid = src["First aid"]
  }

  field "name" { required = true }
  field "starts" { type = "date" }
  field "shifts" { type = "integer" }
  field "rate" { type = "number" }
  field "first_aid" { type = "bool" }

  guard { deletes = "50%" }

  test "a row of the sheet" {
    given  = { Badge = 7, Name = "Saar ", "E-mail" = "S@Example.org", From = "2026-03-01", Shifts = 4, "Hourly rate" = 12.5, "First aid" = true }
    expect = { badge = 7, name = "Saar", email = "s@example.org", starts = "2026-03-01", shifts = 4, rate = 12.5, first_aid = true }
  }

  test "empty cells are null" {
    given  = { Badge = 8, Name = "Bram" }
    expect = { email = null, starts = null }
  }

  test "a date that someone typed as text is an error" {
    given        = { Badge = 9, Name = "Noor", From = "next week" }
    expect_error = "starts"
  }
}
