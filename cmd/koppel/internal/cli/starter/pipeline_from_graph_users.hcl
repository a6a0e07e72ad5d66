# What flows: a name or a simple function is written as it is, a condition as an
# expr program, a shape as a jq program.
pipeline "employees" {
  description = "Microsoft 365 users into the directory"
  from        = @FROM@
  into        = @TO@

  # Records for which this is not true are left out; one that leaves is deleted.
  where = expr("src.userType != 'Guest' && src.accountEnabled == true")

  map {
    external_id = src.id
    name        = trim(src.displayName)
    email       = lower(src.mail)
    department  = default(src.department, "none")
  }

  # More deletes than this in one run are held until someone approves.
  guard {
    deletes = "10%"
  }

  # schedule {
  #   every = "15m"
  # }

  test "the mail is lowered" {
    given  = { id = "1", displayName = "Saar van der Berg", mail = "S.Berg@Example.org", userType = "Member", accountEnabled = true }
    expect = { name = "Saar van der Berg", email = "s.berg@example.org", department = "none" }
  }

  test "a guest is left out" {
    given       = { id = "2", displayName = "Bram Proef", mail = "b@example.com", userType = "Guest", accountEnabled = true }
    expect_skip = true
  }
}
