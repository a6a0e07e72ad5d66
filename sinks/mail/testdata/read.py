# Reads a message from standard input with Python's email package and with
# icalendar, and writes what it says as JSON.
import email
import email.policy
import json
import sys

import icalendar

message = email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.default)
said = {
    "subject": message["Subject"],
    "from": [[a.display_name, a.addr_spec] for a in message["From"].addresses],
    "to": [[a.display_name, a.addr_spec] for a in message["To"].addresses],
    "reply_to": [a.addr_spec for a in message["Reply-To"].addresses] if message["Reply-To"] else [],
    "defects": [],
    "parts": [],
}
for name, value in message.items():
    said["defects"] += [f"{name}: {d}" for d in value.defects]
for part in message.walk():
    said["defects"] += [f"{part.get_content_type()}: {d}" for d in part.defects]
    if part.is_multipart():
        continue
    said["parts"].append(part.get_content_type())
    content = part.get_content()
    if part.get_content_type() != "text/calendar":
        said[part.get_content_type()] = content
        continue
    calendar = icalendar.Calendar.from_ical(content)
    event = calendar.walk("VEVENT")[0]
    people = event["ATTENDEE"]
    said["defects"] += [f"{where}: {what}" for where, what in calendar.errors + event.errors]
    said["calendar"] = {
        "method": calendar["METHOD"],
        "parameter": part["Content-Type"].params["method"],
        "uid": event["UID"],
        "sequence": int(event["SEQUENCE"]),
        "status": event["STATUS"],
        "summary": event["SUMMARY"],
        "location": event["LOCATION"],
        "start": event["DTSTART"].dt.isoformat(),
        "end": event["DTEND"].dt.isoformat(),
        "zone": event["DTSTART"].params["TZID"],
        "zones": [str(z.to_tz()) for z in calendar.walk("VTIMEZONE")],
        "organizer": [event["ORGANIZER"].params.get("CN"), str(event["ORGANIZER"])],
        "attendees": [[p.params.get("CN"), str(p)] for p in (people if isinstance(people, list) else [people])],
    }
json.dump(said, sys.stdout)
