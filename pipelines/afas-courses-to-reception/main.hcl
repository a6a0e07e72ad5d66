# Courses of AFAS into a reception: each session is an appointment, each
# participant a visitor of it.

variable "afas_url" {
  description = "such as https://12345.rest.afas.online/ProfitRestServices"
  type        = string
}

variable "afas_token" {
  description = "the token of the AFAS app connector"
  type        = string
  sensitive   = true
}

connection "afas" "profit" {
  url   = var.afas_url
  token = var.afas_token
}

source "afas_get" "sessions" {
  connection = connection.afas.profit
  connector  = "Reception_Courses"
  key        = ["CrId", "SeId"]
}

# A participant's row is made of four tables of AFAS: each has its own moment of
# change.
source "afas_get" "participants" {
  connection = connection.afas.profit
  connector  = "Reception_Participants"
  key        = ["CrId", "SeId", "CdId"]

  incremental {
    cursor     = ["ModifiedDate", "MemberModifiedDate", "PersonModifiedDate"]
    overlap    = "5m"
    full_every = "1h"
  }
}

connection "sqlite" "reception" { path = "reception.db" }

sink "sql" "appointments" {
  connection = connection.sqlite.reception
  table      = "appointments"
}

# Whether somebody came is the reception's own: only these columns are written.
sink "sql" "visitors" {
  connection = connection.sqlite.reception
  table      = "visitors"
}

pipeline "appointments" {
  description = "Sessions of AFAS courses as appointments"
  from        = source.afas_get.sessions
  into        = sink.sql.appointments
  where       = expr("src.SessionDate != nil")

  map {
    course   = src.CrId
    session  = src.SeId
    subject  = src.EventName
    starts   = datetime(join("T", date(src.SessionDate), src.StartTime), "Europe/Amsterdam")
    ends     = datetime(join("T", date(src.SessionDate), src.EndTime), "Europe/Amsterdam")
    location = src.Location
  }

  test "date and time are two columns in AFAS" {
    given = {
      CrId     = 340, SeId = 1, EventName = "Reanimatie basis", SessionDate = "2026-11-24T00:00:00Z", StartTime = "09:30:00", EndTime = "12:00:00",
      Location = "ZAAL-1"
    }
    expect = { course = 340, session = 1, starts = "2026-11-24T08:30:00Z", ends = "2026-11-24T11:00:00Z" }
  }
}

pipeline "visitors" {
  description = "Participants of AFAS courses as visitors"
  from        = source.afas_get.participants
  into        = sink.sql.visitors

  join "appointment" {
    with = pipeline.appointments
    on   = [[src.CrId, src.SeId], [appointment.course, appointment.session]]
    none = "skip"
  }

  map {
    name        = words(src.FirstName, src.Prefix, src.LastName)
    email       = lower(src.EmailWork)
    course      = src.CrId
    session     = src.SeId
    participant = src.CdId
    person      = src.BcCo
    expected    = appointment.starts
  }
  guard { deletes = "25%" }

  test "a participant is a visitor of the session" {
    given = {
      CrId      = 340, SeId = 1, CdId = 1322, BcCo = "2000101", FirstName = "Noor", Prefix = "van", LastName = "Bedacht",
      EmailWork = "N.vanBedacht@example.org"
    }
    joins  = { appointment = [{ course = 340, session = 1, starts = "2026-11-24T08:30:00Z" }] }
    expect = { course = 340, participant = 1322, expected = "2026-11-24T08:30:00Z", name = "Noor van Bedacht", email = "n.vanbedacht@example.org" }
  }
}
