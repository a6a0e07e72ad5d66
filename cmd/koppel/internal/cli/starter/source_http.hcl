# Where records come from: here a REST service, page by page.
connection "http" "hr" {
  url = "https://hr.example/api"

  auth "bearer" { # or basic, api_key, oauth2, totp, mtls
    token = secret("env:HR_TOKEN")
  }
}

source "http" "employees" {
  connection = connection.http.hr
  path       = "/employees"
  records    = jq(".data[]")
  key        = ["EmployeeId"] # names a record; must be unique

  pagination "page" { # or offset, cursor, link, next_url
    param = "page"
  }

  # A read that looks too small to be true proves no absence, and deletes nothing.
  complete_when {
    min_records = 1
    max_drop    = "50%"
  }
}

