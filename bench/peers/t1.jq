# The first task for jq: jq -c -f t1.jq input.jsonl
select(.active and (.blocked | not))
| {
    id,
    employeeId: (.employeeNumber | tostring),
    email: (.mail | ascii_downcase),
    fullName: ([.givenName, .prefix, .surname] | map(select(. != null and . != "")) | join(" ")),
    startDate: (.startDate | "\(.[8:10])-\(.[5:7])-\(.[0:4])"),
    managerEmail: (.manager.mail | if . then ascii_downcase else null end),
    city: .address.city,
    categories: (.categories | join(",")),
    phone: (.mobilePhone // ""),
    contract: (if .fte >= 1 then "full-time" else "part-time" end),
    department,
    jobTitle
  }
