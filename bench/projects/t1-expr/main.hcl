variable "input" { type = string }

source "file" "people" {
  path = var.input
  key  = ["id"]
}

sink "file" "people" { path = "out.jsonl" }

pipeline "people" {
  from  = source.file.people
  into  = sink.file.people
  where = expr("src.active && !src.blocked")

  map {
    id           = expr("src.id")
    employeeId   = expr("string(src.employeeNumber)")
    email        = expr("lower(src.mail)")
    fullName     = expr("words(src.givenName, src.prefix, src.surname)")
    startDate    = expr("formatdate('DD-MM-YYYY', src.startDate)")
    managerEmail = expr("lower(src.manager.mail)")
    city         = expr("src.address.city")
    categories   = expr("join(',', src.categories)")
    phone        = expr("default(src.mobilePhone, '')")
    contract     = expr("src.fte >= 1 ? 'full-time' : 'part-time'")
    department   = expr("src.department")
    jobTitle     = expr("src.jobTitle")
  }
}
