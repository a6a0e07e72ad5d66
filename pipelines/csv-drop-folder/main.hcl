# A folder into which others drop CSV files. Each file is a partition of its
# own: one that can't be read keeps its orders, and the others go on. A second
# table tells which files there are.

source "file" "orders" {
  path      = "data/drop/**/*.csv"
  delimiter = ";"
  key       = ["order"]
}

source "file" "files" {
  path   = "data/drop/**/*.csv"
  format = "list"
  key    = ["path"]
}

connection "sqlite" "shop" { path = "shop.db" }

sink "sql" "orders" {
  connection = connection.sqlite.shop
  table      = "orders"
}

sink "sql" "files" {
  connection = connection.sqlite.shop
  table      = "files"
}

pipeline "orders" {
  description = "The orders of all files"
  from        = source.file.orders
  into        = sink.sql.orders

  map {
    number = src.order
    amount = number(replace(src.amount, ",", "."))
    placed = parsedate(src.placed, "DD-MM-YYYY")
  }

  field "amount" { type = "number" }
  field "placed" { type = "date" }

  # A file that is moved away takes its orders with it, once someone approves
  # more than a tenth.
  guard { deletes = "10%" }

  test "amounts and dates are written the Dutch way" {
    given  = { order = "N-1", amount = "12,50", placed = "03-01-2026" }
    expect = { number = "N-1", amount = 12.5, placed = "2026-01-03" }
  }

  test "an amount that is none is an error" {
    given        = { order = "N-1", amount = "free", placed = "03-01-2026" }
    expect_error = "amount"
  }
}

pipeline "files" {
  description = "Which files were dropped, and what is in them by its digest"
  from        = source.file.files
  into        = sink.sql.files

  map {
    path   = src.path
    bytes  = src.size
    digest = src.sha256
  }

  test "a file" {
    given  = { path = "data/drop/x.csv", name = "x.csv", ext = "csv", size = 12, modified = "2026-01-05T10:00:00Z", sha256 = "ab" }
    expect = { path = "data/drop/x.csv", bytes = 12, digest = "ab" }
  }
}
