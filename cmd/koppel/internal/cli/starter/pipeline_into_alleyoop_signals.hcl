# What flows: a name or a simple function is written as it is, a condition as an
# expr program, a shape as a jq program.
pipeline "progress" {
  description = "progress of work dossiers as signals"
  from        = @FROM@
  into        = @TO@

  # A signal that is not due is refused, and the later ones of its instance wait.
  key = [src.clientId, src.processKey, src.periodStart, src.periodEnd, src.step]

  map {
    clientId    = src.clientId
    processKey  = src.processKey
    periodStart = date(src.periodStart)
    periodEnd   = date(src.periodEnd)
    signal      = join("-", src.processKey, src.step) # such as SAMENSTELLEN_09-VOORBEREIDING
  }

  test "a signal" {
    given  = { clientId = "c-1", processKey = "SAMENSTELLEN_09", periodStart = "2025-01-01", periodEnd = "2025-12-31", step = "VOORBEREIDING" }
    expect = { signal = "SAMENSTELLEN_09-VOORBEREIDING" }
  }
}
