# The hours of employees from a SQLite database as a spreadsheet, made anew
# whenever something in it changed.

connection "sqlite" "hours" { path = "data/hours.db" }

source "sql" "hours" {
  connection = connection.sqlite.hours
  key        = ["employee", "day"]
  query      = <<-SQL
    select h.employee, e.name, e.team, h.day, h.hours, h.note
    from hours h join employees e on e.id = h.employee
    order by e.name, h.day
  SQL
}

sink "file" "report" { path = "hours.xlsx" }

pipeline "report" {
  description = "Hours per employee and day, for the office"
  from        = source.sql.hours
  into        = sink.file.report

  # The columns stand in this order.
  map = {
    Employee = src.name
    Team     = default(src.team, "none")
    Day      = date(src.day)
    Hours    = src.hours
    "Full day" = expr("src.hours >= 8")
    Note     = src.note
  }

  field "Day" { type = "date" }
  field "Hours" { type = "number" }

  test "a day of work" {
    given  = { employee = 1, name = "Saar", team = null, day = "2026-01-05", hours = 8, note = null }
    expect = { Employee = "Saar", Team = "none", Day = "2026-01-05", Hours = 8, "Full day" = true, Note = null }
  }
}
