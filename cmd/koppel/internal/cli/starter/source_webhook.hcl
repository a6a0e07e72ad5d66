# Where records come from: here others deliver them to koppel serve, at the path
# below its address. What is on disk is answered with 200.
source "webhook" "employees" {
  path = "/hooks/employees"

  auth "websub" { # or oauth2, bearer, graph, none
    secret = secret("env:HOOK_SECRET")
  }

  id      = jq(".id") # the same when a delivery is repeated
  topic   = jq(".topic")
  topics  = ["Employees.*"]              # * is one segment; left out: all
  key     = ["body.employee.EmployeeId"] # the last event of a key counts
  deleted = expr("src.topic == 'Employees.Delete'")
}

