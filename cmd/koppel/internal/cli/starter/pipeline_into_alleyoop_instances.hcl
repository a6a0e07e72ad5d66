# What flows: a name or a simple function is written as it is, a condition as an
# expr program, a shape as a jq program.
pipeline "dossiers" {
  description = "work dossiers as process instances"
  from        = @FROM@
  into        = @TO@

  # These four name an instance. As the key they make another period another
  # instance: AlleyOop can't change one.
  key = [src.clientId, src.processKey, src.periodStart, src.periodEnd]

  map {
    clientId    = src.clientId
    processKey  = src.processKey # such as SAMENSTELLEN_09
    periodStart = date(src.periodStart)
    periodEnd   = date(src.periodEnd)
  }

  test "a dossier" {
    given  = { clientId = "c-1", processKey = "SAMENSTELLEN_09", periodStart = "2025-01-01", periodEnd = "2025-12-31" }
    expect = { clientId = "c-1", processKey = "SAMENSTELLEN_09", periodStart = "2025-01-01", periodEnd = "2025-12-31" }
  }
}
