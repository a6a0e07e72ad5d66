package alleyoopsignals_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"koppel/engine/connector"
	"koppel/engine/record"
	protocol "koppel/internal/alleyoop"
	"koppel/internal/alleyoop/alleyooptest"
	office "koppel/internal/sandbox/alleyoop"
	"koppel/internal/sandbox/traffic"
	sink "koppel/sinks/alleyoop-signals"
)

// start runs an installation with one instance and opens a sink on it.
func start(t *testing.T) (*office.System, connector.Sink, protocol.Dossier) {
	t.Helper()
	s, c := alleyooptest.Start(t, office.Options{})
	_, conn := alleyooptest.Open(t, c)
	opened, err := sink.Kind().Open(t.Context(), &sink.Config{Connection: conn}, connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	row := s.Data.Rows("instances")[0]
	text := func(name string) string { return row[name].(string) }
	return s, opened, protocol.Dossier{ClientID: text("clientId"), ProcessKey: text("processKey"), PeriodStart: text("periodStart"), PeriodEnd: text("periodEnd")}
}

func body(d protocol.Dossier, signal string) []byte {
	return fmt.Appendf(nil, `{"clientId":%q,"periodEnd":%q,"periodStart":%q,"processKey":%q,"signal":%q}`, d.ClientID, d.PeriodEnd, d.PeriodStart, d.ProcessKey, signal)
}

func send(d protocol.Dossier, signal string) record.Change {
	return record.Change{Op: record.Create, Key: record.Key(signal), After: body(d, signal)}
}

// received lists the signals that did something.
func received(s *office.System) string {
	var list []string
	for _, e := range s.Traffic.Effects() {
		list = append(list, string(e.Body))
	}
	return strings.Join(list, " ")
}

func TestSignals(t *testing.T) {
	s, target, d := start(t)
	one := func(c record.Change) connector.Outcome {
		t.Helper()
		out, err := target.Write(t.Context(), []record.Change{c})
		if err != nil || len(out) != 1 {
			t.Fatalf("%v, %v", out, err)
		}
		return out[0]
	}
	refused := func(c record.Change, want ...string) {
		t.Helper()
		out := one(c)
		for _, w := range want {
			if out.Status != connector.Refused || !strings.Contains(out.Message, w) {
				t.Errorf("%v, want %q", out, w)
			}
		}
	}
	refused(send(d, "SAMENSTELLEN_09-SAMENSTELLEN"), "no given task", "SAMENSTELLEN_09-SAMENSTELLEN is not due", "active tasks of instance", "aanmaken_lijst (Aanmaken lijst)")
	if out := one(send(d, "SAMENSTELLEN_09-AANMAKEN_LIJST")); out.Status != connector.Applied {
		t.Errorf("%v", out)
	}
	refused(send(d, "SAMENSTELLEN_09-AANMAKEN_LIJST"), "informatie_compleet (Informatie compleet), voorbereiding (Voorbereiding)")
	update := record.Change{Op: record.Update, Before: body(d, "SAMENSTELLEN_09-AANMAKEN_LIJST"), After: body(d, "SAMENSTELLEN_09-VOORBEREIDING")}
	if out := one(update); out.Status != connector.Applied || strings.Count(received(s), "VOORBEREIDING") != 1 {
		t.Errorf("%v, %s", out, received(s))
	}
	update.Before = update.After
	if out := one(update); out.Status != connector.Applied || strings.Count(received(s), "VOORBEREIDING") != 1 {
		t.Errorf("an update that changes no signal: %v, %s", out, received(s))
	}
	refused(record.Change{Op: record.Delete, Before: update.After}, "can't be taken back")
	other := d
	other.PeriodStart = "1990-01-01"
	refused(send(other, "SAMENSTELLEN_09-VOORBEREIDING"), "there is no instance of client "+d.ClientID)
	refused(record.Change{Op: record.Create, After: body(d, "")}, "signal is empty")
	if lane := target.(connector.Laner).Lane(update); lane != d.String() || target.(connector.Laner).Lane(send(other, "x")) == lane {
		t.Errorf("the lane is %q", lane)
	}
}

// TestLostAnswers: a signal whose answer is lost is looked for among active and
// finished tasks, and never sent twice.
func TestLostAnswers(t *testing.T) {
	const signal = "SAMENSTELLEN_09-AANMAKEN_LIJST"
	for _, kind := range []string{traffic.Refuse, traffic.LostAnswer, traffic.LoginPage, traffic.CutBody, traffic.ShortBody, "500", "503"} {
		for _, forGood := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, for good %v", kind, forGood), func(t *testing.T) {
				s, target, d := start(t)
				fault := traffic.Fault{Kind: kind}
				if forGood {
					fault.Times = -1
				}
				if err := s.Traffic.Fail(fault); err != nil {
					t.Fatal(err)
				}
				out, err := target.Write(t.Context(), []record.Change{send(d, signal)})
				s.Traffic.Heal()
				arrived := strings.Count(received(s), signal)
				if err == nil && out[0].Status == connector.Applied && arrived != 1 || arrived > 1 {
					t.Fatalf("%v, %s", out, received(s))
				}
				found, err := target.(connector.Finder).Find(t.Context(), []record.Change{send(d, signal)})
				if err != nil || found[0].N != arrived {
					t.Errorf("found %v, arrived %d, %v", found, arrived, err)
				}
			})
		}
	}
}

// TestFindUnclear: who lists tasks whatever the signal can't be asked.
func TestFindUnclear(t *testing.T) {
	s, target, d := start(t)
	tasks := s.Data.Rows("tasks")
	for _, signal := range []string{tasks[0]["signal"].(string), "KOPPEL_NO_SUCH_SIGNAL"} {
		row := tasks[0]
		row["taskId"], row["signal"] = "other "+signal, signal
		if _, err := s.Data.Insert("tasks", row); err != nil {
			t.Fatal(err)
		}
	}
	found, err := target.(connector.Finder).Find(t.Context(), []record.Change{send(d, tasks[0]["signal"].(string)), send(d, "OTHER"), {Op: record.Create, After: []byte("{}")}})
	if err != nil || !found[0].Untold || found[1].N != 0 || found[2].N != 0 {
		t.Errorf("%v, %v", found, err)
	}
}

func TestTraits(t *testing.T) {
	s, target, d := start(t)
	traits := target.Traits()
	if !traits.Ordered || !traits.Journalled || !traits.Additive || traits.Deletes || traits.Undoable || strings.Contains(traits.Identity, s.Password) {
		t.Errorf("%+v", traits)
	}
	if err := target.(connector.Checker).Check(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Traffic.Fail(traffic.Fault{Kind: "401", Times: -1}); err != nil {
		t.Fatal(err)
	}
	out, err := target.Write(t.Context(), []record.Change{send(d, "X")})
	if len(out) != 1 || out[0].Status != connector.NotSent || !errors.Is(err, connector.ErrUnreachable) {
		t.Errorf("%v, %v", out, err)
	}
}
