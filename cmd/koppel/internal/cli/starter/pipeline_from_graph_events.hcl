# What flows: a name or a simple function is written as it is, a condition as an
# expr program, a shape as a jq program.
pipeline "meetings" {
  description = "meetings of Microsoft 365 into the directory"
  from        = @FROM@
  into        = @TO@

  map {
    mailbox   = src.mailbox
    id        = src.id
    subject   = default(src.subject, "Private")
    begins_at = src.start.dateTime
    ends_at   = src.end.dateTime
    on_date   = formatdate("YYYY-MM-DD", src.start.dateTime, "Europe/Amsterdam")
    location  = src.location.displayName
    guests    = jq("[.attendees[]?.emailAddress.address | strings | ascii_downcase] | unique")
  }

  # More deletes than this in one run are held until someone approves.
  guard {
    deletes = "25%"
  }

  # schedule {
  #   every = "5m"
  # }

  test "times are those of Amsterdam" {
    given = {
      mailbox   = "u-1", id = "m-1", subject = null
      start     = { dateTime = "2026-06-30T23:00:00Z", timeZone = "UTC" }
      end       = { dateTime = "2026-07-01T00:00:00Z", timeZone = "UTC" }
      attendees = [{ emailAddress = { name = "Saar", address = "S.Berg@Example.org" } }]
    }
    expect = { subject = "Private", on_date = "2026-07-01", guests = ["s.berg@example.org"] }
  }
}
