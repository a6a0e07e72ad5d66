# Where they go: here a REST service, one request for each change.
connection "http" "desk" {
  url = "https://desk.example/api"

  auth "bearer" { # or basic, api_key, oauth2, totp, mtls
    token = secret("env:DESK_TOKEN")
  }
}

sink "http" "employees" {
  connection = connection.http.desk
  answer     = jq("{id}") # of what the service answers to create; {id} below

  create {
    path = "/employees" # POST with all mapped fields
  }

  update {
    path = "/employees/{id}" # PATCH with those that changed
  }

  delete {
    path = "/employees/{id}" # one that is gone already counts as deleted
  }

  # Looks up whether a create whose answer was lost has arrived.
  find {
    path    = "/employees"
    query   = { external_id = "{key}" }
    records = jq(".items[]")
  }
}
