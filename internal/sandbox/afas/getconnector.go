package afas

import (
	"strings"

	"koppel/internal/sandbox/dataset"
)

// A getConnector is a view on the tables, as an administrator makes it.
type getConnector struct {
	id, description string
	from            string // table
	joins           []join
	columns         []column
	unlisted        bool // exists, and is not in the app connector
	blocked         bool // by AFAS, for over-use
}

// A join looks up the row of a table by columns of rows that are there already.
type join struct {
	name, table string
	on          []string // as in column.from
}

// A column of a connector shows a column of a row: "X" of the table it is from,
// or "join.X". Without one it was replaced in Profit.
type column struct{ id, from string }

func columns(pairs ...string) []column {
	list := make([]column, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, column{id: pairs[i], from: pairs[i+1]})
	}
	return list
}

// getConnectors are all connectors, by id.
func getConnectors() map[string]*getConnector {
	person := join{"person", "persons", []string{"BcCo"}}
	employee := []column{{"EmployeeId", "EmId"}, {"PersonId", "BcCo"}}
	names := columns("FirstName", "person.FiNm", "Prefix", "person.Is", "LastName", "person.LaNm", "EmailWork", "person.EmAd")
	list := []*getConnector{
		{
			id: "Reception_Employees", description: "Medewerkers voor de receptie", from: "employees", joins: []join{person},
			columns: append(append(append([]column{}, employee...), names...), columns(
				"MobilePrivate", "person.MbN2", "OrgUnit", "DpId", "JobTitle", "FuDs", "HoursPerWeek", "HrWk", "FTE", "FTE",
				"EmploymentStart", "DaBe", "EmploymentEnd", "DaEn", "Blocked", "Bl", "ModifiedDate", "ModifiedDate",
				"PersonModifiedDate", "person.ModifiedDate")...),
		},
		{
			id: "Reception_Agenda", description: "Agenda-items voor de receptie", from: "agenda", columns: columns(
				"AppointmentId", "ApId", "Subject", "Ds", "Start", "DsBe", "End", "DsEn", "Location", "Lo", "EmployeeId", "EmId",
				"Cancelled", "Ca", "ModifiedDate", "ModifiedDate"),
		},
		{
			id: "Reception_Guests", description: "Genodigden van agenda-items", from: "guests",
			joins: []join{{"appointment", "agenda", []string{"ApId"}}}, columns: columns(
				"AppointmentId", "ApId", "GuestNumber", "Nr", "Name", "Nm", "Email", "EmAd", "Start", "appointment.DsBe",
				"Cancelled", "appointment.Ca", "ModifiedDate", "ModifiedDate", "AppointmentModifiedDate", "appointment.ModifiedDate"),
		},
		{
			id: "Reception_Courses", description: "Sessies van evenementen", from: "sessions",
			joins: []join{{"event", "events", []string{"CrId"}}}, columns: columns(
				"CrId", "CrId", "SeId", "SeId", "EventName", "event.Ds", "SessionDate", "SeDa", "StartTime", "StTi", "EndTime", "EnTi",
				"Location", "LoId", "ModifiedDate", "ModifiedDate", "EventModifiedDate", "event.ModifiedDate"),
		},
		{
			id: "Reception_Participants", description: "Deelnemers per sessie", from: "presences", joins: []join{
				{"event", "events", []string{"CrId"}},
				{"session", "sessions", []string{"CrId", "SeId"}},
				{"member", "members", []string{"CrId", "CdId"}},
				{"person", "persons", []string{"member.BcCo"}},
			}, columns: columns(
				"CrId", "CrId", "EventName", "event.Ds", "SeId", "SeId", "SessionDate", "session.SeDa", "StartTime", "session.StTi",
				"CdId", "CdId", "BcCo", "member.BcCo", "FirstName", "person.FiNm", "Prefix", "person.Is", "LastName", "person.LaNm",
				"EmailWork", "person.EmAd", "RegistrationDate", "member.SuDa", "Present", "Pres", "Price", "member.DfPr",
				"Discount", "member.DiPc", "Remark", "member.Rm", "CompletedOn", "member."+remarkField, "ModifiedDate", "ModifiedDate",
				"MemberModifiedDate", "member.ModifiedDate", "PersonModifiedDate", "person.ModifiedDate"),
		},
		{
			id: "Reception_Members", description: "Deelnemers per evenement", from: "members", columns: columns(
				"CrId", "CrId", "CdId", "CdId", "BcCo", "BcCo", "DeId", "DeId", "SuDa", "SuDa", "DfPr", "DfPr", "DiPc", "DiPc",
				"Invo", "Invo", "Rm", "Rm", "CuId", "CuId", "RfCs", "RfCs", "Bl", "Bl", "ModifiedDate", "ModifiedDate"),
		},
		{
			id: "Reception_Presence", description: "Presentie per sessie", from: "presences", columns: columns(
				"CrId", "CrId", "SeId", "SeId", "MeId", "MeId", "CdId", "CdId", "Pres", "Pres", "ModifiedDate", "ModifiedDate"),
		},
		{
			id: "Sandbox_Persons", description: "Personen met BSN", from: "persons", columns: columns(
				"BcCo", "BcCo", "BcId", "BcId", "FirstName", "FiNm", "Initials", "In", "Prefix", "Is", "LastName", "LaNm", "Gender", "ViGe",
				"BirthDate", "DaBi", "Bsn", "SoSe", "EmailWork", "EmAd", "ModifiedDate", "ModifiedDate"),
		},
		{
			id: "Sandbox_Employments", description: "Dienstverbanden: een medewerker kan er meer hebben", from: "employments",
			columns: columns("EmployeeId", "EmId", "EmploymentNumber", "EnSe", "Start", "DaBe", "End", "DaEn", "ModifiedDate", "ModifiedDate"),
		},
		{
			id: "Sandbox_Subjects", description: "Dossieritems", from: "subjects",
			columns: columns("SubjectId", "SbId", "Type", "StId", "Subject", "Ds", "Text", "SbTx", "ModifiedDate", "ModifiedDate"),
		},
		{
			id: "Sandbox_Corrections", description: "Correcties met kleine getallen", from: "corrections",
			columns: columns("LineId", "LineId", "Hours", "Hours"),
		},
		{
			id: "Sandbox_Replaced", description: "Een veld bestaat niet meer", from: "employees",
			columns: columns("EmployeeId", "EmId", "OldField", "", "OrgUnit", "DpId"),
		},
		{
			id: "Sandbox_Dotted", description: "Veldnamen met een punt en een spatie", from: "employees", joins: []join{person},
			columns: columns("Medew.", "EmId", "E-mail werk", "person.EmAd"),
		},
		{
			id: "Sandbox_Blocked", description: "Geblokkeerd wegens te zwaar gebruik", from: "employees", blocked: true,
			columns: columns("EmployeeId", "EmId"),
		},
		{
			id: "Sandbox_Unlisted", description: "Niet in de app connector", from: "employees", unlisted: true,
			columns: columns("EmployeeId", "EmId"),
		},
	}
	byID := make(map[string]*getConnector, len(list))
	for _, g := range list {
		byID[g.id] = g
	}
	return byID
}

// AddConnector adds a table and a GetConnector of the same name that shows all
// its columns, filled with rows. Columns of type Any show a json.RawMessage as
// it is.
func (s *System) AddConnector(d dataset.Def, rows ...dataset.Row) error {
	if err := s.Data.Add(d); err != nil {
		return err
	}
	g := &getConnector{id: d.Name, description: d.Name, from: d.Name}
	for _, c := range d.Columns {
		g.columns = append(g.columns, column{id: c.Name, from: c.Name})
	}
	s.mu.Lock()
	s.getters[g.id] = g
	s.mu.Unlock()
	return s.Data.Change(func(tx *dataset.Tx) error {
		for _, row := range rows {
			if _, err := tx.Insert(d.Name, row); err != nil {
				return err
			}
		}
		return nil
	})
}

// getter gives the connector of an id; nil: there is none.
func (s *System) getter(id string) *getConnector {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.getters[id]
}

// find gives a column by the name that callers use; -1: there is none.
func (g *getConnector) find(id string) int {
	for i, c := range g.columns {
		if c.id == id {
			return i
		}
	}
	return -1
}

// column describes where a column of the connector comes from.
func (s *System) column(g *getConnector, c column) dataset.Column {
	table, name := g.from, c.from
	if alias, rest, ok := strings.Cut(c.from, "."); ok {
		name = rest
		for _, j := range g.joins {
			if j.name == alias {
				table = j.table
			}
		}
	}
	def, _ := s.Data.Def(table)
	for _, known := range def.Columns {
		if known.Name == name {
			return known
		}
	}
	return dataset.Column{Name: c.id, Type: dataset.String, Label: c.id}
}
