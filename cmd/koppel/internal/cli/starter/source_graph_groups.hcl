# Where records come from: here the groups of a Microsoft 365 tenant. The app
# registration needs the application permission Directory.Read.All.
connection "graph" "source" {
  tenant        = "contoso.onmicrosoft.com"
  client_id     = "00000000-0000-0000-0000-000000000000"
  client_secret = secret("env:GRAPH_CLIENT_SECRET")
}

source "graph_groups" "groups" {
  connection = connection.graph.source
  filter     = "securityEnabled eq true"
  members    = true # a list of { id, type, displayName, mail, userPrincipalName }

  # A read that looks too small to be true proves no absence, and deletes nothing.
  complete_when {
    min_records = 1
    max_drop    = "50%"
  }
}

