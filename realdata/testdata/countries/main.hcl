variable "input" { type = string }

source "file" "countries" {
  path    = var.input
  format  = "json"
  records = jq(".[]")
  key     = ["cca3"]
}

pipeline "countries" {
  from = source.file.countries
  into = sink.sql.records

  map {
    code        = src.cca3
    name        = src.name.common
    official    = upper(src.name.official)
    native      = jq("[(.name.native // {}) | to_entries[] | \"\\(.key)=\\(.value.common)\"] | sort | join(\"; \")")
    capital     = first(src.capital)
    capitals    = length(src.capital)
    currencies  = jq("(.currencies // {}) | to_entries | map({code: .key, name: .value.name, symbol: .value.symbol}) | sort_by(.code)")
    languages   = jq("[(.languages // {})[]] | sort")
    calling     = jq("[.idd as $i | ($i.suffixes // [])[] | ($i.root // \"\") + .]")
    area        = src.area
    latitude    = jq(".latlng[0]")
    longitude   = expr("src.latlng[1]")
    position    = { lat = jq(".latlng[0]"), lon = jq(".latlng[1]"), region = lower(src.region) }
    borders     = src.borders
    islands     = expr("len(src.borders) == 0")
    landlocked  = src.landlocked
    independent = src.independent
    member      = expr("src.unMember ?? false")
    group       = default(src.unRegionalGroup, "unknown")
    flag        = src.flag
    demonym     = src.demonyms.eng.f
    spellings   = expr("src.altSpellings | filter(len(#) > 3)")
    translated  = jq("(.translations // {}) | length")
    dutch       = src.translations.nld.common
    domain      = replace(join("|", src.tld), ".", "")
  }
  guard {
    deletes = "100%"
    updates = "100%"
  }
}
