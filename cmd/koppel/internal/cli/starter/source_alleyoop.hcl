# Where records come from: here the clients of an AlleyOop installation.
connection "alleyoop" "source" {
  url      = "https://office.example/alleyoop/api"
  username = "koppel"
  password = secret("env:ALLEYOOP_PASSWORD")
  api_key  = secret("env:ALLEYOOP_API_KEY") # of this accountancy office
}

source "alleyoop" "clients" {
  connection = connection.alleyoop.source
  action     = "clients" # or process-definitions, process-instances, tasks, task-history

  # A read that looks too small to be true proves no absence, and deletes nothing.
  complete_when {
    min_records = 1
    max_drop    = "50%"
  }
}

