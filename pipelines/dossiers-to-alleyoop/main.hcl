# Work dossiers of an accountancy office into AlleyOop: a process instance for
# each, the signals that the work gives, and the reports as files.

variable "alleyoop_url" {
  description = "the one address of the installation"
  type        = string
}

variable "alleyoop_username" {
  description = "the user that AlleyOop knows the coupling by"
  type        = string
}

variable "alleyoop_password" {
  description = "that user's password"
  type        = string
  sensitive   = true
}

variable "alleyoop_api_key" {
  description = "the key of this accountancy office"
  type        = string
  sensitive   = true
}

connection "alleyoop" "office" {
  url      = var.alleyoop_url
  username = var.alleyoop_username
  password = var.alleyoop_password
  api_key  = var.alleyoop_api_key
}

source "alleyoop" "clients" {
  connection = connection.alleyoop.office
  action     = "clients"
  sensitive  = ["bsn"]
}

source "file" "dossiers" {
  path = "data/dossiers.jsonl"
  key  = ["id"]
}

# What was done, in the order in which it was done.
source "file" "steps" {
  path = "data/steps.jsonl"
  key  = ["id"]
}

sink "alleyoop_instances" "work" { connection = connection.alleyoop.office }
sink "alleyoop_signals" "work" { connection = connection.alleyoop.office }
sink "alleyoop_files" "reports" { connection = connection.alleyoop.office }

pipeline "instances" {
  description = "A process instance for each dossier"
  from        = source.file.dossiers
  into        = sink.alleyoop_instances.work

  # AlleyOop's own id of a client is known by its KvK number. None, or more
  # than one, is an error of the dossier, and not a guess.
  join "client" {
    with = source.alleyoop.clients
    on   = [src.kvk, client.kvk]
    none = "error"
    many = "error"
  }

  map {
    dossier     = src.id
    clientId    = client.clientId
    processKey  = src.process
    periodStart = expr("string(src.year) + '-01-01'")
    periodEnd   = expr("string(src.year) + '-12-31'")
  }
  field "dossier" { send = false } # for the pipelines below

  test "the client is found by its KvK number" {
    given  = { id = "D-1", kvk = "00001001", process = "CONTROLE_08", year = 2025 }
    joins  = { client = [{ clientId = "c1", kvk = "00001001" }] }
    expect = { clientId = "c1", processKey = "CONTROLE_08", periodStart = "2025-01-01", periodEnd = "2025-12-31" }
  }
  test "two clients of one number are not guessed at" {
    given        = { id = "D-1", kvk = "00001001", process = "CONTROLE_08", year = 2025 }
    joins        = { client = [{ clientId = "c1", kvk = "00001001" }, { clientId = "c2", kvk = "00001001" }] }
    expect_error = "client"
  }
}

pipeline "signals" {
  description = "What was done in a dossier, in its order"
  from        = source.file.steps
  into        = sink.alleyoop_signals.work

  join "instance" {
    with = pipeline.instances
    on   = [src.dossier, instance.dossier]
    none = "error"
  }

  map {
    clientId    = instance.clientId
    processKey  = instance.processKey
    periodStart = instance.periodStart
    periodEnd   = instance.periodEnd
    signal      = join("-", instance.processKey, src.step)
  }

  test "a signal is named after the process and the step" {
    given  = { id = 1, dossier = "D-1", step = "OPDRACHT" }
    joins  = { instance = [{ dossier = "D-1", clientId = "c1", processKey = "CONTROLE_08", periodStart = "2025-01-01", periodEnd = "2025-12-31" }] }
    expect = { clientId = "c1", signal = "CONTROLE_08-OPDRACHT" }
  }
}

pipeline "reports" {
  description = "The reports of the dossiers"
  from        = source.file.dossiers
  into        = sink.alleyoop_files.reports
  where       = expr("src.report != nil")

  join "instance" {
    with = pipeline.instances
    on   = [src.id, instance.dossier]
    none = "skip"
  }

  map {
    instanceId = instance.target.instanceId
    type       = "CONCEPT_JAARREKENING"
    path       = src.report
  }
}
