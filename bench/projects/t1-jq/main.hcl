variable "input" { type = string }

source "file" "people" {
  path = var.input
  key  = ["id"]
}

sink "file" "people" { path = "out.jsonl" }

pipeline "people" {
  from  = source.file.people
  into  = sink.file.people
  where = jq(".active and (.blocked | not)")

  map = jq(<<-JQ
    {
      id,
      employeeId: (.employeeNumber | tostring),
      email: (.mail | lower),
      fullName: words(.givenName; .prefix; .surname),
      startDate: formatdate("DD-MM-YYYY"; .startDate),
      managerEmail: (.manager.mail | lower),
      city: .address.city,
      categories: (.categories | join(",")),
      phone: (.mobilePhone // ""),
      contract: (if .fte >= 1 then "full-time" else "part-time" end),
      department,
      jobTitle
    }
  JQ
  )
}
