# Where they go: here messages to those who want to know of each change. koppel
# serve sends them, and each koppel run at its end; koppel deliveries shows them.
sink "webhook" "partners" {
  topic = "employees.{op}" # create, update or delete

  receiver "portal" {
    url    = "https://portal.example/hooks/employees"
    topics = ["employees.*"] # * is one segment; left out: all

    auth "websub" { # or oauth2, bearer, basic, none
      secret = secret("env:PORTAL_SECRET")
    }
  }
}

