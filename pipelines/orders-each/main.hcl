# Orders with lines in them become one table row per line.

variable "currency" {
  description = "currency of orders that name none"
  type        = string
  default     = "EUR"
}

# One file per shop; each file is a partition: lines of a file that can't be
# read stay as they are, and the other files go on.
source "file" "orders" {
  path    = "data/shop-*.json"
  records = jq(".orders[]")
  key     = ["number"]
}

connection "sqlite" "reports" { path = "reports.db" }

sink "sql" "lines" {
  connection = connection.sqlite.reports
  table      = "order_lines"
  key        = ["order_number", "line"]
}

pipeline "lines" {
  from = source.file.orders
  into = sink.sql.lines

  # Each line of an order, numbered from 1.
  each = jq(<<-JQ
    .lines | to_entries[] | .value + {line: (.key + 1)}
  JQ
  )
  key = [src.number, item.line]

  map {
    order_number = src.number
    line         = item.line
    ordered      = formatdate("DD-MM-YYYY", src.ordered)
    sku          = upper(item.sku)
    quantity     = item.quantity
    amount       = expr("item.quantity * item.price")
    currency     = coalesce(src.currency, var.currency)
  }
  field "quantity" { type = "integer" }
  field "amount" { type = "number" }

  # A line that disappeared is deleted when it has been away for a week.
  deletes { grace = "7d" }

  test "an order of two lines" {
    given = {
      number  = "N-1"
      ordered = "2026-01-05T10:00:00Z"
      lines   = [{ sku = "l-100", quantity = 2, price = 24.95 }, { sku = "b-010", quantity = 1, price = 3.5 }]
    }
    expect = [
      { line = 1, sku = "L-100", amount = 49.9, ordered = "05-01-2026", currency = "EUR" },
      { line = 2, sku = "B-010", amount = 3.5 },
    ]
  }
  test "an order without lines gives no rows" {
    given       = { number = "N-2", ordered = "2026-01-05T10:00:00Z", lines = [] }
    expect_skip = true
  }
}
