package graphtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A box is a mailbox with a calendar.
type box struct {
	order  []string
	events map[string]string
	log    []string // ids of meetings that changed
	status int      // not 0: it can't be read
	code   string
}

// PutBox makes a mailbox, or lets it be read again.
func (t *Tenant) PutBox(id string) {
	t.Lock()
	defer t.Unlock()
	if t.boxes[id] == nil {
		t.boxes[id] = &box{events: map[string]string{}}
	}
	t.boxes[id].status = 0
}

// DropBox takes a mailbox away.
func (t *Tenant) DropBox(id string) {
	t.Lock()
	defer t.Unlock()
	delete(t.boxes, id)
}

// CloseBox lets each request for a mailbox be refused.
func (t *Tenant) CloseBox(id string, status int, code string) {
	t.PutBox(id)
	t.Lock()
	defer t.Unlock()
	t.boxes[id].status, t.boxes[id].code = status, code
}

// PutEvent puts a meeting, a JSON object with id, start and end, on a calendar.
func (t *Tenant) PutEvent(mailbox, event string) {
	t.PutBox(mailbox)
	t.Lock()
	defer t.Unlock()
	b := t.boxes[mailbox]
	var has struct{ ID string }
	_ = json.Unmarshal([]byte(event), &has) // one without id has an empty one
	if _, known := b.events[has.ID]; !known {
		b.order = append(b.order, has.ID)
	}
	b.events[has.ID] = event
	b.log = append(b.log, has.ID)
}

// DropEvent takes a meeting off a calendar.
func (t *Tenant) DropEvent(mailbox, id string) {
	t.Lock()
	defer t.Unlock()
	if b := t.boxes[mailbox]; b != nil {
		delete(b.events, id)
		b.log = append(b.log, id)
		b.order = slices.DeleteFunc(b.order, func(one string) bool { return one == id })
	}
}

// answerCalendar answers what is asked of a mailbox.
func (t *Tenant) answerCalendar(w http.ResponseWriter, r *http.Request, who string, steps []string) {
	b := t.boxes[who]
	query := r.URL.Query()
	switch {
	case b == nil:
		Refuse(w, http.StatusNotFound, "ErrorInvalidUser", "The requested user '"+who+"' is invalid.")
	case b.status != 0:
		Refuse(w, b.status, b.code, "The mailbox can't be read.")
	case len(steps) == 2 && steps[0]+steps[1] == "calendarViewdelta":
		t.viewDelta(w, r, b, query)
	case steps[0] != "calendarView" || len(steps) > 1:
		Refuse(w, http.StatusBadRequest, "BadRequest", strings.Join(steps, "/"))
	case !slices.Contains(r.Header["Prefer"], `outlook.timezone="UTC"`) || !slices.Contains(r.Header["Prefer"], `IdType="ImmutableId"`):
		Refuse(w, http.StatusBadRequest, "BadRequest", "This tenant answers in UTC and by lasting ids only.")
	default:
		t.view(w, r, b, query)
	}
}

// view lists what is in a window. Pages go by number.
func (t *Tenant) view(w http.ResponseWriter, r *http.Request, b *box, query url.Values) {
	var rows []string
	for _, id := range b.order {
		if meets(b.events[id], query.Get("startDateTime"), query.Get("endDateTime")) {
			rows = append(rows, b.events[id])
		}
	}
	top, _ := strconv.Atoi(query.Get("$top"))
	top = min(max(top, 10), t.Page)
	skip, _ := strconv.Atoi(query.Get("$skip"))
	from, end := min(skip, len(rows)), min(skip+top, len(rows))
	link := ""
	if end < len(rows) {
		query.Set("$skip", strconv.Itoa(end))
		link = fmt.Sprintf(`,"@odata.nextLink":%q`, t.URL+r.URL.Path+"?"+query.Encode())
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"@odata.context":%q,"value":[%s]%s}`, t.URL+"/graph/v1.0/$metadata#"+about(r.URL.Path), strings.Join(rows[from:end], ","), link)
}

// viewDelta tells what changed, in stubs; with Endless its rounds do not end.
func (t *Tenant) viewDelta(w http.ResponseWriter, r *http.Request, b *box, query url.Values) {
	since := 0
	if token := query.Get("$deltatoken"); token != "" {
		since, _ = strconv.Atoi(token)
		if t.Expired != "" {
			t.resync(w, r)
			return
		}
	}
	var rows []string
	for _, id := range b.log[since:] {
		row := fmt.Sprintf(`{"id":%q,"type":"occurrence"}`, id)
		if _, there := b.events[id]; !there {
			row = fmt.Sprintf(`{"id":%q,"@removed":{"reason":"deleted"}}`, id)
		}
		rows = append(rows, row)
	}
	link := fmt.Sprintf(`"@odata.deltaLink":%q`, fmt.Sprint(t.URL, r.URL.Path, "?$deltatoken=", len(b.log)))
	if t.Endless {
		t.links++
		link = fmt.Sprintf(`"@odata.nextLink":%q`, fmt.Sprint(t.URL, r.URL.Path, "?$skiptoken=", t.links))
	}
	fmt.Fprintf(w, `{"value":[%s],%s}`, strings.Join(rows, ","), link)
}

// meets tells whether a meeting has a part in a window; one without times does.
func meets(event, from, to string) bool {
	var e struct{ Start, End struct{ DateTime string } }
	if json.Unmarshal([]byte(event), &e) != nil || e.Start.DateTime == "" {
		return true
	}
	moment := func(s string) string { return strings.TrimSuffix(s, "Z")[:19] }
	return moment(e.End.DateTime) > moment(from) && moment(e.Start.DateTime) < moment(to)
}
