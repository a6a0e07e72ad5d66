# What flows: a name or a simple function is written as it is, a condition as an
# expr program, a shape as a jq program.
pipeline "clients" {
  description = "clients of AlleyOop"
  from        = @FROM@
  into        = @TO@

  # Records for which this is not true are left out; one that leaves is deleted.
  where = expr("not src.inactive")

  map {
    client_id = src.clientId
    name      = trim(src.name)
    kvk       = coalesce(src.kvk, src.rsin)
  }

  # More deletes than this in one run are held until someone approves.
  guard {
    deletes = "10%"
  }

  # schedule {
  #   every = "15m"
  # }

  test "white space goes" {
    given  = { clientId = "c-1", name = " Testpraktijk  Noord ", kvk = "12345678", inactive = false }
    expect = { client_id = "c-1", name = "Testpraktijk Noord", kvk = "12345678" }
  }

  test "who is inactive is left out" {
    given       = { clientId = "c-2", name = "Testpraktijk Zuid", kvk = "", inactive = true }
    expect_skip = true
  }
}
