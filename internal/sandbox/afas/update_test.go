package afas_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/internal/sandbox/afas"
	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// presence gives a row of presences by its key.
func (p *profit) row(table, key string) (row dataset.Row) {
	p.Data.View(func(tx *dataset.Tx) { row = tx.Get(table, key) })
	return row
}

func TestPresence(t *testing.T) {
	p := start(t, afas.Options{})
	body := `{"KnCourseSessionMember":{"Element":{"@CrId":"340","@SeId":"1","@MeId":"2000101","@CdId":"1322","Fields":{"Pres":true}}}}`
	if a := p.call("PUT", "/connectors/KnCourseSessionMember", body); a.status != http.StatusCreated || a.body != "" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if row := p.row("presences", "340,1,2000101,1322"); row["Pres"] != true {
		t.Errorf("the row is %v", row)
	}
	want := []traffic.Effect{{Op: "update", What: "KnCourseSessionMember", Key: "340,1,2000101,1322",
		Body: []byte(`{"CdId":"1322","CrId":"340","MeId":"2000101","Pres":true,"SeId":"1"}`)}}
	if diff := cmp.Diff(want, p.Traffic.Effects()); diff != "" {
		t.Errorf("effects (-want +got)\n%s", diff)
	}
	p.refused(p.call("POST", "/connectors/KnCourseSessionMember", body), "POST is not supported")
	p.refused(p.call("PUT", "/connectors/KnCourseSessionMember", strings.ReplaceAll(body, "1322", "9999")), "'Deelnemer' does not exist")
	p.refused(p.call("PUT", "/connectors/KnCourseSessionMember", strings.ReplaceAll(body, "2000101", "77")), "'Organisatie/persoon' does not exist")
	p.refused(p.call("PUT", "/connectors/KnCourseSessionMember", strings.ReplaceAll(body, `"Pres"`, `"Prez"`)), "Field 'Prez' is unknown")
}

func TestParticipant(t *testing.T) {
	p := start(t, afas.Options{})
	body := `{"KnCourseMember":{"Element":{"@CrId":"341","@CdId":"1401","Fields":{"BcCo":"2000103","DeId":"10730","SuDa":"2026-11-22","Invo":false,"CuId":"EUR"}}}}`
	if a := p.call("POST", "/connectors/KnCourseMember", body); a.status != http.StatusCreated || a.body != "" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if p.row("presences", "341,2,2000103,1401") == nil {
		t.Error("the second session knows nothing of the participant")
	}
	p.refused(p.call("POST", "/connectors/KnCourseMember", body), "already exists")
	p.refused(p.call("POST", "/connectors/KnCourseMember", strings.Replace(body, `"Invo":false,`, "", 1)), "FieldId: Invo")
	if a := p.call("PUT", "/connectors/KnCourseMember", `{"KnCourseMember":{"Element":{"@CrId":341,"@CdId":1401,"Fields":{"Rm":"x","DeId":""}}}}`); a.status != http.StatusCreated {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if row := p.row("members", "341,1401"); row["Rm"] != "x" || row["DeId"] != nil || row["CuId"] != "EUR" {
		t.Errorf("only what is sent changes, and \"\" clears: %v", row)
	}
	if a := p.call("DELETE", "/connectors/KnCourseMember/KnCourseMember/@CrId,@CdId/341,1401", ""); a.status != http.StatusOK || a.body != "" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if p.row("presences", "341,2,2000103,1401") != nil || p.row("members", "341,1401") != nil {
		t.Error("the participant is still there")
	}
	p.refused(p.call("DELETE", "/connectors/KnCourseMember/KnCourseMember/@CrId,@CdId/341,1401", ""), "does not exist")
}

func TestPersonIsNewEachTime(t *testing.T) {
	p := start(t, afas.Options{})
	n := len(p.Data.Rows("persons"))
	body := `{"KnPerson":{"Element":{"Fields":{"AutoNum":true,"MatchPer":"7","FiNm":"Pien","LaNm":"Proef","SpNm":false,"ViGe":"V","DaBi":"1994-05-17"},
		"Objects":[{"KnBankAccount":{"Element":{"@BaCc":"TEST01"}}}]}}}`
	one, two := p.call("POST", "/connectors/KnPerson", body), p.call("POST", "/connectors/KnPerson", body)
	if one.status != http.StatusCreated || one.body == two.body || !strings.HasPrefix(one.body, `{"results":{"KnPerson":{"BcCo":"`) {
		t.Errorf("%d %s, then %s", one.status, one.body, two.body)
	}
	if got := len(p.Data.Rows("persons")); got != n+2 {
		t.Errorf("%d persons, there were %d", got, n)
	}
	if got := len(p.Data.Rows("accounts")); got != 2 {
		t.Errorf("%d bank accounts", got)
	}
}

func TestEmployeeWithPerson(t *testing.T) {
	p := start(t, afas.Options{})
	a := p.call("POST", "/connectors/KnEmployee", `{"AfasEmployee":{"Element":{"@EmId":"0009001","Fields":{"DpId":"KAZ-01","DaBe":"2026-12-01"},
		"Objects":{"KnPerson":{"Element":{"Fields":{"MatchPer":"7","FiNm":"Guus","LaNm":"Doemaar","EmAd":"guus@example.org"}}}}}}}`)
	if a.status != http.StatusCreated || a.body != `{"results":{"AfasEmployee":{"EmId":"0009001"}}}` {
		t.Fatalf("%d %s", a.status, a.body)
	}
	row := p.rows("Reception_Employees?filterfieldids=EmployeeId&filtervalues=0009001")[0]
	if row["LastName"] != "Doemaar" || row["EmailWork"] != "guus@example.org" {
		t.Errorf("%v", row)
	}
	mail := `{"AfasEmployee":{"Element":{"@EmId":"0009001","Objects":[{"KnPerson":{"Element":{"Fields":{"EmAd":"MAIL"}}}}]}}}`
	p.refused(p.call("PUT", "/connectors/KnEmployee", strings.Replace(mail, "MAIL", "guus@example.org", 1)), "already exists")
	if a := p.call("PUT", "/connectors/KnEmployee", strings.Replace(mail, "MAIL", "g.doemaar@example.org", 1)); a.status != http.StatusCreated {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := p.call("DELETE", "/connectors/KnEmployee/AfasEmployee/@EmId/0009001", ""); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestAllOrNothing: one bad element takes back the others.
func TestAllOrNothing(t *testing.T) {
	p := start(t, afas.Options{})
	body := `{"KnCourseSessionMember":{"Element":[
		{"@CrId":340,"@SeId":1,"@MeId":"2000101","@CdId":1322,"Fields":{"Pres":true}},
		{"@CrId":340,"@SeId":1,"@MeId":"2000101","@CdId":1,"Fields":{"Pres":true}}]}}`
	p.refused(p.call("PUT", "/connectors/KnCourseSessionMember", body), "does not exist")
	if row := p.row("presences", "340,1,2000101,1322"); row["Pres"] != false {
		t.Errorf("the first element was kept: %v", row)
	}
	if n := len(p.Traffic.Effects()); n != 0 {
		t.Errorf("%d effects are listed", n)
	}
	if a := p.call("PUT", "/connectors/KnCourseSessionMember", "{"); a.status != http.StatusInternalServerError || a.body != `{"message":"Invalid json"}` {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestEventAndSessions(t *testing.T) {
	p := start(t, afas.Options{})
	p.refused(p.call("POST", "/connectors/KnCourseEvent", `{"KnCourseEvent":{"Element":{"Fields":{"Ds":"EHBO"}}}}`), "at least one session")
	a := p.call("POST", "/connectors/KnCourseEvent",
		`{"KnCourseEvent":{"Element":{"Fields":{"Ds":"EHBO"},"Objects":[{"KnSession":{"Element":{"@SeId":1,"Fields":{"SeDa":"2026-12-01","StTi":"09:00:00"}}}}]}}}`)
	if a.body != `{"results":{"KnCourseEvent":{"CrId":"343"}}}` {
		t.Fatalf("%d %s", a.status, a.body)
	}
	a = p.call("POST", "/connectors/KnCourseEvent/KnSession",
		`{"KnCourseEvent":{"Element":{"@CrId":343,"Objects":[{"KnSession":{"Element":{"@SeId":2,"Fields":{"SeDa":"2026-12-08"}}}}]}}}`)
	if a.status != http.StatusCreated || p.row("sessions", "343,2") == nil {
		t.Errorf("a second session: %d %s", a.status, a.body)
	}
	p.refused(p.call("DELETE", "/connectors/KnCourseEvent/KnCourseEvent/@CrId/343", ""), "still has sessions")
	a = p.call("PUT", "/connectors/KnCourseEvent",
		`{"KnCourseEvent":{"Element":{"@CrId":343,"Objects":[{"KnSession":{"Element":[{"@Action":"delete","@SeId":1},{"@SeId":2,"Fields":{"@action":"delete"}}]}}]}}}`)
	if a.status != http.StatusCreated {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a = p.call("DELETE", "/connectors/KnCourseEvent/KnCourseEvent/@CrId/343", ""); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestFileBelowSubject(t *testing.T) {
	p := start(t, afas.Options{})
	a := p.call("POST", "/connectors/KnSubject", `{"KnSubject":{"Element":{"Fields":{"StId":"4","Ds":"Bewijs"},"Objects":[
		{"KnSubjectLink":{"Element":{"@SfTp":"2","@SfId":"0001001"}}},
		{"KnSubjectAttachment":{"Element":{"Fields":{"FileName":"bewijs.txt","FileStream":"ZGVtbw=="}}}}]}}}`)
	if a.status != http.StatusCreated || a.body != `{"results":{"KnSubject":{"SbId":"49002"}}}` {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for _, row := range p.Data.Rows("attachments") {
		if row["SbId"] == int64(49002) {
			a := p.call("GET", "/subjectconnector/49002/"+row["FileId"].(string), "")
			if a.body != `{"filedata":"ZGVtbw==","filename":"bewijs.txt","mimetype":"text/plain"}` {
				t.Errorf("%d %s", a.status, a.body)
			}
		}
	}
	if a := p.call("GET", "/subjectconnector/49002/0", ""); a.status != http.StatusNotFound || a.body != "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	p.refused(p.call("POST", "/connectors/KnSubject", `{"KnSubject":{"Element":{"Fields":{"StId":"-3","Ds":"x"}}}}`), "does not exist")
}
