# A chain: a raw member list is cleaned once, a directory is built from what is
# clean, and a badge list from what the directory holds.

source "file" "members" {
  path = "data/members.jsonl"
  key  = ["id"]
}

# Without a sink a pipeline is a data set that others read.
pipeline "clean" {
  from  = source.file.members
  where = expr("src.status in ['active', 'honorary']")

  map {
    id     = src.id
    name   = words(src.name.given, src.name.prefix, src.name.family)
    email  = coalesce(lower(src.email), lower(src.contact.email))
    badges = jq("[.badges[]? | {code: (.code | ascii_upcase), until}] | sort_by(.code)")
    since  = date(src.since)
  }
  field "email" { required = true }

  test "the second mail address is used when there is no first" {
    given  = { id = 1, status = "active", name = { given = "Noor", family = "Bedacht" }, contact = { email = "N@example.org" } }
    expect = { name = "Noor Bedacht", email = "n@example.org", badges = [] }
  }
  test "who is not active is left out" {
    given       = { id = 1, status = "ended" }
    expect_skip = true
  }
}

connection "sqlite" "club" { path = "club.db" }

sink "sql" "directory" {
  connection = connection.sqlite.club
  table      = "directory"
}

pipeline "directory" {
  from = pipeline.clean
  into = sink.sql.directory
  key  = src.id

  map {
    id    = src.id
    name  = src.name
    email = src.email
    since = src.since
  }
}

sink "file" "badges" { path = "badges.csv" }

# One record per badge: each output of the jq program is `item`.
pipeline "badges" {
  from = pipeline.clean
  into = sink.file.badges
  each = jq(".badges[]")
  key  = [src.id, item.code]

  # Only who stands in the directory gets a badge.
  join "listed" {
    with = pipeline.directory
    on   = [src.id, listed.id]
    none = "skip"
  }

  map {
    member = src.id
    name   = upper(listed.name)
    badge  = item.code
    until  = default(item.until, "for ever")
  }

  test "one line per badge" {
    given = { id = 1, badges = [{ code = "A" }, { code = "B", until = "2027-01-01" }] }
    joins = { listed = [{ id = 1, name = "Noor Bedacht" }] }
    expect = [
      { name = "NOOR BEDACHT", badge = "A", until = "for ever" },
      { name = "NOOR BEDACHT", badge = "B", until = "2027-01-01" },
    ]
  }
}
