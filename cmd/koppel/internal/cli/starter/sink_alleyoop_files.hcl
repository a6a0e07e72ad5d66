# Where they go: here files that are added to process instances of AlleyOop.
connection "alleyoop" "target" {
  url      = "https://office.example/alleyoop/api"
  username = "koppel"
  password = secret("env:ALLEYOOP_PASSWORD")
  api_key  = secret("env:ALLEYOOP_API_KEY") # of this accountancy office
}

sink "alleyoop_files" "documents" {
  connection = connection.alleyoop.target
}

