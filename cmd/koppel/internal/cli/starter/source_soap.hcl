# Where records come from: here a SOAP service.
connection "http" "directory" {
  url = "https://directory.example/soap"

  auth "wsse" {
    username = "koppel"
    password = secret("env:DIRECTORY_PASSWORD")
  }
}

source "soap" "employees" {
  connection = connection.http.directory
  action     = "urn:example:directory/ListEmployees"
  records    = "/Envelope/Body/ListEmployeesResponse/employee"
  key        = ["EmployeeId"] # names a record; must be unique
  envelope   = <<-XML
    <ListEmployees xmlns="urn:example:directory">
      <page>{page}</page>
    </ListEmployees>
  XML

  pagination "cursor" {
    value = jq(".ListEmployeesResponse.nextPage")
  }

  # A read that looks too small to be true proves no absence, and deletes nothing.
  complete_when {
    min_records = 1
    max_drop    = "50%"
  }
}

