# Where they go: here mail to each person, by the organisation's mail server.
connection "smtp" "server" {
  host     = "smtp.example.org"
  username = "reception"
  password = secret("env:SMTP_PASSWORD")
  from     = "Reception <reception@example.org>"
}

sink "mail" "invitations" {
  connection     = connection.smtp.server
  cancel_subject = "Cancelled: {record.subject}"
}
