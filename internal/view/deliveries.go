package view

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"koppel/engine"
)

// Deliveries is what `koppel deliveries list --json` prints, and what resend
// does.
type Deliveries struct {
	FormatVersion string     `json:"format_version" doc:"version of this output"`
	Deliveries    []Delivery `json:"deliveries" doc:"newest first; of resend in the order of the arguments"`
}

// Delivery is one message to one receiver.
type Delivery struct {
	ID       string     `json:"id" doc:"the same at each attempt"`
	Pipeline string     `json:"pipeline" doc:"name of the pipeline whose change it tells"`
	RunID    int64      `json:"run_id" doc:"number of the run that made it"`
	Sink     string     `json:"sink" doc:"address of the sink"`
	Receiver string     `json:"receiver" doc:"name of the receiver in the sink; empty: the recipients of a mail sink"`
	Topic    string     `json:"topic" doc:"what it is about"`
	Key      string     `json:"key" doc:"the record's key, parts joined by /"`
	Status   string     `json:"status" doc:"pending, delivered, failed (given up) or stopped (its receiver was taken away)"`
	Behind   bool       `json:"behind" doc:"an earlier message about the same key must go first"`
	Code     int        `json:"code" doc:"status of the last answer; 0: there was none"`
	Attempts int        `json:"attempts" doc:"how often it was sent"`
	Created  *time.Time `json:"created" doc:"RFC 3339"`
	Due      *time.Time `json:"due" doc:"when the next attempt is made; null: none is"`
	Ended    *time.Time `json:"ended" doc:"when it was delivered, given up or stopped; null: it is pending"`
}

// DeliveryDetail is what `koppel deliveries show --json` prints.
type DeliveryDetail struct {
	FormatVersion string          `json:"format_version" doc:"version of this output"`
	Delivery      Delivery        `json:"delivery" doc:"the message"`
	Headers       []Header        `json:"headers" doc:"what goes beside the body, secrets masked; empty: its sink is not there or can't be opened"`
	Body          json.RawMessage `json:"body" doc:"what is sent; sensitive values are masked"`
	Tries         []Attempt       `json:"tries" doc:"all attempts in their order"`
}

// Header is a header with its value.
type Header struct {
	Name  string `json:"name" doc:"name of the header"`
	Value string `json:"value" doc:"its value"`
}

// Attempt is one try to send a message.
type Attempt struct {
	N       int        `json:"n" doc:"its number, from 1"`
	At      *time.Time `json:"at" doc:"RFC 3339"`
	Seconds float64    `json:"seconds" doc:"how long it took"`
	Code    int        `json:"code" doc:"status of the answer; 0: there was none"`
	Answer  string     `json:"answer" doc:"the beginning of the answer, or what went wrong"`
}

// NewDeliveries describes messages.
func NewDeliveries(all []engine.Delivery) Deliveries {
	out := Deliveries{FormatVersion: FormatVersion, Deliveries: []Delivery{}}
	for i := range all {
		out.Deliveries = append(out.Deliveries, newDelivery(&all[i]))
	}
	return out
}

func newDelivery(d *engine.Delivery) Delivery {
	return Delivery{ID: d.ID, Pipeline: d.Pipeline, RunID: d.Run, Sink: d.Sink, Receiver: d.Receiver, Topic: d.Topic, Key: d.Key, Status: d.Status,
		Behind: d.Behind, Code: d.Code, Attempts: d.Attempts, Created: moment(d.Created), Due: moment(d.Due), Ended: moment(d.Ended)}
}

// NewDeliveryDetail describes one message.
func NewDeliveryDetail(d *engine.DeliveryDetail) DeliveryDetail {
	out := DeliveryDetail{FormatVersion: FormatVersion, Delivery: newDelivery(&d.Delivery), Headers: []Header{}, Body: json.RawMessage(d.Body), Tries: []Attempt{}}
	if !json.Valid(out.Body) {
		out.Body = json.RawMessage("null")
	}
	for _, h := range d.Headers {
		out.Headers = append(out.Headers, Header{Name: h.Name, Value: h.Value})
	}
	for _, a := range d.Tries {
		out.Tries = append(out.Tries, Attempt{N: a.N, At: moment(a.At), Seconds: a.Took.Seconds(), Code: a.Code, Answer: a.Words})
	}
	return out
}

// Deliveries shows messages in a table. More says that others were left out.
func (t *Teller) Deliveries(all []engine.Delivery, more bool) {
	if len(all) == 0 {
		t.line("No messages.")
		return
	}
	rows := [][]string{{"ID", "MADE", "RECEIVER", "TOPIC", "KEY", "STATUS", "CODE", "TRIES"}}
	for i := range all {
		d := &all[i]
		rows = append(rows, []string{d.ID, t.when(d.Created), Clean(receiverName(d)), Clean(d.Topic), Clean(d.Key), t.deliveryStatus(d), codeText(d.Code), strconv.Itoa(d.Attempts)})
	}
	t.table("", rows)
	if more {
		t.line("There are more: --limit 0 shows all.")
	}
}

// receiverName is the sink's name with that of the receiver.
func receiverName(d *engine.Delivery) string {
	name := strings.TrimPrefix(d.Sink, "sink.")
	if _, rest, ok := strings.Cut(name, "."); ok {
		name = rest
	}
	if d.Receiver != "" {
		name += "." + d.Receiver
	}
	return name
}

func (t *Teller) deliveryStatus(d *engine.Delivery) string {
	switch {
	case d.Behind:
		return "pending, behind another"
	case d.Status == "pending" && d.Attempts > 0:
		return "pending, again " + t.when(d.Due)
	case d.Status == "failed":
		return "failed, given up"
	}
	return d.Status
}

func codeText(code int) string {
	if code == 0 {
		return ""
	}
	return strconv.Itoa(code)
}

// Delivery shows one message with its attempts.
func (t *Teller) Delivery(d *engine.DeliveryDetail) {
	p := t.Style.painter()
	t.line("%s   %s to %s   %s", p.Bold(d.ID), Clean(d.Topic), Clean(receiverName(&d.Delivery)), t.deliveryStatus(&d.Delivery))
	t.line("  pipeline %s, key %s, run %d, made %s", Clean(d.Pipeline), Clean(d.Key), d.Run, t.when(d.Created))
	for _, h := range d.Headers {
		t.line("  %s: %s", Clean(h.Name), Clean(h.Value))
	}
	t.line("\n  %s\n", Clean(d.Body))
	if len(d.Tries) == 0 {
		t.line("  not sent yet")
	}
	rows := [][]string{}
	for _, a := range d.Tries {
		code := codeText(a.Code)
		if code == "" {
			code = "no answer"
		}
		rows = append(rows, []string{strconv.Itoa(a.N), t.when(a.At), a.Took.Round(time.Millisecond).String(), code, Shorten(Clean(a.Words), maxMessage)})
	}
	t.table("  ", rows)
	if d.Status == "failed" || d.Status == "stopped" {
		t.line("\nkoppel deliveries resend %s sends it once more.", d.ID)
	}
}
