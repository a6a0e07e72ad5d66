# Where records come from: here the meetings in calendars of a Microsoft 365
# tenant. The app registration needs the application permission Calendars.Read.
connection "graph" "source" {
  tenant        = "contoso.onmicrosoft.com"
  client_id     = "00000000-0000-0000-0000-000000000000"
  client_secret = secret("env:GRAPH_CLIENT_SECRET")
}

source "graph_events" "meetings" {
  connection = connection.graph.source
  mailboxes  = ["reception@contoso.example"] # or the id of a group, source.graph_users.x, pipeline.x
  past       = "1d"                          # what is over for longer is forgotten, not deleted
  future     = "30d"
  category   = "DigiReceptie" # whatever its case
}

