package afas

import (
	"fmt"

	"koppel/internal/sandbox/dataset"
)

// matchPerson finds the person that a write means: MatchPer 0 by BcCo, 1 by
// BSN, 7 always a new one. Below an employee it is that employee's person.
func matchPerson(w *writing) error {
	match := dataset.Text(w.values["MatchPer"])
	if w.parent != nil && w.parent.action == "update" {
		w.values["BcCo"] = w.parent.row["BcCo"]
		match = "0"
	}
	switch match {
	case "", "0":
	case "1":
		for _, row := range w.tx.Rows("persons") {
			if row["SoSe"] != nil && row["SoSe"] == w.values["SoSe"] {
				w.values["BcCo"], w.action = row["BcCo"], "update"
			}
		}
	case "7":
		w.action = "insert"
	default:
		return generalProblem("Value '%s' of 'MatchPer' is not supported here.", "Waarde '%s' van 'MatchPer' wordt hier niet ondersteund.", match)
	}
	if w.action == "insert" {
		id := w.tx.Next("persons", "BcId", 500)
		if w.values["BcCo"] == nil || match == "7" {
			w.values["BcCo"] = freeCode(w.tx, 2000100+id-500)
		}
		w.number = id
	}
	if w.parent != nil && w.parent.o.id == "KnEmployee" && w.parent.values["BcCo"] == nil {
		w.parent.values["BcCo"] = w.values["BcCo"]
	}
	return nil
}

func freeCode(tx *dataset.Tx, from int64) string {
	for ; ; from++ {
		if code := fmt.Sprint(from); tx.Get("persons", code) == nil {
			return code
		}
	}
}

func numberEmployee(w *writing) error {
	if w.action == "insert" && w.values["EmId"] == nil {
		for n := len(w.tx.Rows("employees")) + 1001; ; n++ {
			if id := fmt.Sprintf("%07d", n); w.tx.Get("employees", id) == nil {
				w.values["EmId"] = id
				break
			}
		}
	}
	if w.action == "insert" && w.values["BcCo"] == nil {
		return w.mandatory("BcCo")
	}
	return nil
}

// numbered gives a new row the next number.
func numbered(w *writing, name string, floor int64) error {
	if w.action == "insert" && w.values[name] == nil {
		w.values[name] = w.tx.Next(w.o.table, name, floor)
	}
	return nil
}

func numberEvent(w *writing) error       { return numbered(w, "CrId", 339) }
func numberAppointment(w *writing) error { return numbered(w, "ApId", 70000) }

// numberSubject also refuses the types that are Profit's own.
func numberSubject(w *writing) error {
	if kind := dataset.Text(w.values["StId"]); len(kind) > 1 && kind[0] == '-' && kind != "-5" {
		return missingValue(w.label("StId"))
	}
	return numbered(w, "SbId", 49000)
}

func numberAttachment(w *writing) error {
	if w.action == "insert" && w.values["FileId"] == nil {
		r := dataset.Rand(w.s.o.Seed+uint64(len(w.tx.Rows("attachments"))), "attachment")
		w.values["FileId"] = fmt.Sprintf("%016X%016X", r.Uint64(), r.Uint64())
	}
	return nil
}

// needSession holds that an event has at least one session, and that its
// sessions go before it does.
func needSession(w *writing) error {
	switch w.action {
	case "insert":
		if w.nested["KnSession"] == 0 {
			return generalProblem("An event needs at least one session.", "Een evenement moet minimaal één sessie hebben.")
		}
	case "delete":
		for _, row := range w.tx.Rows("sessions") {
			if row["CrId"] == w.row["CrId"] {
				return generalProblem("The event still has sessions.", "Het evenement heeft nog sessies.")
			}
		}
	}
	return nil
}

// fillSession keeps the presences of a session: one for each participant.
func fillSession(w *writing) error {
	row := w.row
	switch w.action {
	case "insert":
		for _, m := range w.tx.Rows("members") {
			if m["CrId"] == row["CrId"] {
				if err := w.presence(row, m); err != nil {
					return err
				}
			}
		}
	case "delete":
		return w.dropPresences("SeId")
	}
	return nil
}

// fillMember keeps the presences of a participant: one for each session.
func fillMember(w *writing) error {
	row := w.row
	switch w.action {
	case "insert":
		for _, session := range w.tx.Rows("sessions") {
			if session["CrId"] == row["CrId"] {
				if err := w.presence(session, row); err != nil {
					return err
				}
			}
		}
	case "delete":
		return w.dropPresences("CdId")
	}
	return nil
}

func (w *writing) presence(session, member dataset.Row) error {
	_, err := w.tx.Insert("presences", dataset.Row{
		"CrId": session["CrId"], "SeId": session["SeId"], "MeId": member["BcCo"], "CdId": member["CdId"], "Pres": false,
	})
	return err
}

func (w *writing) dropPresences(by string) error {
	gone := w.row
	def, _ := w.s.Data.Def("presences")
	for _, row := range w.tx.Rows("presences") {
		if row["CrId"] == gone["CrId"] && row[by] == gone[by] {
			key, err := def.KeyOf(row)
			if err != nil {
				return err
			}
			if err := w.tx.Delete("presences", key); err != nil {
				return err
			}
		}
	}
	return nil
}
