# AFAS employees into the employees of a reception directory. AFAS leads: who is
# gone there is removed here, also when the row stood here before the coupling.

variable "afas_url" {
  description = "such as https://12345.rest.afas.online/ProfitRestServices"
  type        = string
}

variable "afas_token" {
  description = "the token of the AFAS app connector"
  type        = string
  sensitive   = true
}

connection "afas" "profit" {
  url   = var.afas_url
  token = var.afas_token
}

# AFAS advises to read a set of this size (fewer than 2,000 rows, fewer than 20
# columns) whole each time: then nothing that was changed in a joined table, or
# was deleted, is missed.
source "afas_get" "employees" {
  connection = connection.afas.profit
  connector  = "Reception_Employees"
  key        = ["EmployeeId"]
  sensitive  = ["MobilePrivate"]

  # A token whose user left, or sees fewer rows than before, gets an answer
  # that looks good and is short. It is not believed.
  complete_when {
    min_records = 10
    max_drop    = "25%"
  }
}

connection "sqlite" "reception" { path = "reception.db" }

sink "sql" "employees" {
  connection = connection.sqlite.reception
  table      = "employees"
  match      = ["email"] # an earlier row of the same address is taken over
}

pipeline "employees" {
  description = "AFAS employees into the reception directory"
  from        = source.afas_get.employees
  into        = sink.sql.employees
  where       = expr("!src.Blocked and (src.EmploymentEnd == nil or date(src.EmploymentEnd) >= today)")

  map {
    external_id = src.EmployeeId
    name        = words(src.FirstName, src.Prefix, src.LastName)
    email       = lower(src.EmailWork)
    department  = src.OrgUnit
    function    = src.JobTitle
    mobile      = src.MobilePrivate
  }
  field "mobile" { sensitive = true }

  deletes {
    scope   = "target"                       # also rows that stood there before
    protect = expr("bool(target.protected)") # but never the account of a reception tablet
  }
  guard { deletes = "10%" }

  test "a name is put together, an address lowered" {
    given = {
      EmployeeId = "0001042", FirstName = "Noor", Prefix = "van", LastName = "Bedacht", EmailWork = "N.vanBedacht@example.org",
      Blocked    = false
    }
    expect = { external_id = "0001042", name = "Noor van Bedacht", email = "n.vanbedacht@example.org" }
  }
  test "who has left is left out" {
    as_of       = "2026-11-20"
    given       = { EmployeeId = "1", EmploymentEnd = "2026-11-19T00:00:00Z", Blocked = false }
    expect_skip = true
  }
  test "the last day counts" {
    as_of  = "2026-11-20"
    given  = { EmployeeId = "1", LastName = "Monster", EmploymentEnd = "2026-11-20T00:00:00Z", Blocked = false }
    expect = { name = "Monster", email = null }
  }
}
