# What flows: a name or a simple function is written as it is, a condition as an
# expr program, a shape as a jq program. Here one record for each user in a group.
pipeline "memberships" {
  description = "who is in which group"
  from        = @FROM@
  into        = @TO@
  each        = jq(".members[] | select(.type == \"user\")")
  key         = [src.id, item.id]

  map {
    group_id   = src.id
    group_name = src.displayName
    user_id    = item.id
    mail       = lower(item.mail)
  }

  # More deletes than this in one run are held until someone approves.
  guard {
    deletes = "10%"
  }

  # schedule {
  #   every = "15m"
  # }

  test "groups in groups are left out" {
    given = {
      id = "g-1", displayName = "Balie"
      members = [
        { id = "u-1", type = "user", mail = "S.Berg@Example.org" },
        { id = "g-2", type = "group", mail = null },
      ]
    }
    expect = [{ group_id = "g-1", group_name = "Balie", user_id = "u-1", mail = "s.berg@example.org" }]
  }
}
