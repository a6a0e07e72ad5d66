package demo

import (
	"context"
	"fmt"
	"time"

	"koppel/internal/sandbox/dataset"
)

const (
	directory = "afas-employees-to-directory/reception.db"
	agenda    = "afas-agenda-to-reception/reception.db"
	courses   = "afas-courses-to-reception/reception.db"
)

// directoryIsRight: whom AFAS has in service, with each field, and the account
// of the tablet.
func directoryIsRight(ctx context.Context, d *Demo) (string, error) {
	want := d.inService()
	got, err := d.rows(ctx, directory, "select external_id, name, email, department, function from employees where not protected")
	if err != nil {
		return "", err
	}
	if err := equal("the directory", want, got); err != nil {
		return "", err
	}
	tablets, err := d.rows(ctx, directory, "select name from employees where protected")
	if err != nil {
		return "", err
	}
	if err := equal("the directory", [][]string{{"Tablet balie"}}, tablets); err != nil {
		return "", err
	}
	return fmt.Sprintf("The directory holds the %d employees whom AFAS has in service, field by field, and the tablet.", len(want)), nil
}

// keepDirectory remembers the directory for directoryIsKept.
func keepDirectory(ctx context.Context, d *Demo) (string, error) {
	var err error
	d.kept[directory], err = d.rows(ctx, directory, "select * from employees")
	return "", err
}

// directoryIsKept: not a field of the directory has changed.
func directoryIsKept(ctx context.Context, d *Demo) (string, error) {
	got, err := d.rows(ctx, directory, "select * from employees")
	if err != nil {
		return "", err
	}
	if err := equal("the directory", d.kept[directory], got); err != nil {
		return "", err
	}
	return fmt.Sprintf("Nobody was deleted: the directory is as it was, all %d rows of it.", len(got)), nil
}

// deletesAreHeld: those who are blocked at AFAS still stand in the directory,
// and the change of another one got there.
func deletesAreHeld(ctx context.Context, d *Demo) (string, error) {
	rows, err := d.rows(ctx, directory, "select external_id, name, email, department, function from employees where not protected")
	if err != nil {
		return "", err
	}
	if late := minus(d.inService(), rows); len(late) > 0 {
		return "", fmt.Errorf("the directory should hold %v", late[0])
	}
	blocked := len(rows) - len(d.inService())
	if before := len(d.kept[directory]) - 1; blocked != 6 || len(rows) != before {
		return "", fmt.Errorf("the directory should hold %d employees, 6 of them blocked at AFAS, and not %d with %d", before, len(rows), blocked)
	}
	return fmt.Sprintf("All %d employees are still there, the %d who are blocked at AFAS too; the new function is there.", len(rows), blocked), nil
}

// agendaIsRight: every appointment from today on that is not cancelled, at its
// true time, its guests, and nothing that AFAS does not have.
func agendaIsRight(ctx context.Context, d *Demo) (string, error) {
	appointments, err := d.rows(ctx, agenda, "select id, starts, location from appointments")
	if err != nil {
		return "", err
	}
	visitors, err := d.rows(ctx, agenda, "select appointment, number, name, expected from visitors")
	if err != nil {
		return "", err
	}
	var all, due, guests, guestsDue [][]string
	planned := map[string]time.Time{}
	for _, a := range d.Box.AFAS.Data.Rows("agenda") {
		if start := a["DsBe"].(time.Time); a["Ca"] != true {
			id := dataset.Text(a["ApId"])
			planned[id] = start
			row := []string{id, instant(start), dataset.Text(a["Lo"])}
			if all = append(all, row); !d.past(start) {
				due = append(due, row)
			}
		}
	}
	for _, g := range d.Box.AFAS.Data.Rows("guests") {
		if start, ok := planned[dataset.Text(g["ApId"])]; ok {
			row := append(cells(g, "ApId", "Nr", "Nm"), instant(start))
			if guests = append(guests, row); !d.past(start) {
				guestsDue = append(guestsDue, row)
			}
		}
	}
	for _, side := range []struct{ most, least, got [][]string }{{all, due, appointments}, {guests, guestsDue, visitors}} {
		if missing := minus(side.least, side.got); len(missing) > 0 {
			return "", fmt.Errorf("the reception should expect %v", missing[0])
		}
		if excess := minus(side.got, side.most); len(excess) > 0 {
			return "", fmt.Errorf("the reception should not expect %v", excess[0])
		}
	}
	return fmt.Sprintf("The reception expects what AFAS has planned: %d appointments and %d visitors, each at its time.", len(appointments), len(visitors)), nil
}

// past tells whether a time may lie before the window of the agenda.
func (d *Demo) past(wall time.Time) bool { return wall.Before(d.Now().Truncate(24 * time.Hour)) }

// coursesAreRight: every session, and every participant of it.
func coursesAreRight(ctx context.Context, d *Demo) (string, error) {
	starts := map[string]string{}
	var sessions, participants [][]string
	for _, s := range d.Box.AFAS.Data.Rows("sessions") {
		key := cells(s, "CrId", "SeId")
		at, err := time.Parse(time.TimeOnly, dataset.Text(s["StTi"]))
		if err != nil {
			return "", err
		}
		day := s["SeDa"].(time.Time)
		start := instant(day.Add(time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute))
		starts[key[0]+"/"+key[1]] = start
		sessions = append(sessions, append(key, start))
	}
	for _, p := range d.Box.AFAS.Data.Rows("presences") {
		row := cells(p, "CrId", "SeId", "CdId", "MeId")
		participants = append(participants, append(row, starts[row[0]+"/"+row[1]]))
	}
	got, err := d.rows(ctx, courses, "select course, session, starts from appointments")
	if err == nil {
		err = equal("the table appointments", sessions, got)
	}
	if err != nil {
		return "", err
	}
	got, err = d.rows(ctx, courses, "select course, session, participant, person, expected from visitors")
	if err == nil {
		err = equal("the table visitors", participants, got)
	}
	return fmt.Sprintf("The reception has all %d sessions of AFAS, and their %d participants as visitors.", len(sessions), len(participants)), err
}

// presenceIsRight: AFAS has for each participant what the reception saw.
func presenceIsRight(ctx context.Context, d *Demo) (string, error) {
	seen, err := d.rows(ctx, courses, "select course, session, person, participant, case when arrived is null then 'false' else 'true' end from visitors")
	if err != nil {
		return "", err
	}
	var told [][]string
	came := 0
	for _, p := range d.Box.AFAS.Data.Rows("presences") {
		told = append(told, cells(p, "CrId", "SeId", "MeId", "CdId", "Pres"))
		if p["Pres"] == true {
			came++
		}
	}
	if err := equal("AFAS", seen, told); err != nil {
		return "", err
	}
	return fmt.Sprintf("AFAS knows of all %d participants what the reception saw: %d came.", len(told), came), nil
}
