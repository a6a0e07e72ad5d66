package afas

import "koppel/internal/sandbox/dataset"

// An object is an UpdateConnector, or an object below one.
type object struct {
	id, root, description string
	table                 string
	verbs                 string // of POST, PUT and DELETE; empty: those of its parent
	unlisted              bool
	fields                []field
	subs                  []*object
	// answers are the fields that the answer to a write names; none: the
	// answer has no body.
	answers []string
	// inherits are the columns that an object below takes over from its parent.
	inherits []string
	before   func(*writing) error // runs before the row is written
	after    func(*writing) error // runs after
}

// A field of an object is the column of the same name.
type field struct {
	id        string
	primary   bool
	mandatory bool   // on insert
	refers    string // table whose single key the value must be
	unique    bool   // no other row, and by a known defect not this one either, may have it
	values    []value
}

func key(id string) field  { return field{id: id, primary: true, mandatory: true} }
func must(id string) field { return field{id: id, mandatory: true} }
func refer(id, table string) field {
	return field{id: id, primary: true, mandatory: true, refers: table}
}
func may(ids ...string) (list []field) {
	for _, id := range ids {
		list = append(list, field{id: id})
	}
	return list
}

func fields(first []field, more ...[]field) []field {
	list := append([]field{}, first...)
	for _, m := range more {
		list = append(list, m...)
	}
	return list
}

// objects are all UpdateConnectors, by id.
func objects() map[string]*object {
	person := personObject()
	below := *person
	below.answers = nil // the answer names what was written at the top
	list := []*object{
		person,
		{
			id: "KnEmployee", root: "AfasEmployee", description: "Medewerker", table: "employees", verbs: "POST PUT DELETE",
			answers: []string{"EmId"}, subs: []*object{&below}, before: numberEmployee,
			fields: fields([]field{{id: "EmId", primary: true}, {id: "BcCo", refers: "persons"}},
				may("DpId", "FuDs", "HrWk", "FTE", "DaBe", "DaEn", "Bl")),
		},
		{
			id: "KnCourseEvent", root: "KnCourseEvent", description: "Evenement", table: "events", verbs: "POST PUT DELETE",
			answers: []string{"CrId"}, before: numberEvent, after: needSession,
			fields: fields([]field{{id: "CrId", primary: true}, must("Ds")}, may("LoId")),
			subs: []*object{{
				id: "KnSession", root: "KnSession", description: "Sessie", table: "sessions", inherits: []string{"CrId"}, after: fillSession,
				fields: fields([]field{key("SeId"), must("SeDa")}, may("StTi", "EnTi", "BcId", "LoId")),
			}},
		},
		{
			id: "KnCourseMember", root: "KnCourseMember", description: "Deelnemer evenement", table: "members", verbs: "POST PUT DELETE",
			after: fillMember,
			fields: fields([]field{refer("CrId", "events"), key("CdId"), {id: "BcCo", mandatory: true, refers: "persons"}, must("SuDa"),
				must("Invo"), must("CuId")}, may("DeId", "DfPr", "DiPc", "Rm", "RfCs", "Bl", remarkField)),
		},
		{
			id: "KnCourseSessionMember", root: "KnCourseSessionMember", description: "Presentie", table: "presences", verbs: "PUT",
			fields: fields([]field{refer("CrId", "events"), key("SeId"), refer("MeId", "persons"), key("CdId")}, may("Pres")),
		},
		{
			id: "KnAppointment", root: "KnAppointment", description: "Afspraak", table: "agenda", verbs: "POST PUT DELETE",
			answers: []string{"ApId"}, before: numberAppointment,
			fields: fields([]field{{id: "ApId", primary: true}, must("Ds"), must("DsBe"), must("DsEn"), {id: "EmId", refers: "employees"}},
				may("Lo", "Ca")),
		},
		{
			id: "KnSubject", root: "KnSubject", description: "Dossieritem", table: "subjects", verbs: "POST PUT DELETE",
			answers: []string{"SbId"}, before: numberSubject,
			fields: fields([]field{{id: "SbId", primary: true}, must("StId"), must("Ds")}, may("SbTx")),
			subs: []*object{
				{id: "KnSubjectLink", root: "KnSubjectLink", description: "Bestemming", table: "links", inherits: []string{"SbId"},
					fields: []field{key("SfTp"), key("SfId")}},
				{id: "KnSubjectAttachment", root: "KnSubjectAttachment", description: "Bijlage", table: "attachments", inherits: []string{"SbId"},
					before: numberAttachment, fields: []field{{id: "FileId", primary: true}, must("FileName"), must("FileStream")}},
			},
		},
		{id: "KnOrganisation", root: "KnOrganisation", description: "Organisatie", table: "persons", verbs: "POST", unlisted: true},
	}
	byID := make(map[string]*object, len(list))
	for _, o := range list {
		byID[o.id] = o
	}
	return byID
}

func personObject() *object {
	match := []value{
		{"0", "Zoeken op BcCo"}, {"1", "Burgerservicenummer"}, {"7", "Altijd nieuw toevoegen"},
	}
	return &object{
		id: "KnPerson", root: "KnPerson", description: "Persoon", table: "persons", verbs: "POST PUT DELETE",
		answers: []string{"BcId", "BcCo"}, before: matchPerson,
		fields: fields([]field{{id: "BcCo"}, {id: "MatchPer", values: match}, {id: "AutoNum"}, must("LaNm"), {id: "EmAd", unique: true}},
			may("FiNm", "In", "Is", "SpNm", "ViGe", "DaBi", "SoSe", "MbNr", "MbN2")),
		subs: []*object{{
			id: "KnBankAccount", root: "KnBankAccount", description: "Bankrekening", table: "accounts", inherits: []string{"BcCo"},
			fields: []field{key("BaCc")},
		}},
	}
}

// objectColumn describes the column of a field. Fields that steer the write
// have none.
func (s *System) objectColumn(o *object, f field) dataset.Column {
	def, _ := s.Data.Def(o.table)
	for _, c := range def.Columns {
		if c.Name == f.id {
			return c
		}
	}
	if f.id == "AutoNum" || f.id == "SpNm" {
		return dataset.Column{Name: f.id, Type: dataset.Bool, Label: f.id}
	}
	return dataset.Column{Name: f.id, Type: dataset.String, Length: 1, Label: f.id}
}

func (o *object) field(id string) *field {
	for i := range o.fields {
		if o.fields[i].id == id {
			return &o.fields[i]
		}
	}
	return nil
}

func (o *object) sub(id string) *object {
	for _, sub := range o.subs {
		if sub.id == id || sub.root == id {
			return sub
		}
	}
	return nil
}
