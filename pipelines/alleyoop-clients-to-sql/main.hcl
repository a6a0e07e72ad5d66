# The clients of AlleyOop, kept in step in a table that other programs read.

variable "alleyoop_url" {
  description = "the one address of the installation"
  type        = string
}

variable "alleyoop_username" {
  description = "the user that AlleyOop knows the coupling by"
  type        = string
}

variable "alleyoop_password" {
  description = "that user's password"
  type        = string
  sensitive   = true
}

variable "alleyoop_api_key" {
  description = "the key of this accountancy office"
  type        = string
  sensitive   = true
}

connection "alleyoop" "office" {
  url      = var.alleyoop_url
  username = var.alleyoop_username
  password = var.alleyoop_password
  api_key  = var.alleyoop_api_key
}

source "alleyoop" "clients" {
  connection = connection.alleyoop.office
  action     = "clients"
  sensitive  = ["bsn"]

  # A list that is suddenly short is not believed: it deletes nothing.
  complete_when {
    min_records = 5
    max_drop    = "25%"
  }
}

connection "sqlite" "crm" { path = "crm.db" }

sink "sql" "clients" {
  connection = connection.sqlite.crm
  table      = "clients"
}

# The citizen service number stays in AlleyOop: it is not mapped.
pipeline "clients" {
  description = "Clients of AlleyOop into the relation table"
  from        = source.alleyoop.clients
  into        = sink.sql.clients

  map {
    client_id = src.clientId
    name      = trim(src.name)
    reference = coalesce(src.referId)
    kvk       = coalesce(src.kvk)
    rsin      = coalesce(src.rsin)
    vat       = coalesce(src.vat)
    wage      = coalesce(src.wage)
    active    = expr("!src.inactive")
  }

  guard { deletes = "10%" }

  test "empty numbers are null, and the number of a citizen is not passed on" {
    given = {
      clientId = "040d1bb2", name = " Testpraktijk  Noor ", referId = "T0001", rsin = "", bsn = "999990019", vat = "", wage = "",
      kvk      = "00001001", inactive = false
    }
    expect = { client_id = "040d1bb2", name = "Testpraktijk Noor", kvk = "00001001", rsin = null, active = true }
  }
}
