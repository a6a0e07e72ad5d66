# Where records come from: here a GetConnector of AFAS Profit. What it holds, and
# a source that fits, is shown by: koppel discover source Reception_Employees
connection "afas" "source" {
  environment = "12345"                  # the digits of the environment's name
  token       = secret("env:AFAS_TOKEN") # the whole XML, or its data part
}

source "afas_get" "employees" {
  connection = connection.afas.source
  connector  = "Reception_Employees"
  key        = ["EmployeeId"] # must be unique: it is also the order of the pages

  # A read that looks too small to be true proves no absence, and deletes nothing.
  complete_when {
    min_records = 1
    max_drop    = "50%"
  }
}

