package dsl

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"koppel/engine"
	"koppel/engine/connector"
	"koppel/engine/mapping"
	"koppel/engine/schedule"
)

// deletes evaluates what becomes of records that are no longer wanted.
func (p *pipelineLoad) deletes() {
	cannot := p.cannotDelete()
	can := cannot == ""
	p.p.Deletes = engine.Deletes{Action: "delete", Expired: "forget"}
	if !can || p.into != nil && strings.HasPrefix(p.into.decl.Kind, "alleyoop_") {
		p.p.Deletes.Action = "keep"
	}
	b := p.l.out.single(p.body, "deletes")
	if b == nil {
		return
	}
	p.l.out.noLabels(b)
	p.l.out.onlyKnown(b, []string{"action", "set", "grace", "scope", "protect", "expired"}, nil)
	attrs := b.Body.Attributes
	if attr := attrs["action"]; attr != nil {
		action := p.v.choice(attr, p.in, "delete", "disable", "keep")
		if action == "delete" && !can {
			p.l.out.add("conflict", attr.Expr.Range(), cannot, "Leave the action out, which keeps what was delivered, or write action = \"disable\".")
		}
		p.p.Deletes.Action = action
	}
	p.disableSet(b, attrs["set"])
	p.p.Deletes.Grace = durationOr(p.v.duration(attrs["grace"], p.in), 0)
	p.p.Deletes.Target = p.v.choice(attrs["scope"], p.in, "managed", "target") == "target"
	p.p.Deletes.Expired = p.v.choice(attrs["expired"], p.in, "forget", "delete")
	if p.p.Deletes.Target && p.body.Attributes["into"] == nil {
		p.l.out.add("ordering", attrs["scope"].Expr.Range(), "There is no target", "scope = \"target\" concerns rows of a sink: the pipeline needs into.")
	}
	if p.p.Deletes.Expired == "delete" && attrs["expired"] != nil && !can {
		p.l.out.add("conflict", attrs["expired"].Expr.Range(), cannot, "Leave expired out.")
	}
	if attrs["protect"] != nil {
		p.spec.Protect = p.c.node(attrs["protect"].Expr)
		p.p.Deletes.Protect = true
	}
}

// cannotDelete says that the sink can't delete; empty: it can. A pipeline
// without one can, and so can a sink that is replaced as a whole.
func (p *pipelineLoad) cannotDelete() string {
	if p.into == nil || p.into.decl.Later {
		return ""
	}
	if static := p.l.kinds.sinks[p.into.decl.Kind].Static; !static.Deletes && !static.Whole {
		return fmt.Sprintf("The sink kind %q can't delete", p.into.decl.Kind)
	}
	if keeper, ok := p.l.project.sinkConfigs[p.p.Into].(connector.Keeper); ok {
		if why := keeper.Keeps(); why != "" {
			return fmt.Sprintf("%s can't delete: %s", p.p.Into, why)
		}
	}
	return ""
}

// disableSet compiles what disabling a record writes.
func (p *pipelineLoad) disableSet(b *hclsyntax.Block, attr *hclsyntax.Attribute) {
	disable := p.p.Deletes.Action == "disable"
	if fixed, ok := p.l.project.sinkConfigs[p.p.Into].(connector.Unchanging); ok && disable {
		if why := fixed.Unchanging(); why != "" {
			p.l.out.add("conflict", b.Body.Attributes["action"].Expr.Range(), fmt.Sprintf("%s can't disable: %s", p.p.Into, why), "Disabling is an update that writes set. Give the sink an update, or write action = \"keep\".")
			return
		}
	}
	switch {
	case attr == nil && disable:
		p.l.out.add("missing_argument", b.DefRange(), "What disabling writes is missing", "Write set = { active = false }.")
		return
	case attr == nil:
		return
	case !disable:
		p.l.out.add("ordering", attr.NameRange, "set needs action = \"disable\"", "It is what disabling a record writes.")
		return
	}
	object, ok := unwrap(attr.Expr).(*hclsyntax.ObjectConsExpr)
	if !ok {
		p.l.out.add("invalid_value", attr.Expr.Range(), "set is an object", "Write set = { active = false }.")
		return
	}
	c := p.l.converter(p.v, p.in, nil)
	spec := mapping.Spec{}
	for _, item := range object.Items {
		name, named := c.memberName(item.KeyExpr)
		node := c.node(item.ValueExpr)
		if !named {
			c.failed = true
			continue
		}
		p.checkSetField(name, item)
		spec.Fields = append(spec.Fields, mapping.Field{Name: name, Pos: p.l.places.whole(item.KeyExpr.Range()), Value: node})
	}
	program := p.l.compile(spec, c)
	if program == nil {
		return
	}
	if len(program.Reads().Roots) > 0 {
		p.l.out.add("scope", attr.Expr.Range(), "set can't read the record", "The record is gone from the source when it is disabled; use literals, var, local, each, today and now.")
	}
	p.p.Deletes.Set = program
}

// checkSetField reports a field that disabling writes and the map doesn't have.
func (p *pipelineLoad) checkSetField(name string, item hclsyntax.ObjectConsItem) {
	if p.p.OpenShape {
		return
	}
	var names []string
	for _, f := range p.p.Fields {
		if f.Name == name {
			return
		}
		names = append(names, f.Name)
	}
	p.l.out.add("invalid_reference", item.KeyExpr.Range(), fmt.Sprintf("The map has no field %q", name), "Disabling writes mapped fields.%s", didYouMean(name, names))
}

// guards evaluates guard and errors.
func (p *pipelineLoad) guards() {
	p.p.Guard.Deletes = &engine.Limit{IsShare: true, Share: 0.1}
	if p.into != nil && !p.into.decl.Later && p.l.kinds.sinks[p.into.decl.Kind].FirstRun {
		p.p.Guard.Updates = &engine.Limit{IsShare: true, Share: 0.25}
	}
	if b := p.l.out.single(p.body, "guard"); b != nil {
		p.l.out.noLabels(b)
		p.l.out.onlyKnown(b, []string{"creates", "updates", "deletes"}, nil)
		for name, limit := range map[string]**engine.Limit{"creates": &p.p.Guard.Creates, "updates": &p.p.Guard.Updates, "deletes": &p.p.Guard.Deletes} {
			if l := p.v.limit(b.Body.Attributes[name], p.in); l != nil {
				*limit = l
			}
		}
	}
	if b := p.l.out.single(p.body, "errors"); b != nil {
		p.l.out.noLabels(b)
		p.l.out.onlyKnown(b, []string{"max"}, nil)
		if b.Body.Attributes["max"] == nil {
			p.l.out.add("missing_argument", b.DefRange(), "An errors block has max", "Write max = \"5%\".")
		}
		p.p.Errors = p.v.limit(b.Body.Attributes["max"], p.in)
	}
}

// firstRun evaluates first_run, which some sinks demand.
func (p *pipelineLoad) firstRun() {
	attr := p.body.Attributes["first_run"]
	if attr != nil {
		p.p.FirstRun = p.v.choice(attr, p.in, "send", "baseline")
		return
	}
	if p.into == nil || p.into.decl.Later || !p.l.kinds.sinks[p.into.decl.Kind].FirstRun {
		return
	}
	p.l.out.add("missing_argument", p.d.Block.DefRange(), "The first run must be chosen",
		"A %s sink can't take back what it sends. Write first_run = \"send\" to deliver the present set, or first_run = \"baseline\" to only remember it.", p.into.decl.Kind)
}

// schedule evaluates when the pipeline runs by itself.
func (p *pipelineLoad) schedule() {
	b := p.l.out.single(p.body, "schedule")
	if b == nil {
		return
	}
	p.l.out.noLabels(b)
	p.l.out.onlyKnown(b, []string{"cron", "every", "timezone", "jitter", "overlap", "missed"}, nil)
	attrs := b.Body.Attributes
	every := p.v.duration(attrs["every"], p.in)
	s := &engine.Schedule{
		Location: p.l.zone, Cron: p.cron(attrs["cron"]),
		Every: durationOr(every, 0), Jitter: p.v.duration(attrs["jitter"], p.in),
		Overlap: p.v.choice(attrs["overlap"], p.in, "skip", "queue"), Missed: p.v.choice(attrs["missed"], p.in, "run_once", "skip"),
	}
	if zone := p.l.location(attrs["timezone"], p.in); zone != nil {
		s.Location = zone
	}
	switch {
	case attrs["cron"] != nil && attrs["every"] != nil:
		p.l.out.add("conflict", attrs["every"].NameRange, "A schedule has cron or every", "Keep one of them.")
	case attrs["cron"] == nil && attrs["every"] == nil:
		p.l.out.add("missing_argument", b.DefRange(), "A schedule has cron or every", "Write cron = \"*/15 6-20 * * 1-5\" or every = \"15m\".")
	case every != nil && s.Every < time.Second && p.v.waiting == "":
		p.l.out.add("invalid_value", attrs["every"].Expr.Range(), "every is at least one second", "")
	}
	p.p.Schedule = s
}

// cron evaluates a cron expression and reports what is wrong with it.
func (p *pipelineLoad) cron(attr *hclsyntax.Attribute) string {
	text := p.v.text(attr, p.in)
	if text == "" {
		return ""
	}
	fields := "It has five fields: minute, hour, day of the month, month, day of the week."
	if upper := strings.ToUpper(text); strings.HasPrefix(upper, "TZ=") || strings.HasPrefix(upper, "CRON_TZ=") {
		p.l.out.add("invalid_value", attr.Expr.Range(), "A cron expression has no time zone", "Write the argument timezone.")
		return text
	}
	s, err := schedule.ParseCron(text)
	switch {
	case err != nil && p.v.hidden:
		p.l.out.add("invalid_value", attr.Expr.Range(), "This is no cron expression", "%s", fields)
	case err != nil:
		p.l.out.add("invalid_value", attr.Expr.Range(), fmt.Sprintf("%q is no cron expression", text), "%s. %s", capital(err.Error()), fields)
	case s.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero():
		p.l.out.add("invalid_value", attr.Expr.Range(), "This schedule never comes", "No day has this date. %s", fields)
	}
	return text
}

// notify checks whom the outcome of runs is told.
func (p *pipelineLoad) notify() {
	for _, b := range p.body.Blocks {
		if b.Type != "notify" {
			continue
		}
		p.l.out.noLabels(b)
		p.l.out.onlyKnown(b, []string{"on", "into"}, nil)
		attrs := b.Body.Attributes
		n := engine.Notify{On: p.v.texts(attrs["on"], p.in)}
		for _, event := range n.On {
			events := []string{"failed", "held", "recovered"}
			if !strings.Contains(" failed held recovered ", " "+event+" ") {
				p.l.out.add("invalid_value", attrs["on"].Expr.Range(), fmt.Sprintf("There is no event %q", event),
					"A notification is sent on %s.%s", strings.Join(events, ", "), didYouMean(event, events))
			}
		}
		if attrs["on"] == nil || attrs["into"] == nil {
			p.l.out.add("missing_argument", b.DefRange(), "A notify block has on and into", "Write on = [\"failed\"] and into = sink.mail.NAME.")
			continue
		}
		if r := p.v.refer(attrs["into"].Expr, p.in, "sink"); r != nil {
			n.Into = r.address()
			p.p.Notify = append(p.p.Notify, n)
			p.canNotify(attrs["into"], r)
		}
	}
}

// canNotify reports a sink that can't tell people of runs.
func (p *pipelineLoad) canNotify(attr *hclsyntax.Attribute, r *reference) {
	if r.decl.Later {
		return
	}
	kind := p.l.kinds.sinks[r.decl.Kind]
	if kind.Name == "" {
		return
	}
	if _, ok := kind.Config().(connector.Notifiable); !ok {
		p.l.out.add("conflict", attr.Expr.Range(), fmt.Sprintf("The sink kind %q can't tell people of runs", r.decl.Kind), "Name a sink of the kind mail or webhook.")
		return
	}
	config, ok := p.l.project.sinkConfigs[r.address()].(connector.Notifiable)
	if !ok || p.l.project.unsettled[r.address()] {
		return
	}
	var problem *connector.FieldError
	if errors.As(config.Notifies(), &problem) {
		p.l.out.add("conflict", attr.Expr.Range(), fmt.Sprintf("%s can't tell people of runs", r.address()), "Its argument %s. %s.", problem.Error(), capital(problem.Hint))
	}
}
