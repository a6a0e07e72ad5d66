package afas

import "koppel/internal/sandbox/dataset"

// remarkField is the name of a custom field of participants: a U and a GUID.
const remarkField = "U3C5F1E0A4B7D4C0E9A6B2D8F10A7C311"

// tables are Profit's collections, with the field names of the UpdateConnectors.
func tables() []dataset.Def {
	const (
		text, whole, number, flag, moment = dataset.String, dataset.Int, dataset.Number, dataset.Bool, dataset.Time
	)
	modified := dataset.Column{Name: "ModifiedDate", Type: moment, Label: "Gewijzigd op"}
	return []dataset.Def{
		{Name: "persons", Key: []string{"BcCo"}, Modified: "ModifiedDate", Columns: []dataset.Column{
			{Name: "BcCo", Type: text, Length: 15, Label: "Persoon"},
			{Name: "BcId", Type: whole, Label: "Intern ID"},
			{Name: "FiNm", Type: text, Length: 50, Label: "Voornaam"},
			{Name: "In", Type: text, Length: 15, Label: "Voorletters"},
			{Name: "Is", Type: text, Length: 10, Label: "Voorvoegsel"},
			{Name: "LaNm", Type: text, Length: 50, Label: "Achternaam"},
			{Name: "ViGe", Type: text, Length: 1, Label: "Geslacht"},
			{Name: "DaBi", Type: moment, Label: "Geboortedatum"},
			{Name: "SoSe", Type: text, Length: 9, Label: "BSN"},
			{Name: "EmAd", Type: text, Length: 255, Label: "E-mail werk"},
			{Name: "MbNr", Type: text, Length: 50, Label: "Mobiel werk"},
			{Name: "MbN2", Type: text, Length: 50, Label: "Mobiel privé"},
			modified,
		}},
		{Name: "employees", Key: []string{"EmId"}, Modified: "ModifiedDate", Columns: []dataset.Column{
			{Name: "EmId", Type: text, Length: 15, Label: "Medewerker"},
			{Name: "BcCo", Type: text, Length: 15, Label: "Persoon"},
			{Name: "DpId", Type: text, Length: 10, Label: "Organisatorische eenheid"},
			{Name: "FuDs", Type: text, Length: 80, Label: "Functie"},
			{Name: "HrWk", Type: number, Decimals: 2, Label: "Uren per week"},
			{Name: "FTE", Type: number, Decimals: 4, Label: "FTE"},
			{Name: "DaBe", Type: moment, Label: "Datum in dienst"},
			{Name: "DaEn", Type: moment, Label: "Datum uit dienst"},
			{Name: "Bl", Type: flag, Label: "Geblokkeerd"},
			modified,
		}},
		{Name: "employments", Key: []string{"EmId", "EnSe"}, Modified: "ModifiedDate", Columns: []dataset.Column{
			{Name: "EmId", Type: text, Length: 15, Label: "Medewerker"},
			{Name: "EnSe", Type: whole, Label: "Volgnummer dienstverband"},
			{Name: "DaBe", Type: moment, Label: "Begindatum"},
			{Name: "DaEn", Type: moment, Label: "Einddatum"},
			modified,
		}},
		{Name: "agenda", Key: []string{"ApId"}, Modified: "ModifiedDate", Columns: []dataset.Column{
			{Name: "ApId", Type: whole, Label: "Afspraak"},
			{Name: "Ds", Type: text, Length: 80, Label: "Onderwerp"},
			{Name: "DsBe", Type: moment, Label: "Begin"},
			{Name: "DsEn", Type: moment, Label: "Einde"},
			{Name: "Lo", Type: text, Length: 80, Label: "Locatie"},
			{Name: "EmId", Type: text, Length: 15, Label: "Medewerker"},
			{Name: "Ca", Type: flag, Label: "Vervallen"},
			modified,
		}},
		{Name: "guests", Key: []string{"ApId", "Nr"}, Modified: "ModifiedDate", Columns: []dataset.Column{
			{Name: "ApId", Type: whole, Label: "Afspraak"},
			{Name: "Nr", Type: whole, Label: "Volgnummer"},
			{Name: "Nm", Type: text, Length: 80, Label: "Naam"},
			{Name: "EmAd", Type: text, Length: 255, Label: "E-mail"},
			modified,
		}},
		{Name: "events", Key: []string{"CrId"}, Modified: "ModifiedDate", Columns: []dataset.Column{
			{Name: "CrId", Type: whole, Label: "Evenement"},
			{Name: "Ds", Type: text, Length: 80, Label: "Omschrijving"},
			{Name: "LoId", Type: text, Length: 20, Label: "Locatie"},
			modified,
		}},
		{Name: "sessions", Key: []string{"CrId", "SeId"}, Modified: "ModifiedDate", Columns: []dataset.Column{
			{Name: "CrId", Type: whole, Label: "Evenement ID"},
			{Name: "SeId", Type: whole, Label: "Sessiecode"},
			{Name: "SeDa", Type: moment, Label: "Datum sessie"},
			{Name: "StTi", Type: text, Length: 8, Label: "Begintijd"},
			{Name: "EnTi", Type: text, Length: 8, Label: "Eindtijd"},
			{Name: "BcId", Type: whole, Label: "Docent"},
			{Name: "LoId", Type: text, Length: 20, Label: "Locatie"},
			modified,
		}},
		{Name: "members", Key: []string{"CrId", "CdId"}, Modified: "ModifiedDate", Columns: []dataset.Column{
			{Name: "CrId", Type: whole, Label: "Evenement ID"},
			{Name: "CdId", Type: whole, Label: "Deelnemer"},
			{Name: "BcCo", Type: text, Length: 15, Label: "Organisatie/persoon"},
			{Name: "DeId", Type: text, Length: 16, Label: "Debiteur"},
			{Name: "SuDa", Type: moment, Label: "Inschrijfdatum"},
			{Name: "DfPr", Type: number, Decimals: 10, Label: "Afwijkende prijs"},
			{Name: "DiPc", Type: number, Decimals: 2, Label: "Kortingspercentage"},
			{Name: "Invo", Type: flag, Label: "Factureren"},
			{Name: "Rm", Type: text, Label: "Opmerking"},
			{Name: "CuId", Type: text, Length: 3, Label: "Valuta"},
			{Name: "RfCs", Type: text, Length: 20, Label: "Referentie"},
			{Name: "Bl", Type: flag, Label: "Geblokkeerd"},
			{Name: remarkField, Type: moment, Label: "Afgerond op"},
			modified,
		}},
		{Name: "presences", Key: []string{"CrId", "SeId", "MeId", "CdId"}, Modified: "ModifiedDate", Columns: []dataset.Column{
			{Name: "CrId", Type: whole, Label: "Evenement ID"},
			{Name: "SeId", Type: whole, Label: "Sessiecode"},
			{Name: "MeId", Type: text, Length: 15, Label: "Organisatie/persoon"},
			{Name: "CdId", Type: whole, Label: "Deelnemer"},
			{Name: "Pres", Type: flag, Label: "Aanwezig"},
			modified,
		}},
		{Name: "accounts", Key: []string{"BcCo", "BaCc"}, Columns: []dataset.Column{
			{Name: "BcCo", Type: text, Length: 15, Label: "Persoon"},
			{Name: "BaCc", Type: text, Length: 30, Label: "Rekeningnummer"},
		}},
		{Name: "subjects", Key: []string{"SbId"}, Modified: "ModifiedDate", Columns: []dataset.Column{
			{Name: "SbId", Type: whole, Label: "Dossieritem"},
			{Name: "StId", Type: whole, Label: "Type dossieritem"},
			{Name: "Ds", Type: text, Length: 255, Label: "Onderwerp"},
			{Name: "SbTx", Type: text, Label: "Toelichting"},
			modified,
		}},
		{Name: "attachments", Key: []string{"SbId", "FileId"}, Columns: []dataset.Column{
			{Name: "SbId", Type: whole, Label: "Dossieritem"},
			{Name: "FileId", Type: text, Length: 32, Label: "Bijlage"},
			{Name: "FileName", Type: text, Length: 255, Label: "Bestandsnaam"},
			{Name: "FileStream", Type: text, Label: "Inhoud"},
		}},
		{Name: "links", Key: []string{"SbId", "SfTp", "SfId"}, Columns: []dataset.Column{
			{Name: "SbId", Type: whole, Label: "Dossieritem"},
			{Name: "SfTp", Type: whole, Label: "Soort bestemming"},
			{Name: "SfId", Type: text, Length: 30, Label: "Bestemming"},
		}},
		{Name: "corrections", Key: []string{"LineId"}, Columns: []dataset.Column{
			{Name: "LineId", Type: whole, Label: "Regel"},
			{Name: "Hours", Type: number, Decimals: 2, Label: "Uren"},
		}},
	}
}
