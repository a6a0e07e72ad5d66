# Where they go: here the department of employees in AFAS Profit, who are there
# already, so that each record is an update. Fields and keys of a connector are
# shown by: koppel discover target KnEmployee
connection "afas" "target" {
  environment = "12345"                  # the digits of the environment's name
  stage       = "test"                   # or accept, production
  token       = secret("env:AFAS_TOKEN") # the whole XML, or its data part
}

sink "afas_update" "employees" {
  connection = connection.afas.target
  connector  = "KnEmployee"
  root       = "AfasEmployee"
  keys       = ["EmId"]
  on_create  = "update"

  # What AFAS holds: asked when an answer was lost, or before a value is written
  # that may stand there already.
  find {
    connector = "Reception_Employees"
    key       = ["EmployeeId"]
  }
}

