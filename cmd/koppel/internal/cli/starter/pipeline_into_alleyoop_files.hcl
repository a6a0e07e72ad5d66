# What flows: a name or a simple function is written as it is, a condition as an
# expr program, a shape as a jq program.
pipeline "documents" {
  description = "documents of work dossiers"
  from        = @FROM@
  into        = @TO@
  key         = [src.instanceId, src.path]

  map {
    instanceId = src.instanceId
    type       = "CONCEPT_JAARREKENING" # free text that the office has defined
    path       = src.path               # inside this folder; a file that has changed is added again
  }

  test "a document" {
    given  = { instanceId = "1332501", path = "documents/jaarrekening.pdf" }
    expect = { type = "CONCEPT_JAARREKENING", path = "documents/jaarrekening.pdf" }
  }
}
