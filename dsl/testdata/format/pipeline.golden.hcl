# People into the reception directory.
pipeline "employees" {
  from        = source.afas_get.employees
  into        = sink.sql.employees
  description = "AFAS employees" # about it
  where       = expr("!src.Blocked")


  map {
    name   = words(src.FirstName, src.Prefix, src.LastName)
    active = expr("src.EmploymentEnd == nil  or  date(src.EmploymentEnd)>=today")
    phones = jq(<<-JQ
      [.Phones[]?   | select(.Kind=="work") |
          "\(.Number)"]   | unique   
    	# a comment of jq
    JQ
    )
    text = <<EOT
   kept   as  it is
EOT
  }
  /* block
       comment */
  field "email" { type = "string" }
  guard { deletes = "10%" }
  test "kept" {
    given = { EmployeeId = "7", FirstName = "Saar",
    Blocked = false }
    expect = { name = "Saar" }
  }
}


locals {
  a = 1
  bcd = [1, 2,
  3]
  e = "${var.a}-x"
}
