# One CSV file of products, delivered into two targets: prices into a SQLite
# table, stock as one JSON file. The file is read once.

source "file" "products" {
  path = "data/products.csv"
  key  = ["sku"]
}

connection "sqlite" "shop" { path = "shop.db" }

sink "sql" "prices" {
  connection = connection.sqlite.shop
  table      = "prices"
}

sink "file" "stock" { path = "stock.json" }

table "vat" {
  values = { high = 1.21, low = 1.09, none = 1 }
}

pipeline "prices" {
  from  = source.file.products
  into  = sink.sql.prices
  where = expr("src.price != nil")

  map {
    sku   = src.sku
    name  = trim(src.name)
    price = expr("round(number(src.price) * table('vat', src.vat, 1) * 100) / 100")
  }
  field "price" { type = "number" }

  test "vat is added" {
    given  = { sku = "A1", name = " Desk  lamp ", price = "10.00", vat = "high" }
    expect = { name = "Desk lamp", price = 12.1 }
  }
  test "without a price nothing is sold" {
    given       = { sku = "A2", name = "Sample", vat = "high" }
    expect_skip = true
  }
}

pipeline "stock" {
  from = source.file.products
  into = sink.file.stock

  map {
    sku = src.sku
    locations = jq(<<-JQ
      [ (.stock // "") | split("|")[] | split(":") | {place: .[0], count: (.[1] | tonumber)} ]
    JQ
    )
    total = jq("[ (.stock // \"\") | split(\"|\")[] | split(\":\")[1] | tonumber ] | add // 0")
  }

  test "places and counts come apart" {
    given  = { sku = "A1", stock = "north:4|south:0" }
    expect = { locations = [{ place = "north", count = 4 }, { place = "south", count = 0 }], total = 4 }
  }
  test "no stock is zero" {
    given  = { sku = "A1" }
    expect = { locations = [], total = 0 }
  }
}
