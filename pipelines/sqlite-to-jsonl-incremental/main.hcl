# Orders from a SQLite shop, read by their changed timestamp. What stands now
# goes to orders.jsonl; what changed goes, line by line, to changes.jsonl.

connection "sqlite" "shop" { path = "data/shop.db" }

source "sql" "orders" {
  connection = connection.sqlite.shop
  key        = ["id"]
  query      = <<-SQL
    select o.id, o.status, o.total_cents, o.changed_at, o.deleted, c.name as customer, c.email
    from orders o join customers c on c.id = o.customer_id
    where o.changed_at > :cursor or :cursor is null
    order by o.id
  SQL

  # After the first read only rows that changed are asked for. Once a day all
  # of them are read, which also finds rows that were deleted without a mark.
  incremental {
    cursor     = ["changed_at"]
    overlap    = "10m"
    full_every = "24h"
  }

  # A row that is marked as deleted is gone.
  deleted = expr("src.deleted == 1")
}

sink "file" "orders" { path = "orders.jsonl" }

sink "file" "changes" {
  path    = "changes.jsonl"
  changes = true
}

pipeline "orders" {
  description = "The orders as they stand"
  from        = source.sql.orders
  into        = sink.file.orders

  map {
    id       = src.id
    status   = lower(src.status)
    total    = expr("src.total_cents / 100")
    customer = { name = src.customer, email = lower(src.email) }
    changed  = datetime(src.changed_at)
  }

  field "status" {
    type     = "string"
    required = true
  }

  test "cents become euros, the customer an object" {
    given  = { id = 1, status = "OPEN", total_cents = 1250, customer = "Noor van Bedacht", email = "N@example.org", changed_at = "2026-01-05T10:00:00Z" }
    expect = { status = "open", total = 12.5, customer = { name = "Noor van Bedacht", email = "n@example.org" } }
  }
}

pipeline "order_changes" {
  description = "Each change of an order, as a line"
  from        = source.sql.orders
  into        = sink.file.changes

  map {
    id     = src.id
    status = lower(src.status)
    total  = expr("src.total_cents / 100")
  }

  # A source that lost its rows writes no lines until someone approves.
  guard { deletes = 5 }
}
