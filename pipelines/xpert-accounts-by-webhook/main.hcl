# Accounts of an Xpert Suite into a directory, as they change: the Suite's webhooks
# say which account it is about, and a lookup reads it.

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

variable "xpert_hook_secret" {
  description = "the WebSub secret of the receiver that is registered in the Suite"
  type        = string
  sensitive   = true
}

connection "xpert" "suite" {
  url         = var.xpert_url
  account     = var.xpert_account
  token       = var.xpert_token
  totp_secret = var.xpert_totp_secret
}

# koppel serve takes the deliveries in. Of each account the last event counts.
source "webhook" "accounts" {
  path    = "/hooks/xpert"
  id      = jq(".id")
  topic   = jq(".topic")
  topics  = ["Accounts.*"]
  key     = ["body.accountId"]
  deleted = expr("src.topic == 'Accounts.Delete'")

  auth "websub" { secret = var.xpert_hook_secret }
}

connection "sqlite" "directory" { path = "directory.db" }

sink "sql" "accounts" {
  connection = connection.sqlite.directory
  table      = "accounts"
  key        = ["id"]
}

pipeline "accounts" {
  description = "Accounts of the Xpert Suite, as they change"
  from        = source.webhook.accounts
  into        = sink.sql.accounts

  # Without a cache: an event says that what was read before is old. An account
  # that is gone meanwhile is none.
  lookup "account" {
    connection = connection.xpert.suite
    path       = "/accounts/{src.body.accountId}"
    none       = "skip"
  }

  map {
    id     = account.id
    login  = lower(account.userName)
    name   = words(account.firstName, account.prefix, account.lastName)
    email  = lower(account.email)
    active = account.active
  }

  # Arrivals start this pipeline. The schedule is for accounts that could not be
  # read when their event came.
  schedule { every = "15m" }

  test "the account is read, not the event" {
    given   = { id = "wh-1", topic = "Accounts.Update", body = { accountId = 5001 } }
    lookups = { account = { id = 5001, userName = "N.vanBedacht@example.org", firstName = "Noor", prefix = "van", lastName = "Bedacht", active = true } }
    expect  = { id = 5001, login = "n.vanbedacht@example.org", name = "Noor van Bedacht", active = true }
  }
  test "an account that is gone is left out" {
    given       = { id = "wh-2", topic = "Accounts.Update", body = { accountId = 5002 } }
    lookups     = { account = null }
    expect_skip = true
  }
}
