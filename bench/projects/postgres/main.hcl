variable "input" { type = string }
variable "url" { type = string }
source "file" "people" {
  path = var.input
  key  = ["id"]
}
connection "postgres" "db" { url = var.url }
sink "sql" "people" {
  connection = connection.postgres.db
  table      = "people"
}
pipeline "people" {
  from  = source.file.people
  into  = sink.sql.people
  where = expr("src.active && !src.blocked")
  map {
    id           = src.id
    employeeId   = string(src.employeeNumber)
    email        = lower(src.mail)
    fullName     = words(src.givenName, src.prefix, src.surname)
    startDate    = formatdate("DD-MM-YYYY", src.startDate)
    managerEmail = lower(src.manager.mail)
    city         = src.address.city
    categories   = join(",", src.categories)
    phone        = default(src.mobilePhone, "")
    contract     = expr("src.fte >= 1 ? 'full-time' : 'part-time'")
    department   = src.department
    jobTitle     = src.jobTitle
  }
}
