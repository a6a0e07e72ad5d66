# What flows: a name or a simple function is written as it is, a condition as an
# expr program, a shape as a jq program.
pipeline "employees" {
  description = "the department of employees into AFAS"
  from        = @FROM@
  into        = @TO@
  key         = src.EmployeeId

  # Records for which this is not true are left out.
  where = expr("src.EndDate == nil or date(src.EndDate) >= today")

  map {
    EmId = src.EmployeeId
    DpId = src.OrgUnit
  }

  field "DpId" {
    type     = "string"
    required = true # a record without one fails, and keeps what was delivered
  }

  # Who is no longer in the source stays in AFAS.
  deletes {
    action = "keep"
  }

  # schedule {
  #   every = "15m"
  # }

  test "the department is sent by the number of the employee" {
    given  = { EmployeeId = "0001001", OrgUnit = "KAZ-01" }
    expect = { EmId = "0001001", DpId = "KAZ-01" }
  }

  test "a department is required" {
    given        = { EmployeeId = "0001002" }
    expect_error = "DpId"
  }
}
