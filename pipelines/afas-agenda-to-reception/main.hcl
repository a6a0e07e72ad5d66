# Agenda items of AFAS into the appointments of a reception, and the people who
# are invited into its visitors.

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

# What changed is read every time; once an hour everything, since AFAS does not
# tell what was deleted. Appointments before yesterday are let go: they took
# place, and nobody cancels them.
source "afas_get" "agenda" {
  connection = connection.afas.profit
  connector  = "Reception_Agenda"
  key        = ["AppointmentId"]
  deleted    = expr("src.Cancelled")

  incremental {
    cursor     = ["ModifiedDate"]
    overlap    = "5m"
    full_every = "1h"
  }
  window {
    field  = "Start"
    past   = "1d"
    future = "60d"
  }
}

# The administrator put the appointment's begin and its moment of change into
# this connector: an appointment that moves takes its guests along.
source "afas_get" "guests" {
  connection = connection.afas.profit
  connector  = "Reception_Guests"
  key        = ["AppointmentId", "GuestNumber"]
  deleted    = expr("src.Cancelled")

  incremental {
    cursor     = ["ModifiedDate", "AppointmentModifiedDate"]
    overlap    = "5m"
    full_every = "1h"
  }
  window {
    field  = "Start"
    past   = "1d"
    future = "60d"
  }
}

source "afas_get" "employees" {
  connection = connection.afas.profit
  connector  = "Reception_Employees"
  key        = ["EmployeeId"]
}

connection "sqlite" "reception" { path = "reception.db" }

sink "sql" "appointments" {
  connection = connection.sqlite.reception
  table      = "appointments"
}

sink "sql" "visitors" {
  connection = connection.sqlite.reception
  table      = "visitors"
}

pipeline "appointments" {
  description = "AFAS agenda items into the reception's appointments"
  from        = source.afas_get.agenda
  into        = sink.sql.appointments

  join "host" {
    with = source.afas_get.employees
    on   = [src.EmployeeId, host.EmployeeId]
    none = "null"
  }

  # AFAS writes a Z behind times that are those of Amsterdam.
  map {
    id       = src.AppointmentId
    subject  = trim(src.Subject)
    starts   = datetime(src.Start, "Europe/Amsterdam")
    ends     = datetime(src.End, "Europe/Amsterdam")
    location = src.Location
    host     = words(host.FirstName, host.Prefix, host.LastName)
  }

  test "times are Amsterdam's whatever the Z says" {
    as_of = "2026-07-01"
    given = {
      AppointmentId = 70001, Subject = "Kennismaking", Start = "2026-07-02T09:00:00Z", End = "2026-07-02T10:00:00Z", Location = "Kamer 1",
      EmployeeId    = "0001001"
    }
    joins  = { host = [{ EmployeeId = "0001001", FirstName = "Noor", Prefix = "van", LastName = "Bedacht" }] }
    expect = { starts = "2026-07-02T07:00:00Z", host = "Noor van Bedacht" }
  }
}

pipeline "visitors" {
  description = "Who is invited, as visitors"
  from        = source.afas_get.guests
  into        = sink.sql.visitors

  map {
    appointment = src.AppointmentId
    number      = src.GuestNumber
    name        = trim(src.Name)
    email       = lower(src.Email)
    expected    = datetime(src.Start, "Europe/Amsterdam")
  }

  # One cancelled appointment takes several visitors along.
  guard { deletes = "25%" }

  test "a visitor is expected when the appointment starts" {
    given = {
      AppointmentId = 70001, GuestNumber = 1, Name = "Bram  Proefman", Email = "B.Proefman@example.org", Start = "2026-07-02T09:00:00Z"
    }
    expect = { name = "Bram Proefman", email = "b.proefman@example.org", expected = "2026-07-02T07:00:00Z" }
  }
}
