
# What flows: a name or a simple function is written as it is, a condition as an
# expr program, a shape as a jq program.
pipeline "invitations" {
  description = "invitations to visitors"
  from        = @FROM@
  into        = @TO@

  # Whose invitation it is: a change of the key cancels one and sends another.
  key       = [src.meeting, lower(src.email)]
  first_run = "baseline" # or "send": everybody who is there already gets a mail

  map {
    to      = { name = src.name, address = src.email }
    subject = join("", "Invitation: ", src.title)
    text    = words("Dear", src.name, "- you are welcome at our reception.")

    calendar = {
      uid      = src.meeting
      start    = src.start
      end      = src.end
      location = src.room
      zone     = "Europe/Amsterdam"
    }
  }

  test "an invitation" {
    given  = { meeting = "m-1", email = "v@example.org", name = "Vera Proef", title = "Tour", start = "2026-11-24T09:00:00Z", end = "2026-11-24T10:00:00Z", room = "1.02" }
    expect = { subject = "Invitation: Tour" }
  }
}
