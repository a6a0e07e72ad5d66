# Microsoft 365 into a reception directory: employees, their meetings of a
# category as appointments, and whom they expect as visitors. Microsoft 365
# leads: what is gone there is removed here.

variable "graph_tenant" {
  description = "id or domain of the tenant"
  type        = string
}

variable "graph_client_id" {
  description = "the application (client) id of the app registration"
  type        = string
}

variable "graph_client_secret" {
  description = "the value of its client secret"
  type        = string
  sensitive   = true
}

variable "graph_login_url" {
  type    = string
  default = "https://login.microsoftonline.com"
}

variable "graph_url" {
  type    = string
  default = "https://graph.microsoft.com"
}

variable "domains" {
  description = "the organisation's own mail domains; an attendee of another one is a visitor"
  type        = list(string)
  default     = ["example.org"]
}

variable "departments" {
  description = "only employees of these departments; none: of all"
  type        = list(string)
  default     = []
}

variable "timezone" {
  description = "where the reception is"
  type        = string
  default     = "Europe/Amsterdam"
}

variable "directory" {
  description = "the directory's database"
  type        = string
  default     = "directory.db"
}

connection "graph" "tenant" {
  tenant        = var.graph_tenant
  client_id     = var.graph_client_id
  client_secret = var.graph_client_secret
  login_url     = var.graph_login_url
  url           = var.graph_url
}

connection "sqlite" "directory" { path = var.directory }

source "graph_users" "users" {
  connection = connection.graph.tenant
  select = [
    "displayName", "mail", "department", "jobTitle", "mobilePhone", "officeLocation", "employeeId", "accountEnabled", "userType"
  ]
  sensitive = ["mobilePhone"]

  # A read that is much shorter than the last one is not believed.
  complete_when {
    min_records = 10
    max_drop    = "25%"
  }
}

# The mailboxes are those of the employees that stand in the directory.
source "graph_events" "meetings" {
  connection = connection.graph.tenant
  mailboxes  = pipeline.employees
  mailbox    = "id"
  category   = "DigiReceptie"
  past       = "1d"
  future     = "30d"

  # No mailboxes at all, or no meeting in any of them, is no reason to empty the
  # directory.
  complete_when { min_records = 1 }
}

sink "sql" "employees" {
  connection = connection.sqlite.directory
  table      = "employees"
  match      = ["email"] # an earlier row of the same address is taken over
}

sink "sql" "appointments" {
  connection = connection.sqlite.directory
  table      = "appointments"
}

# When a visitor arrived, and with which badge, is the reception's own: only the
# columns that are mapped are ever written.
sink "sql" "visitors" {
  connection = connection.sqlite.directory
  table      = "visitors"
}

pipeline "employees" {
  description = "Employees into the reception directory"
  from        = source.graph_users.users
  into        = sink.sql.employees
  where       = expr("src.userType != 'Guest' and src.accountEnabled == true and (len(var.departments) == 0 or src.department in var.departments)")

  map {
    id         = src.id
    name       = src.displayName
    email      = lower(src.mail)
    department = src.department
    function   = src.jobTitle
    mobile     = src.mobilePhone
    room       = src.officeLocation
    number     = src.employeeId
  }
  field "mobile" { sensitive = true }
  field "email" { compare = "fold" } # an earlier row may have it in another case

  deletes {
    scope   = "target"                       # also rows that stood there before
    protect = expr("bool(target.protected)") # but never the account of a reception tablet
  }
  guard { deletes = "10%" }

  test "an address is lowered" {
    given  = { id = "u1", displayName = "Noor van Bedacht", mail = "N.vanBedacht@Example.org", userType = "Member", accountEnabled = true }
    expect = { id = "u1", name = "Noor van Bedacht", email = "n.vanbedacht@example.org", department = null }
  }
  test "a guest is left out" {
    given       = { id = "u2", displayName = "Idris Testgast", userType = "Guest", accountEnabled = true }
    expect_skip = true
  }
  test "a room, or a blocked account, is left out" {
    given       = { id = "u3", displayName = "Zaal Veluwe", userType = "Member", accountEnabled = false }
    expect_skip = true
  }
  test "of the departments that are asked for" {
    var    = { departments = ["Balie"] }
    given  = { id = "u4", displayName = "Bram Monster", department = "Balie", accountEnabled = true }
    expect = { department = "Balie" }
  }
  test "not of another department" {
    var         = { departments = ["Balie"] }
    given       = { id = "u4", displayName = "Bram Monster", department = "Zorg", accountEnabled = true }
    expect_skip = true
  }
}

pipeline "appointments" {
  description = "Meetings of the category as appointments"
  from        = source.graph_events.meetings
  into        = sink.sql.appointments

  # host is the id of the employee in whose calendar the meeting stands. A whole
  # day goes from midnight to midnight at the reception.
  map {
    host     = src.mailbox
    id       = src.id
    subject  = trim(src.subject)
    starts   = expr("src.isAllDay ? datetime(src.start.dateTime, var.timezone) : src.start.dateTime")
    ends     = expr("src.isAllDay ? datetime(src.end.dateTime, var.timezone) : src.end.dateTime")
    location = src.location.displayName
  }
  guard { deletes = "25%" }

  test "times are UTC" {
    given = {
      mailbox = "u1", id = "m1", subject = "Intake", isAllDay = false, location = { displayName = "Kamer 1" },
      start   = { dateTime = "2026-07-02T07:00:00Z", timeZone = "UTC" }, end = { dateTime = "2026-07-02T08:00:00Z", timeZone = "UTC" }
    }
    expect = {
      host   = "u1", id = "m1", subject = "Intake", location = "Kamer 1",
      starts = "2026-07-02T07:00:00Z", ends = "2026-07-02T08:00:00Z"
    }
  }
  test "a whole day begins at midnight at the reception" {
    given = {
      mailbox = "u1", id = "m2", isAllDay = true, subject = null,
      start   = { dateTime = "2026-07-02T00:00:00Z", timeZone = "UTC" }, end = { dateTime = "2026-07-03T00:00:00Z", timeZone = "UTC" }
    }
    expect = { subject = null, starts = "2026-07-01T22:00:00Z", ends = "2026-07-02T22:00:00Z" }
  }
}

pipeline "visitors" {
  description = "Attendees from outside the organisation as visitors"
  from        = source.graph_events.meetings
  into        = sink.sql.visitors

  # Rooms are attendees too, and someone may be invited twice.
  each = jq(<<-JQ
    [ .attendees[]?
      | select(.type != "resource")
      | { email: ((.emailAddress.address // "") | trim | lower), name: .emailAddress.name, response: .status.response }
      | select(.email | test("@"))
      | select((.email | split("@") | last) as $domain | $var.domains | map(lower) | index($domain) | not) ]
    | unique_by(.email)[]
  JQ
  )
  key = [src.mailbox, src.id, item.email]

  map {
    host        = src.mailbox
    appointment = src.id
    email       = item.email
    name        = coalesce(trim(item.name), item.email)
    expected    = expr("src.isAllDay ? datetime(src.start.dateTime, var.timezone) : src.start.dateTime")
    response    = item.response
  }

  # One cancelled meeting takes several visitors along.
  guard { deletes = "25%" }

  test "one for each attendee from outside" {
    given = {
      mailbox = "u1", id = "m1", isAllDay = false, start = { dateTime = "2026-07-02T07:00:00Z", timeZone = "UTC" },
      attendees = [
        { type = "required", status = { response = "organizer" }, emailAddress = { name = "Noor van Bedacht", address = "N.vanBedacht@EXAMPLE.org" } },
        { type = "resource", status = { response = "accepted" }, emailAddress = { name = "Zaal", address = "zaal@rooms.example" } },
        { type = "required", status = { response = "accepted" }, emailAddress = { name = "Tariq  Benali", address = "T.Benali@noordlicht.example" } },
        { type = "optional", status = { response = "none" }, emailAddress = { name = "Tariq", address = "t.benali@noordlicht.example" } },
        { type = "required", status = { response = "none" }, emailAddress = { name = "", address = "zonder.naam@partner.example" } },
        { type = "required", emailAddress = { name = "Oud adres" } },
      ]
    }
    expect = [
      { host = "u1", appointment = "m1", email = "t.benali@noordlicht.example", name = "Tariq Benali", expected = "2026-07-02T07:00:00Z", response = "accepted" },
      { email = "zonder.naam@partner.example", name = "zonder.naam@partner.example", response = "none" },
    ]
  }
  test "a private meeting shows nobody" {
    given  = { mailbox = "u1", id = "m1", isAllDay = false, start = { dateTime = "2026-07-02T07:00:00Z" }, attendees = [] }
    expect = []
  }
}
