# Where they go: here process instances of AlleyOop. One that exists already is
# taken over; nothing is removed unless deletes asks for it.
connection "alleyoop" "target" {
  url      = "https://office.example/alleyoop/api"
  username = "koppel"
  password = secret("env:ALLEYOOP_PASSWORD")
  api_key  = secret("env:ALLEYOOP_API_KEY") # of this accountancy office
}

sink "alleyoop_instances" "dossiers" {
  connection = connection.alleyoop.target
}

