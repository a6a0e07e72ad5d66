# Whoever visits a meeting of the category DigiReceptie gets a mail with an
# invitation: a new one, a changed one when the meeting moves, and a cancellation.

variable "graph_tenant" {
  description = "the tenant: its id, or one of its domains"
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

variable "graph_url" {
  description = "where Graph is, when that is not Microsoft's public cloud"
  type        = string
  default     = null
}

variable "graph_login_url" {
  description = "where tokens are given, when that is not Microsoft's public cloud"
  type        = string
  default     = null
}

variable "smtp_host" {
  description = "the mail server"
  type        = string
}

variable "smtp_port" {
  description = "its port for STARTTLS"
  type        = number
  default     = 587
}

variable "smtp_username" {
  description = "the user to log in as"
  type        = string
}

variable "smtp_password" {
  description = "the user's password"
  type        = string
  sensitive   = true
}

variable "smtp_from" {
  description = "the reception's own address, which mails are sent from"
  type        = string
}

variable "smtp_ca_file" {
  description = "a PEM file with the authority of the mail server's certificate, when it is one of your own"
  type        = string
  default     = null
}

variable "domains" {
  description = "the mail domains of the organisation: all other people are visitors"
  type        = list(string)
  default     = ["example.org"]
}

variable "category" {
  description = "the category that marks a meeting with visitors"
  type        = string
  default     = "DigiReceptie"
}

variable "zone" {
  description = "the time zone of the building"
  type        = string
  default     = "Europe/Amsterdam"
}

connection "graph" "tenant" {
  tenant        = var.graph_tenant
  client_id     = var.graph_client_id
  client_secret = var.graph_client_secret
  url           = var.graph_url
  login_url     = var.graph_login_url
}

connection "smtp" "mail" {
  host     = var.smtp_host
  port     = var.smtp_port
  username = var.smtp_username
  password = var.smtp_password
  from     = "Reception <${var.smtp_from}>"
  ca_file  = var.smtp_ca_file
  rate     = "10/s"
}

source "graph_users" "employees" {
  connection = connection.graph.tenant
  select     = ["displayName", "mail", "userType", "accountEnabled", "department"]
}

pipeline "employees" {
  description = "Whose calendars are looked at"
  from        = source.graph_users.employees
  where       = expr("src.userType == 'Member' && src.accountEnabled == true && src.department != nil && src.mail != nil")

  map {
    id   = src.id
    mail = lower(src.mail)
  }

  test "guests are left out" {
    given       = { id = "7", userType = "Guest", accountEnabled = true, department = "KAZ-01", mail = "idris@partner.example" }
    expect_skip = true
  }
  test "accounts of no department are left out" {
    given       = { id = "8", userType = "Member", accountEnabled = true, department = null, mail = "hall@example.org" }
    expect_skip = true
  }
}

# Only what is still to come: a meeting that is over sends nothing, whatever
# becomes of it in the calendar. Private meetings come without attendees, so that
# nobody gets a mail of them.
source "graph_events" "meetings" {
  connection = connection.graph.tenant
  mailboxes  = pipeline.employees
  category   = var.category
  past       = "0s"
  future     = "30d"
}

sink "mail" "invitations" {
  connection     = connection.smtp.mail
  update_subject = "Changed: {record.subject}"
  cancel_subject = "Cancelled: {record.subject}"
  cancel_text    = "{record.calendar.summary} will not take place.\n"
  cancel_html    = "<p>{record.calendar.summary} will not take place.</p>"
}

pipeline "visitors" {
  description = "Mails to the visitors of meetings"
  from        = source.graph_events.meetings
  into        = sink.mail.invitations

  # A meeting stands in the calendar of everyone who is invited; that of the
  # organiser counts, so that a visitor hears of it once.
  where = expr("src.isOrganizer == true")

  # One visit for each attendee who is not of the organisation, and no room. An
  # attendee's answer is not part of it: it changes nothing that is mailed.
  each = jq(<<-JQ
    . as $meeting
    | ($var.domains | map(ascii_downcase)) as $own
    | [ .attendees[]?
        | select(.type != "resource")
        | .emailAddress
        | { name: (if .name == .address then null else .name end), address: (.address // "" | trim | lower) }
        | select(.address | contains("@"))
        | select((.address | split("@") | last) as $domain | $own | index($domain) | not) ]
    | unique_by(.address)[]
    | . + {
        greeting: (.name // "visitor"),
        day: formatdate("DD-MM-YYYY"; $meeting.start.dateTime; if $meeting.isAllDay then "UTC" else $var.zone end),
        time: (if $meeting.isAllDay then "all day"
               else formatdate("hh:mm"; $meeting.start.dateTime; $var.zone) + " – " + formatdate("hh:mm"; $meeting.end.dateTime; $var.zone) end)
      }
  JQ
  )

  # Both ids stay as they are when a meeting is moved to another time.
  key = [item.address, src.mailbox, src.id]

  # Those who are expected already when Koppel is first used are not mailed.
  first_run = "baseline"

  map {
    to      = { name = item.name, address = item.address }
    subject = words("Your visit:", src.subject)
    text    = template_file("data/invitation.txt")
    html    = template_file("data/invitation.html")
    calendar = {
      summary  = src.subject
      start    = expr("src.isAllDay ? date(src.start.dateTime) : src.start.dateTime")
      end      = expr("src.isAllDay ? date(src.end.dateTime) : src.end.dateTime")
      location = src.location.displayName
      zone     = var.zone
    }
  }

  # A changed template changes every mail, and is held until somebody approves.
  guard {
    updates = "25%"
    deletes = "25%"
  }

  test "visitors are mailed, employees and rooms are not" {
    given_file = "data/meeting.json"
    expect = [
      {
        to      = { name = "Jansen, dr. \"Jip\"", address = "jip.jansen@blinkend.example" }
        subject = "Your visit: Delivery & after-care"
        text    = <<-TEXT
          Dear Jansen, dr. "Jip",

          We expect you for: Delivery & after-care
          Date: 24-11-2026
          Time: 10:00 – 11:30
          Place: Zaal Biesbosch
          Host: Noor van Bedacht

          The invitation is for your calendar. The reception knows of your visit.
        TEXT
        calendar = {
          summary = "Delivery & after-care", start = "2026-11-24T09:00:00Z", end = "2026-11-24T10:30:00Z", location = "Zaal Biesbosch", zone = "Europe/Amsterdam"
        }
      },
      { to = { name = null, address = "tariq@noordlicht.example" } },
    ]
  }
  test "the organiser's calendar counts" {
    given       = { mailbox = "m2", id = "e2", isOrganizer = false, attendees = [{ type = "required", emailAddress = { address = "a@partner.example" } }] }
    expect_skip = true
  }
  test "a whole day has dates" {
    given = {
      mailbox = "m1", id = "e3", isOrganizer = true, isAllDay = true, subject = "Open day", attendees = [{ type = "required", emailAddress = { address = "a@partner.example" } }],
      start   = { dateTime = "2026-11-24T00:00:00Z" }, end = { dateTime = "2026-11-25T00:00:00Z" }, location = { displayName = "" }, organizer = null
    }
    expect = [{ calendar = { summary = "Open day", start = "2026-11-24", end = "2026-11-25", location = "", zone = "Europe/Amsterdam" } }]
  }
}
