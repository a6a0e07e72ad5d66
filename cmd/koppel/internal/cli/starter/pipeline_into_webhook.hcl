# What flows: a name or a simple function is written as it is, a condition as an
# expr program, a shape as a jq program.
pipeline "employees" {
  description = "what changes about employees, told to partners"
  from        = @FROM@
  into        = @TO@
  first_run   = "baseline" # or "send": everybody who is there already is told as new

  # Records for which this is not true are left out; one that leaves is deleted.
  where = expr("src.EndDate == nil or date(src.EndDate) >= today")

  map {
    external_id = src.EmployeeId
    name        = words(src.FirstName, src.Prefix, src.LastName)
    email       = lower(src.EmailWork)
    department  = default(src.OrgUnit, "none")
    initials = jq(<<-JQ
      [.FirstName, .LastName | values | .[0:1]] | join("")
    JQ
    )
  }

  field "email" {
    type     = "string"
    required = true # a record without one fails, and keeps what was delivered
  }

  # More than this in one run is held until someone approves.
  guard {
    updates = "25%"
    deletes = "10%"
  }

  # schedule {
  #   every = "15m"
  # }

  test "the prefix is kept and the mail is lowered" {
    given  = { EmployeeId = "7", FirstName = "Saar", Prefix = "van der", LastName = "Berg", EmailWork = "S.Berg@Example.org" }
    expect = { name = "Saar van der Berg", email = "s.berg@example.org", department = "none", initials = "SB" }
  }

  test "who has left is left out" {
    given       = { EmployeeId = "8", FirstName = "Bram", LastName = "Proef", EmailWork = "b@example.org", EndDate = "2025-12-31" }
    as_of       = "2026-01-01"
    expect_skip = true
  }

  test "a mail address is required" {
    given        = { EmployeeId = "9", FirstName = "Noor", LastName = "Voorbeeld" }
    expect_error = "email"
  }
}
