package graph_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/graph"
)

func TestUsersList(t *testing.T) {
	c := start(t, graph.Options{Users: 250})
	rows, pages, _ := c.rows("/v1.0/users?$select=id,displayName,department,userType&$top=100")
	if diff := cmp.Diff([]int{100, 0, 100, 56}, pages); diff != "" || len(rows) != 256 {
		t.Errorf("%d rows (-want +got)\n%s", len(rows), diff)
	}
	if rows[0]["displayName"] != "Noor van Bedacht" || len(rows[0]) != 4 || rows[255]["department"] != nil {
		t.Errorf("%v, %v", rows[0], rows[255])
	}
	eventual := []string{"ConsistencyLevel", "eventual"}
	for filter, want := range map[string]int{
		"userType eq 'Member'": 254, "userType eq 'guest'": 2, "accountEnabled eq false": 250/13 + 2, "department eq null": 5,
		"department in ('KAZ-01','kaz-02') and userType eq 'Guest'": 1, "startsWith(displayName,'Zaal')": 2,
		"(department eq null or userType eq 'Guest') and accountEnabled eq true": 4, "displayName eq 'Zaal''s'": 0,
	} {
		if rows, _, _ := c.rows("/v1.0/users?$top=999&$filter=" + url.QueryEscape(filter)); len(rows) != want {
			t.Errorf("%s: %d rows, want %d", filter, len(rows), want)
		}
	}
	for filter, want := range map[string]int{
		"userType ne 'Member'": 2, "not startsWith(displayName,'Zaal')": 254, "assignedLicenses/$count ne 0": 250, "endsWith(mail,'.example')": 2,
	} {
		address := "/v1.0/users?$top=999&$count=true&$filter=" + url.QueryEscape(filter)
		if out := c.get(address, eventual...); out["@odata.count"] != float64(want) {
			t.Errorf("%s: %v rows, want %d", filter, out["@odata.count"], want)
		}
		if resp, out := c.ask("GET", address, ""); resp.StatusCode != 400 || code(out) != "Request_UnsupportedQuery" {
			t.Errorf("%s without the header: %d %v", filter, resp.StatusCode, out)
		}
	}
	for query, want := range map[string]int{
		"$top=1000": 400, "$skip=1": 400, "$select=nothing": 400, "$select=mailboxSettings": 501, "$filter=id+lt+'a'": 400, "$filter=(((": 400,
		"$skiptoken=R0usMDAwMDAwMDAwMDAwMDAwMDAwMDAwMA": 400,
	} {
		if resp, out := c.ask("GET", "/v1.0/users?"+query, ""); resp.StatusCode != want || code(out) == "" {
			t.Errorf("%s: %d %v, want %d", query, resp.StatusCode, out, want)
		}
	}
	out := c.get("/v1.0/users?$top=2&$expand=manager($select=id)")
	c.now = c.now.Add(time.Hour - time.Minute)
	if resp, out := c.ask("GET", out["@odata.nextLink"].(string), ""); code(out) != "Directory_ExpiredPageToken" {
		t.Errorf("an old page token: %d %v", resp.StatusCode, out)
	}
	if boss := out["value"].([]any)[1].(map[string]any)["manager"].(map[string]any); boss["displayName"] != "Noor van Bedacht" {
		t.Errorf("the manager is %v", boss)
	}
}

func TestOneUser(t *testing.T) {
	c := start(t, graph.Options{})
	noor := c.get("/v1.0/users/n.vanbedacht@example.org?$select=id,employeeId")
	if noor["id"] != c.owner(0) || noor["employeeId"] != "0001001" {
		t.Errorf("%v", noor)
	}
	if boss := c.get("/v1.0/users/" + c.owner(1) + "/manager"); boss["id"] != c.owner(0) {
		t.Errorf("%v", boss)
	}
	for path, want := range map[string]string{
		"/users/" + c.owner(0) + "/manager": "Request_ResourceNotFound", "/users/nobody@example.org": "Request_ResourceNotFound",
		"/users/s.verzonnen.oud@example.org": "Request_ResourceNotFound", "/nothing": "BadRequest", "/groups/1": "Request_ResourceNotFound",
	} {
		if resp, out := c.ask("GET", "/v1.0"+path, ""); code(out) != want {
			t.Errorf("%s: %d %v", path, resp.StatusCode, out)
		}
	}
	if bin, _, _ := c.rows("/v1.0/directory/deletedItems/microsoft.graph.user"); len(bin) != 1 || bin[0]["displayName"] != "Sven Verzonnen" {
		t.Errorf("%v", bin)
	}
}

// TestUsersDelta: a caller who merges by id knows the truth after each round.
func TestUsersDelta(t *testing.T) {
	c := start(t, graph.Options{Users: 250})
	rows, pages, delta := c.rows("/v1.0/users/delta?$select=displayName,jobTitle,department,manager")
	if len(pages) != 3 || pages[0] != 200 || pages[1] != 0 || delta == "" || len(rows) <= 257 {
		t.Errorf("%v pages, %d rows, %s", pages, len(rows), delta)
	}
	known := merged(nil, rows)
	bare := 0
	for _, row := range known {
		if _, ok := row["jobTitle"]; !ok {
			bare++
		}
	}
	if len(known) != 256 || bare != 250/11+6 {
		t.Errorf("%d users, %d without a job title", len(known), bare)
	}
	c.change("users", c.owner(0), dataset.Row{"jobTitle": nil, "department": "Ontvangst & Beveiliging"})
	c.change("users", c.owner(1), dataset.Row{"manager": c.owner(2)})
	c.change("users", c.owner(2), dataset.Row{"officeLocation": "elsewhere"}) // not selected
	c.change("users", c.owner(3), dataset.Row{"deletedDateTime": c.now})
	gone, binned, sven := c.owner(4), c.owner(3), c.owner(256)
	if err := c.Data.Delete("users", gone); err != nil {
		t.Fatal(err)
	}
	rows, _, second := c.rows(delta)
	reasons := map[string]any{}
	var managers string
	for _, row := range rows {
		if removed, ok := row["@removed"].(map[string]any); ok {
			reasons[row["id"].(string)] = removed["reason"]
		}
		if row["manager@delta"] != nil {
			managers = fmt.Sprint(row["manager@delta"])
		}
		if row["id"] == c.owner(0) {
			if _, partial := row["displayName"]; !partial && (row["jobTitle"] != nil || row["department"] != "Ontvangst & Beveiliging") {
				t.Errorf("a partial row: %v", row)
			}
		}
	}
	// The last one is from the round before.
	if diff := cmp.Diff(map[string]any{gone: "deleted", binned: "changed", sven: "changed"}, reasons); diff != "" {
		t.Errorf("tombstones (-want +got)\n%s", diff)
	}
	if strings.Count(managers, "@removed") != 1 || !strings.Contains(managers, c.owner(2)) {
		t.Errorf("the manager: %s", managers)
	}
	known = merged(known, rows)
	if noor := known[c.owner(0)]; len(known) != 254 || noor["jobTitle"] != nil || noor["displayName"] != "Noor van Bedacht" {
		t.Errorf("%d users, %v", len(known), noor)
	}
	c.change("users", binned, dataset.Row{"deletedDateTime": nil})
	rows, _, third := c.rows(second)
	if known = merged(known, rows); len(known) != 255 || known[binned]["displayName"] == nil {
		t.Errorf("after a restore: %v", known[binned])
	}
	if again, _, _ := c.rows(second); len(again) != len(rows) {
		t.Errorf("the same link again: %d rows and %d", len(again), len(rows))
	}
	if err := c.Set("replays", "off"); err != nil {
		t.Fatal(err)
	}
	if rows, pages, _ := c.rows(third); len(rows) != 0 || len(pages) != 1 {
		t.Errorf("nothing has changed: %v in %v", rows, pages)
	}
}

// TestMinimal: without partial rows, those that were never set are absent, and
// those that were cleared are null.
func TestMinimal(t *testing.T) {
	c := start(t, graph.Options{})
	for _, name := range []string{"partial_rows", "replays", "empty_pages"} {
		if err := c.Set(name, "off"); err != nil {
			t.Fatal(err)
		}
	}
	rows, pages, delta := c.rows("/v1.0/users/delta?$select=displayName,jobTitle,mobilePhone", "Prefer", "odata.maxpagesize=20")
	if diff := cmp.Diff([]int{20, 20, 7}, pages); diff != "" || len(rows) != 47 {
		t.Errorf("%d rows (-want +got)\n%s", len(rows), diff)
	}
	c.change("users", c.owner(0), dataset.Row{"jobTitle": nil})
	got, _, _ := c.rows(delta)
	phone := c.Data.Rows("users")[0]["mobilePhone"]
	want := []map[string]any{{"id": c.owner(0), "displayName": "Noor van Bedacht", "jobTitle": nil, "mobilePhone": phone}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	got, _, _ = c.rows(delta, "Prefer", "return=minimal")
	if diff := cmp.Diff([]map[string]any{{"id": c.owner(0), "jobTitle": nil}}, got); diff != "" {
		t.Errorf("minimal (-want +got)\n%s", diff)
	}
	if err := c.Set("tombstones", "lost"); err != nil {
		t.Fatal(err)
	}
	if err := c.Data.Delete("users", c.owner(5)); err != nil {
		t.Fatal(err)
	}
	if got, _, _ := c.rows(delta); len(got) != 1 {
		t.Errorf("a lost tombstone: %v", got)
	}
	only := "/v1.0/users/delta?$filter=" + url.QueryEscape("id eq '"+c.owner(0)+"' or id eq '"+c.owner(1)+"'")
	if rows, _, _ := c.rows(only); len(rows) != 2 {
		t.Errorf("%v", rows)
	}
	if resp, out := c.ask("GET", "/v1.0/users/delta?$filter="+url.QueryEscape("userType eq 'Member'"), ""); resp.StatusCode != 400 {
		t.Errorf("another filter: %v", out)
	}
	if rows, _, latest := c.rows("/v1.0/users/delta?$deltatoken=latest"); len(rows) != 0 || latest == "" {
		t.Errorf("latest: %v %s", rows, latest)
	}
}

func TestExpiredTokens(t *testing.T) {
	c := start(t, graph.Options{})
	_, _, delta := c.rows("/v1.0/users/delta")
	c.now = c.now.Add(7*24*time.Hour - time.Minute)
	c.login()
	_, _, fresh := c.rows(delta)
	c.now = c.now.Add(2 * time.Minute)
	if err := c.Set("generation", "2"); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for i := range 5 {
		link := delta
		if i%2 == 0 {
			link = fresh
		}
		resp, out := c.ask("GET", link, "")
		seen[code(out)] = resp.StatusCode
		if location := resp.Header.Get("Location"); (location != "") != (code(out) == "SyncStateNotFound") {
			t.Errorf("%v with Location %q", out, location)
		} else if rows, _, _ := c.rows("/v1.0/users/delta"); location != "" && len(rows) < 40 {
			t.Errorf("%d rows", len(rows))
		}
	}
	want := map[string]int{"SyncStateNotFound": 410, "SYNCSTATENOTFOUND": 410, "syncStateNotFound": 400, "ResyncRequired": 409, "syncStateInvalid": 400}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if resp, out := c.ask("GET", "/v1.0/users/delta?$deltatoken=x", ""); resp.StatusCode != http.StatusBadRequest || code(out) != "BadRequest" {
		t.Errorf("%d %v", resp.StatusCode, out)
	}
}

func TestGroups(t *testing.T) {
	c := start(t, graph.Options{})
	rows, _, _ := c.rows("/v1.0/groups?$select=displayName")
	ids := map[any]string{}
	for _, row := range rows {
		ids[row["displayName"]] = row["id"].(string)
	}
	for path, want := range map[string]int{
		ids["Alle medewerkers"] + "/members": 2, ids["Alle medewerkers"] + "/transitiveMembers": 42, ids["Zorg"] + "/members": 20,
		ids["Alle medewerkers"] + "/transitiveMembers/microsoft.graph.user":       40,
		ids["DigiReceptie gastheren"] + "/transitiveMembers/microsoft.graph.user": 8, ids["DigiReceptie gastheren"] + "/members/microsoft.graph.user": 4,
	} {
		if got, _, _ := c.rows("/v1.0/groups/" + path + "?$top=7&$select=id,displayName"); len(got) != want {
			t.Errorf("%s: %d, want %d", path, len(got), want)
		}
	}
	if one := c.get("/v1.0/groups/" + ids["Zorg"]); one["displayName"] != "Zorg" {
		t.Errorf("%v", one)
	}
}
