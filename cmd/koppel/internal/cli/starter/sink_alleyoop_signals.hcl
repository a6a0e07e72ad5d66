# Where they go: here signals to process instances of AlleyOop, in the order of
# the source.
connection "alleyoop" "target" {
  url      = "https://office.example/alleyoop/api"
  username = "koppel"
  password = secret("env:ALLEYOOP_PASSWORD")
  api_key  = secret("env:ALLEYOOP_API_KEY") # of this accountancy office
}

sink "alleyoop_signals" "progress" {
  connection = connection.alleyoop.target
}

