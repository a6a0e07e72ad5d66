# What flows: a name or a simple function is written as it is, a condition as an
# expr program, a shape as a jq program. An arrival starts the pipeline.
pipeline "employees" {
  description = "employees into the directory, as they are told of"
  from        = @FROM@
  into        = @TO@

  map {
    external_id = src.body.employee.EmployeeId
    name        = words(src.body.employee.FirstName, src.body.employee.Prefix, src.body.employee.LastName)
    email       = lower(src.body.employee.EmailWork)
    department  = default(src.body.employee.OrgUnit, "none")
  }

  field "email" {
    type     = "string"
    required = true # a record without one fails, and keeps what was delivered
  }

  # More deletes than this in one run are held until someone approves.
  guard {
    deletes = "10%"
  }

  test "the prefix is kept and the mail is lowered" {
    given  = { body = { employee = { EmployeeId = "7", FirstName = "Saar", Prefix = "van der", LastName = "Berg", EmailWork = "S.Berg@Example.org" } } }
    expect = { name = "Saar van der Berg", email = "s.berg@example.org", department = "none" }
  }
}
