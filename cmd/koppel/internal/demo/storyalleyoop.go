package demo

// alleyOopStory tells of clients, dossiers, signals and files.
func alleyOopStory() []Step {
	return []Step{
		{Title: "AlleyOop's clients in a table of the office", Acts: []Act{
			{Do: "koppel -C alleyoop-clients-to-sql run", Shows: []string{"{clients} created"}},
			{
				Say: "One client is renamed, and one is new:",
				Do:  `curl -X PATCH -d '{"name": "Testpraktijk Nieuwe Naam"}' {sandbox}/alleyoop/data/clients/7f39c610-5a4d-4b0c-9e00-000000000005`,
			},
			{Do: `curl -d '{"clientId": "c0ffee00-0000-4000-8000-000000000001", "name": "Testpraktijk Erbij", "kvk": "00009901", "inactive": false}' {sandbox}/alleyoop/data/clients`},
			{
				Do:    "koppel -C alleyoop-clients-to-sql plan --out clients.plan",
				Shows: []string{`"Testpraktijk Zoë Testma" → "Testpraktijk Nieuwe Naam"`, "1 to create · 1 to update · 0 to delete"},
			},
			{Do: "koppel -C alleyoop-clients-to-sql apply clients.plan", Shows: []string{"1 created · 1 updated · 0 deleted"}},
			{Check: clientsAreRight},
		}},
		{Title: "Dossiers become work in AlleyOop, and none twice", Acts: []Act{
			{
				Say: "Three dossiers of an office become process instances, what was done in them signals, and\nreports files. AlleyOop makes an instance as often as it is asked to. The answer to the\nfirst creation gets lost on its way: was it made or not?",
				Do:  `curl -d '{"kind": "lost_answer", "method": "POST", "action": "process-instances"}' {sandbox}/alleyoop/faults`,
			},
			{
				Do:    "koppel -C dossiers-to-alleyoop run",
				Shows: []string{"pipeline instances succeeded", "3 created", "pipeline reports succeeded", "pipeline signals succeeded", "0 failed"},
			},
			{Say: "It was not made again blindly, but looked for first.", Check: instancesAreRight},
			{Check: filesAreRight},
			{
				Say: "The work goes on. One step is not due yet:",
				Do:  `echo '{"id": "D-{last year}-004", "kvk": "00001012", "process": "CONTROLE_08", "year": {last year}, "report": null}' >> dossiers-to-alleyoop/data/dossiers.jsonl`,
			},
			{Do: `echo '{"id": 4, "dossier": "D-2025-002", "step": "OPDRACHT"}' >> dossiers-to-alleyoop/data/steps.jsonl`},
			{Do: `echo '{"id": 5, "dossier": "D-2025-001", "step": "BEOORDELEN"}' >> dossiers-to-alleyoop/data/steps.jsonl`},
			{
				Do:    "koppel -C dossiers-to-alleyoop plan --out work.plan",
				Shows: []string{"+ D-{last year}-004", "1 to create · 0 to update · 0 to delete · 3 unchanged", "2 to create · 0 to update · 0 to delete · 3 unchanged"},
			},
			{
				Do: "koppel -C dossiers-to-alleyoop apply work.plan", Exit: 6,
				Shows: []string{"5 no given task: the signal SAMENSTELLEN_09-BEOORDELEN is not due; active tasks of instance", "informatie_compleet"},
			},
			{Say: "One refusal stops nothing else. It is kept, named and tried again:", Do: "koppel -C dossiers-to-alleyoop failed", Shows: []string{"refused 1 time"}},
			{Check: instancesAreRight},
		}},
	}
}

// lastStory looks back.
func lastStory() []Step {
	return []Step{
		{Title: "What became of it, and of one person", Acts: []Act{
			{
				Do:    "sqlite3 -column " + directory + " 'select external_id, name, department, function, badge from employees order by name limit 8'",
				Shows: []string{"Bram Monster", "Hoofd receptie"},
			},
			{Do: "koppel -C afas-employees-to-directory history employees 0001005", Shows: []string{"+ created", "~ updated", `"Noor de Bedacht" → "Noor de Bedacht-Testma"`}},
			{Do: "koppel -C afas-employees-to-directory runs", Shows: []string{"partial", "held", "succeeded"}},
			{Check: directoryIsRight},
		}},
	}
}
