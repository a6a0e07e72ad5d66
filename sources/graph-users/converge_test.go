package graphusers

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine"
	"koppel/internal/graph/graphtest"
)

// truth is what the directory must hold.
func truth(tenant *graphtest.Tenant) []string {
	list := []string{}
	for _, id := range tenant.Users() {
		if tenant.Property(id, "userType") == `"Guest"` || tenant.Property(id, "accountEnabled") == "false" {
			continue
		}
		text := func(name string) string {
			return strings.Trim(strings.TrimPrefix(tenant.Property(id, name), "null"), `"`)
		}
		list = append(list, fmt.Sprintf("%s|%s|%s|%s", id, text("displayName"), text("department"), tenant.Property(id, "manager")))
	}
	return list
}

// change does something at the source.
func change(t *rapid.T, tenant *graphtest.Tenant) {
	id := fmt.Sprint(rapid.IntRange(1, 6).Draw(t, "id"))
	switch rapid.SampledFrom([]string{"name", "name", "department", "clear", "guest", "member", "disable", "enable", "manager", "drop", "restorable", "expire", "form"}).Draw(t, "change") {
	case "name":
		tenant.PutUser(fmt.Sprintf(`{"id":%q,"displayName":"Person %d"}`, id, rapid.IntRange(1, 9).Draw(t, "n")))
	case "department":
		tenant.PutUser(fmt.Sprintf(`{"id":%q,"department":"Unit %d"}`, id, rapid.IntRange(1, 9).Draw(t, "n")))
	case "clear":
		tenant.PutUser(fmt.Sprintf(`{"id":%q,"department":null}`, id))
	case "guest", "member":
		tenant.PutUser(fmt.Sprintf(`{"id":%q,"userType":%q}`, id, map[bool]string{true: "Guest", false: "Member"}[rapid.Bool().Draw(t, "guest")]))
	case "disable", "enable":
		tenant.PutUser(fmt.Sprintf(`{"id":%q,"accountEnabled":%t}`, id, rapid.Bool().Draw(t, "enabled")))
	case "manager":
		tenant.SetManager(id, rapid.SampledFrom([]string{"", "m1", "m2"}).Draw(t, "manager"))
	case "drop":
		tenant.DropUser(id, "deleted")
	case "restorable":
		tenant.DropUser(id, "changed")
	case "expire":
		tenant.ExpireLinks(rapid.SampledFrom(graphtest.ExpiryForms()).Draw(t, "form"))
	case "form":
		tenant.Lock()
		defer tenant.Unlock()
		tenant.Partial, tenant.Split, tenant.Replay = rapid.Bool().Draw(t, "partial"), rapid.Bool().Draw(t, "split"), rapid.Bool().Draw(t, "replay")
		tenant.Page = rapid.IntRange(1, 4).Draw(t, "page")
	}
}

// faulty lets requests fail, by their number.
func faulty(t *rapid.T, tenant *graphtest.Tenant) {
	kinds := rapid.SliceOfN(rapid.SampledFrom([]string{"", "", "", "500", "429", "401", "page", "cut", "change"}), 6, 6).Draw(t, "faults")
	n := 0
	tenant.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		n++
		if n > len(kinds) {
			return false
		}
		switch kinds[n-1] {
		case "500":
			graphtest.Refuse(w, http.StatusInternalServerError, "generalException", "")
		case "429":
			graphtest.Refuse(w, http.StatusTooManyRequests, "TooManyRequests", "")
		case "401":
			graphtest.Refuse(w, http.StatusUnauthorized, "InvalidAuthenticationToken", "")
		case "page":
			io.WriteString(w, "<!DOCTYPE html><title>Sign in</title>")
		case "cut":
			io.WriteString(w, `{"value":[{"id":"1"`)
		case "change":
			// Somebody is renamed while the round goes on.
			tenant.PutUser(fmt.Sprintf(`{"id":"1","displayName":"Meanwhile %d"}`, n))
			return false
		default:
			return false
		}
		return true
	})
}

// TestConverges: whatever happens at the source and on the way there, nobody who
// is there is deleted, and after a run that went well the directory is the truth.
func TestConverges(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tenant := graphtest.New(t)
		p := project(t, tenant)
		for range rapid.IntRange(1, 5).Draw(rt, "runs") {
			before := staff(t, p)
			for range rapid.IntRange(0, 6).Draw(rt, "changes") {
				change(rt, tenant)
			}
			wanted := truth(tenant)
			faulty(rt, tenant)
			p.Now = p.Now.Add(time.Duration(rapid.IntRange(1, 100).Draw(rt, "hours")) * time.Hour)
			p.Run(engine.Options{Full: rapid.IntRange(0, 5).Draw(rt, "full") == 0})
			tenant.Intercept(nil)
			for _, row := range before {
				if holds(wanted, row) && !holds(staff(t, p), row) {
					rt.Fatalf("%s is there and was deleted", row)
				}
			}
			p.Now = p.Now.Add(time.Hour)
			told := graphtest.Told(p.Run(engine.Options{}))
			if !strings.Contains(told, "succeeded") {
				rt.Fatalf("a run without faults says %q", told)
			}
			if diff := cmp.Diff(truth(tenant), staff(t, p)); diff != "" {
				rt.Fatalf("after a good run (-truth +directory):\n%s", diff)
			}
		}
	})
}

// holds tells whether one of the rows has the id of a row.
func holds(rows []string, row string) bool {
	id, _, _ := strings.Cut(row, "|")
	return slices.ContainsFunc(rows, func(r string) bool { return strings.HasPrefix(r, id+"|") })
}
