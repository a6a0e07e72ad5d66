package demo

// microsoftStory tells of employees, meetings and visitors of Microsoft 365, and
// of the mails that visitors get.
func microsoftStory() []Step {
	const mails = "koppel -C microsoft365-meetings-to-visitors "
	return []Step{
		{Title: "Microsoft 365: employees, their meetings and who visits them", Acts: []Act{
			{
				Say:  "Meetings of the category DigiReceptie become appointments, and who comes from outside a\nvisitor. One calendar refuses: it is named, and that its meetings are absent proves nothing.",
				Do:   "koppel -C microsoft365-to-directory run",
				Exit: 6, Shows: []string{"1 updated · 1 deleted", "pipeline visitors partial", "ErrorAccessDenied"},
			},
			{Check: tenantIsRight},
			{Say: "An administrator lets Koppel into that calendar.", Do: `curl -X PATCH -d '{"state": null}' {sandbox}/graph/data/mailboxes/cd1f064c-944d-47ef-b862-cc18d4c2239f`},
			{Say: "A colleague leaves, another gets a new name, and a meeting moves:", Do: `curl -X PATCH -d '{"deletedDateTime": "{today}T00:00:00"}' {sandbox}/graph/data/users/187b883a-d920-4850-af26-c0a68414b6a7`},
			{Do: `curl -X PATCH -d '{"displayName": "Bram Nieuwenaam"}' {sandbox}/graph/data/users/5671e6cd-51e6-4d50-9529-9f7b02644f7a`},
			{Do: `curl -X PATCH -d '{"start": "{in 3 days}T13:00:00Z", "end": "{in 3 days}T14:30:00Z"}' {sandbox}/graph/data/events/AAkALgASV42lLwlxG_jSjziK7iP6I=`},
			{
				Do:    "koppel -C microsoft365-to-directory plan --out moved.plan",
				Shows: []string{`"Bram ter Fictief" → "Bram Nieuwenaam"`, "0 to create · 1 to update · 1 to delete", "0 to create · 2 to update · 2 to delete"},
			},
			{
				Say: "Who left takes meetings and visitors along. The users are not\nread again: Graph tells who has changed. A calendar is one request.",
				Do:  "koppel -C microsoft365-to-directory apply moved.plan", Shows: []string{"0 created · 1 updated · 1 deleted", "0 created · 2 updated · 2 deleted"},
			},
			{Check: tenantIsRight},
		}},
		{Title: "Visitors get an invitation by mail, and none twice", Acts: []Act{
			{
				Say: "Who is expected already when the coupling is first used is remembered, and not mailed:",
				Do:  mails + "run", Shows: []string{"pipeline visitors succeeded", "0 created · 0 updated"},
			},
			{Check: mailed()},
			{
				Say: "A meeting with a visitor is planned. A plan sends nothing and shows the whole mail:",
				Do: `curl -d '{"id": "AAkALgDemo=", "mailbox": "fb477483-235a-46b6-8c2c-12baf85cc1d0", "type": "singleInstance", "iCalUId": "DEMO", "subject": "Rondleiding <pers>",` +
					` "start": "{in 3 days}T09:00:00Z", "end": "{in 3 days}T10:00:00Z", "location": "Zaal Veluwe", "organizerName": "Noor van Bedacht", "organizerAddress": "n.vanbedacht@example.org",` +
					` "categories": ["digireceptie "], "attendees": [{"emailAddress": {"name": "Éloïse Özgür", "address": "e.ozgur@partner.example"}}]}' {sandbox}/graph/data/events`,
			},
			{
				Do: mails + "plan --all --out invitation.plan", Shows: []string{"+ e.ozgur@partner.example/", "Your visit: Rondleiding <pers>", "Rondleiding &lt;pers&gt;", "1 to create · 0 to update · 0 to delete"},
			},
			{Check: mailed()},
			{Do: mails + "apply invitation.plan", Shows: []string{"1 created"}},
			{Say: "The mail server shows what arrived:", Do: "curl {sandbox}/smtp/listing", Shows: []string{"Subject Your visit: Rondleiding <pers>", "Calendar REQUEST"}},
			{Say: "The meeting moves, and then it is cancelled:", Do: `curl -X PATCH -d '{"start": "{in 3 days}T11:00:00Z", "end": "{in 3 days}T12:00:00Z"}' {sandbox}/graph/data/events/AAkALgDemo=`},
			{Do: mails + "run", Shows: []string{"0 created · 1 updated · 0 deleted"}},
			{Do: `curl -X PATCH -d '{"isCancelled": true}' {sandbox}/graph/data/events/AAkALgDemo=`},
			{Do: mails + "run", Shows: []string{"0 created · 0 updated · 1 deleted"}},
			{Check: mailed("REQUEST Your visit: ", "REQUEST Changed: Your visit: ", "CANCEL Cancelled: Your visit: ")},
			{Say: "Somebody improves the text of all mails:", Do: "echo 'Please bring your passport.' >> microsoft365-meetings-to-visitors/data/invitation.txt"},
			{Do: mails + "run", Exit: 5, Shows: []string{"0 created · 0 updated · 0 deleted", " held · 0 failed"}},
			{Say: "Every mail has changed now, and a guard holds them: nobody is mailed again for that.", Check: mailed("REQUEST Your visit: ", "REQUEST Changed: Your visit: ", "CANCEL Cancelled: Your visit: ")},
		}},
	}
}
