package demo

import "slices"

// Story is the whole demo: all ready couplings with the simulated systems.
func Story() []Step {
	return slices.Concat(afasStory(), alleyOopStory(), microsoftStory(), lastStory())
}

// afasStory tells of employees, what goes wrong, appointments and courses.
func afasStory() []Step {
	return []Step{
		{Title: "AFAS leads the list of employees of a reception", Acts: []Act{
			{
				Say: "A coupling is a folder with files. They say where records come from, how each field is\nmade and where it goes. This is the heart of the first:",
				Do:  "sed -n '/^pipeline/,/^  guard/p' afas-employees-to-directory/main.hcl", Shows: []string{"from = source.afas_get.employees"},
			},
			{Say: "Its tests need no system:", Do: "koppel -C afas-employees-to-directory test", Shows: []string{"pass employees", "3 passed, 0 failed"}},
			{
				Say: "Until now the receptionists kept the list by hand:",
				Do:  "sqlite3 -column " + directory + " 'select name, email, badge, protected from employees'", Shows: []string{"N. Bedacht n.vanbedacht@example.org B-17 0"},
			},
			{
				Say:   "A plan reads both sides and writes nothing. It is saved.",
				Do:    "koppel -C afas-employees-to-directory plan --out first.plan",
				Shows: []string{"{employees} read · complete", "1 to update · 1 to delete", "adopted", "1 protected"},
			},
			{
				Say: "The row that a receptionist made is taken over and keeps its badge; the desk's tablet is\nprotected; one whom AFAS does not know goes. Mobile numbers are marked as sensitive: they\nare written and never shown. Skipped are those whom where leaves out: blocked, or gone.\nWhat was planned is applied, and nothing else:",
				Do:  "koppel -C afas-employees-to-directory apply first.plan", Shows: []string{"1 updated · 1 deleted", "1 protected · 0 failed"},
			},
			{Check: directoryIsRight},
		}},
		{Title: "The next day three things have changed at AFAS", Acts: []Act{
			{Say: "One marries, one leaves, and one is hired.", Do: `curl -X PATCH -d '{"LaNm": "Bedacht-Testma"}' {sandbox}/afas/data/persons/2000105`},
			{Do: "curl -X DELETE {sandbox}/afas/data/employees/0001008"},
			{Do: `curl -d '{"BcCo": "2000900", "FiNm": "Guus", "LaNm": "Erbij", "EmAd": "G.Erbij@example.org"}' {sandbox}/afas/data/persons`},
			{Do: `curl -d '{"EmId": "0001900", "BcCo": "2000900", "DpId": "KAZ-01", "DaBe": "{today}", "Bl": false}' {sandbox}/afas/data/employees`},
			{
				Do: "koppel -C afas-employees-to-directory plan --out second.plan",
				Shows: []string{
					"+ 0001900 Guus Erbij", `~ 0001005 Noor de Bedacht-Testma ~ name "Noor de Bedacht" → "Noor de Bedacht-Testma"`, "- 0001008 Renée de Bedacht gone at source",
					"1 to create · 1 to update · 1 to delete",
				},
			},
			{
				Say: "Exactly these three, field by field, and why somebody would be deleted.",
				Do:  "koppel -C afas-employees-to-directory apply second.plan", Shows: []string{"1 created · 1 updated · 1 deleted"},
			},
			{
				Say: "And then there is nothing left to do:",
				Do:  "koppel -C afas-employees-to-directory plan", Shows: []string{"0 to create · 0 to update · 0 to delete · {in service} unchanged"},
			},
			{Check: directoryIsRight},
			{Check: keepDirectory},
		}},
		{Title: "AFAS answers, but not with what was asked", Acts: []Act{
			{
				Say: "First something between here and AFAS answers with a web page, and with status 200.",
				Do:  `curl -d '{"kind": "login_page", "times": -1}' {sandbox}/afas/faults`,
			},
			{Do: "koppel -C afas-employees-to-directory run", Exit: 6, Shows: []string{"the answer is a web page (Sign in), not data", "0 deleted"}},
			{Do: "curl -X DELETE {sandbox}/afas/faults"},
			{
				Say:  "Then an administrator gives the coupling's user fewer rights. AFAS answers politely, with\nfour employees: the others seem to have left.",
				Do:   "koppel -C afas-employees-to-directory run --var-file fewer-rights.vars.hcl",
				Exit: 5, Shows: []string{"0 deleted", "complete_when asks for at least 10"},
			},
			{Do: "koppel -C afas-employees-to-directory held", Shows: []string{"read of source.afas_get.employees", "4 records were read"}},
			{Say: "Koppel deletes only what is missing from a read that it can prove to be complete.", Check: directoryIsKept},
		}},
		{Title: "Six employees are blocked at AFAS by mistake", Acts: []Act{
			{
				Say: "This time the read is whole; what it says is wrong. Another employee gets a new function.",
				Do:  `curl -X PATCH -d '{"Bl": true}' {sandbox}/afas/data/employees/{0001010,0001011,0001012,0001014,0001015,0001016}`,
			},
			{Do: `curl -X PATCH -d '{"FuDs": "Hoofd receptie"}' {sandbox}/afas/data/employees/0001017`},
			{Do: "koppel -C afas-employees-to-directory run", Exit: 5, Shows: []string{"1 updated · 0 deleted", "6 held"}},
			{
				Say: "More than a tenth would go. A guard holds these deletes until somebody has looked:",
				Do:  "koppel -C afas-employees-to-directory held list employees | head -3", Shows: []string{"6 records", "left the filter · guard deletes = 10%"},
			},
			{Check: deletesAreHeld},
			{
				Say: "koppel held approve would let them pass. Here AFAS is put right, and nothing is held any more:",
				Do:  `curl -X PATCH -d '{"Bl": false}' {sandbox}/afas/data/employees/{0001010,0001011,0001012,0001014,0001015,0001016}`,
			},
			{Do: "koppel -C afas-employees-to-directory run", Shows: []string{"succeeded", "{in service} unchanged"}},
			{Check: directoryIsRight},
		}},
		{Title: "Appointments of AFAS and their visitors", Acts: []Act{
			{
				Say: "A coupling may hold several pipelines. run plans and applies in one go, as schedules do.",
				Do:  "koppel -C afas-agenda-to-reception run", Shows: []string{"pipeline appointments succeeded", "pipeline visitors succeeded", "0 failed"},
			},
			{Check: agendaIsRight},
			{
				Say: "An appointment moves, and another is cancelled:",
				Do:  `curl -X PATCH -d '{"DsBe": "{in 3 days}T15:00", "DsEn": "{in 3 days}T16:00"}' {sandbox}/afas/data/agenda/70003`,
			},
			{Do: `curl -X PATCH -d '{"Ca": true}' {sandbox}/afas/data/agenda/70004`},
			{
				Do:    "koppel -C afas-agenda-to-reception plan --out moved.plan",
				Shows: []string{"~ 70003 Voortgang", "- 70004 Oplevering & nazorg gone at source", "~ 70003/3", "- 70004/1", "0 to create · 3 to update · 1 to delete"},
			},
			{
				Say: "The guests move along with their appointment. AFAS writes a Z behind times that are those\nof Amsterdam; the reception gets true ones.",
				Do:  "koppel -C afas-agenda-to-reception apply moved.plan", Shows: []string{"0 created · 1 updated · 1 deleted", "0 created · 3 updated · 1 deleted"},
			},
			{Check: agendaIsRight},
		}},
		{Title: "Courses of AFAS, and back to AFAS who came", Acts: []Act{
			{Say: "Sessions become appointments, participants visitors; who came goes back to AFAS.", Do: "koppel -C afas-courses-to-reception run", Shows: []string{"{participants} created", "0 failed"}},
			{Do: "koppel -C afas-attendance run", Shows: []string{"{participants} created", "0 failed"}},
			{Check: presenceIsRight},
			{Say: "A course begins half an hour later:", Do: `curl -X PATCH -d '{"StTi": "10:00:00"}' {sandbox}/afas/data/sessions/340,1`},
			{Do: "koppel -C afas-courses-to-reception plan --out later.plan | head -11", Shows: []string{"~ 340/1 Reanimatie basis", "1 to update", "~ 340/1/1322 Noor van Bedacht"}},
			{Say: "Its eight participants are expected later as well, though nothing of theirs has changed.", Do: "koppel -C afas-courses-to-reception apply later.plan", Shows: []string{"1 updated", "8 updated"}},
			{Check: coursesAreRight},
			{
				Say: "Guus arrives at the desk. The column is the reception's own; no coupling writes it.",
				Do:  "sqlite3 " + courses + ` "update visitors set arrived = '{today}T09:12:00Z' where participant = 1324"`,
			},
			{Do: "koppel -C afas-attendance plan --out arrived.plan", Shows: []string{"~ 340/1/2000103/1324", "Pres false → true", "0 to create · 1 to update · 0 to delete"}},
			{Do: "koppel -C afas-attendance apply arrived.plan", Shows: []string{"1 updated"}},
			{Say: "AFAS has it now:", Do: "curl {sandbox}/afas/data/presences/340,1,2000103,1324", Shows: []string{`"Pres": true`}},
			{Check: presenceIsRight},
		}},
	}
}
