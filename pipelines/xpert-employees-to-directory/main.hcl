# Employees of an Xpert Suite, with the accounts by which they log in to it, into
# a directory. The Suite leads: who is gone there is removed here.

variable "xpert_url" {
  description = "where API accounts log in"
  type        = string
}

variable "xpert_account" {
  description = "the API account; it reads accounts and employees"
  type        = string
}

variable "xpert_token" {
  description = "the API token of the account"
  type        = string
  sensitive   = true
}

variable "xpert_totp_secret" {
  description = "the secret of the account's one-time codes"
  type        = string
  sensitive   = true
}

# One login serves both sources, and every pipeline that reads them.
connection "xpert" "suite" {
  url         = var.xpert_url
  account     = var.xpert_account
  token       = var.xpert_token
  totp_secret = var.xpert_totp_secret
}

# Both are read whole each time, so that who is gone is seen. The cursor is the
# key of the last record: pages can't shift while they are read.
source "http" "employees" {
  connection = connection.xpert.suite
  path       = "/employees"
  records    = jq(".items[]")
  key        = ["id"]

  pagination "cursor" {
    param      = "after"
    value      = jq(".next")
    size_param = "limit"
    size       = 500
  }

  # An API account that may see fewer employees than before gets an answer that
  # looks good and is short. It is not believed.
  complete_when {
    min_records = 10
    max_drop    = "25%"
  }
}

source "http" "accounts" {
  connection = connection.xpert.suite
  path       = "/accounts"
  records    = jq(".items[]")
  key        = ["id"]

  pagination "cursor" {
    param      = "after"
    value      = jq(".next")
    size_param = "limit"
    size       = 500
  }
}

connection "sqlite" "directory" { path = "directory.db" }

sink "sql" "employees" {
  connection = connection.sqlite.directory
  table      = "employees"
}

pipeline "employees" {
  description = "Employees of the Xpert Suite into the directory"
  from        = source.http.employees
  into        = sink.sql.employees
  where       = expr("src.outOfService == nil or src.outOfService >= today")

  join "account" {
    with = source.http.accounts
    on   = [src.employeeNumber, account.employeeNumber]
    none = "null"
    many = "first"
  }

  map {
    id         = src.id
    number     = src.employeeNumber
    name       = words(src.firstName, src.prefix, src.lastName)
    email      = lower(src.email)
    department = src.department
    login      = lower(account.userName)
    may_log_in = expr("account != nil and account.active == true")
  }

  guard { deletes = "10%" }

  test "with an account" {
    given = { id = 1001, employeeNumber = "0001001", firstName = "Noor", prefix = "van", lastName = "Bedacht", email = "N.vanBedacht@example.org" }
    joins = { account = [{ id = 5001, employeeNumber = "0001001", userName = "N.vanBedacht@example.org", active = true }] }
    expect = {
      id = 1001, name = "Noor van Bedacht", email = "n.vanbedacht@example.org", login = "n.vanbedacht@example.org", may_log_in = true
    }
  }
  test "without one" {
    given  = { id = 1002, employeeNumber = "0001002", firstName = "Bram", lastName = "Proefman" }
    joins  = { account = [] }
    expect = { name = "Bram Proefman", login = null, may_log_in = false }
  }
  test "who has left is left out" {
    as_of       = "2026-11-20"
    given       = { id = 1003, employeeNumber = "0001003", outOfService = "2026-11-19" }
    joins       = { account = [] }
    expect_skip = true
  }
  test "the last day counts" {
    as_of  = "2026-11-20"
    given  = { id = 1003, employeeNumber = "0001003", outOfService = "2026-11-20" }
    joins  = { account = [] }
    expect = { id = 1003 }
  }
}
