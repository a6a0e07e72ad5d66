variable "input" { type = string }

source "file" "emoji" {
  path    = var.input
  format  = "json"
  records = jq(".[]")
  key     = ["unified"]
}

pipeline "emoji" {
  from = source.file.emoji
  into = sink.sql.records

  map {
    unified    = src.unified
    name       = lower(src.name)
    character  = jq(<<-JQ
      def hex: explode | reduce .[] as $c (0; . * 16 + (if $c > 64 then $c - 55 else $c - 48 end));
      .unified | split("-") | map(hex) | implode
    JQ
    )
    category   = words(src.category, src.subcategory)
    place      = src.sort_order
    added      = number(src.added_in)
    names      = join(" ", src.short_names)
    short      = src.short_name
    faces      = src.texts
    face       = coalesce(src.text, first(src.texts), "none")
    skins      = jq("(.skin_variations // {}) | keys")
    skin_count = expr("len(keys(src.skin_variations ?? {}))")
    everywhere = expr("src.has_img_apple and src.has_img_google and src.has_img_twitter and src.has_img_facebook")
    images     = { apple = src.has_img_apple, google = src.has_img_google }
    sheet      = jq("[.sheet_x, .sheet_y]")
    carriers   = [src.docomo, src.au, src.softbank]
    obsoleted  = src.obsoleted_by
  }
  guard {
    deletes = "100%"
    updates = "100%"
  }
}
