# Who came, as the reception saw it, back to the courses of AFAS.

variable "afas_url" {
  description = "such as https://12345.rest.afas.online/ProfitRestServices"
  type        = string
}

variable "afas_token" {
  description = "the token of the AFAS app connector"
  type        = string
  sensitive   = true
}

variable "reception" {
  description = "the reception's database"
  type        = string
  default     = "data/reception.db"
}

connection "afas" "profit" {
  url   = var.afas_url
  token = var.afas_token
}

connection "sqlite" "reception" { path = var.reception }

# A visitor of a meeting is in no course, and of no concern to AFAS.
source "sql" "visitors" {
  connection = connection.sqlite.reception
  key        = ["course", "session", "person", "participant"]
  query      = <<-SQL
    select course, session, participant, person, arrived from visitors
    where participant is not null order by course, session, person, participant
  SQL
}

# AFAS made a row of presence for each participant and session: it can only be
# updated. The GetConnector shows what AFAS holds; where an answer was lost it is
# asked, and nothing is sent on trust.
sink "afas_update" "presence" {
  connection = connection.afas.profit
  connector  = "KnCourseSessionMember"
  keys       = ["CrId", "SeId", "MeId", "CdId"]
  on_create  = "update"

  find {
    connector = "Reception_Presence"
    key       = ["CrId", "SeId", "MeId", "CdId"]
  }
}

pipeline "presence" {
  description = "Attendance back to AFAS"
  from        = source.sql.visitors
  into        = sink.afas_update.presence

  map {
    CrId = src.course
    SeId = src.session
    MeId = src.person
    CdId = src.participant
    Pres = expr("src.arrived != nil")
  }

  # A visitor who is removed at the reception stays a participant.
  deletes { action = "keep" }

  test "who arrived was there" {
    given  = { course = 340, session = 1, participant = 1322, person = "2000101", arrived = "2026-11-24T08:12:00Z" }
    expect = { CrId = 340, SeId = 1, MeId = "2000101", CdId = 1322, Pres = true }
  }
  test "who did not arrive was not" {
    given  = { course = 340, session = 1, participant = 1322, person = "2000101", arrived = null }
    expect = { Pres = false }
  }
}
