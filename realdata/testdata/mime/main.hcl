variable "input" { type = string }

source "file" "types" {
  path    = var.input
  format  = "json"
  records = jq("to_entries[] | {type: .key} + .value")
  key     = ["type"]
}

pipeline "types" {
  from  = source.file.types
  into  = sink.sql.records
  where = expr("!(src.type startsWith 'x-')")

  map {
    type         = src.type
    tree         = first(split(src.type, "/"))
    subtype      = jq(".type | split(\"/\")[1:] | join(\"/\")")
    source       = src.source
    charset      = lower(src.charset)
    compressible = default(src.compressible, false)
    extension    = first(src.extensions)
    extensions   = join(",", src.extensions)
    list         = src.extensions
    count        = expr("len(src.extensions)")
    registered   = expr("src.source == 'iana'")
    textual      = expr("src.charset != nil or src.type startsWith 'text/'")
    suffix       = jq("if (.type | contains(\"+\")) then (.type | split(\"+\") | last) else null end")
    start        = upper(substr(src.type, 0, 5))
    digest       = sha256(src.type)
  }
  guard { deletes = "100%" }
}
