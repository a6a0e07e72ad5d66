package dsl

import (
	"context"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // zones are known on machines without a zone database

	version "github.com/hashicorp/go-version"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// settings evaluates the koppel block.
func (l *loader) settings() {
	b := l.conf.koppel
	if b == nil {
		return
	}
	l.out.onlyKnown(b, []string{"required_version", "timezone"}, []string{"state"})
	l.requiredVersion(b.Body.Attributes["required_version"])
	if zone := l.location(b.Body.Attributes["timezone"], nil); zone != nil {
		l.zone, l.project.Location = zone, zone
	}
	if state := l.out.single(b.Body, "state"); state != nil {
		l.state(state)
	}
	l.values.waiting = ""
}

// location is the time zone that an argument names; nil when absent.
func (l *loader) location(attr *hclsyntax.Attribute, in *instance) *time.Location {
	name := l.values.text(attr, in)
	if name == "" {
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		l.out.add("invalid_value", attr.Expr.Range(), fmt.Sprintf("There is no time zone %q", l.values.show(name)), "Write an IANA name, such as \"Europe/Amsterdam\" or \"UTC\".")
		return nil
	}
	return zone
}

// requiredVersion checks the binary's version against the project's wish.
func (l *loader) requiredVersion(attr *hclsyntax.Attribute) {
	text := l.values.text(attr, nil)
	if text == "" {
		return
	}
	wanted, err := version.NewConstraint(text)
	if err != nil {
		l.out.add("invalid_value", attr.Expr.Range(), fmt.Sprintf("%q is no condition on versions", l.values.show(text)), "Write one such as \">= 0.1\" or \">= 0.1, < 2\".")
		return
	}
	have, err := version.NewVersion(strings.TrimPrefix(l.o.Version, "v"))
	if err != nil {
		return
	}
	if !wanted.Check(have.Core()) {
		l.out.add("required_version", attr.Expr.Range(), "This project needs another version of koppel", "It asks for %s; this is %s.", l.values.show(text), l.o.Version)
	}
}

// state evaluates where the state is kept.
func (l *loader) state(b *hclsyntax.Block) {
	if len(b.Labels) != 1 {
		l.out.add("invalid_label", b.DefRange(), "A state block has one label", "Write state \"sqlite\" { … }.")
		return
	}
	switch b.Labels[0] {
	case "sqlite":
	case "postgres":
		l.out.later(b.LabelRanges[0], "State in PostgreSQL")
		return
	default:
		l.out.add("unknown_kind", b.LabelRanges[0], fmt.Sprintf("There is no state kind %q", b.Labels[0]),
			"It is \"sqlite\" or \"postgres\".%s", didYouMean(b.Labels[0], []string{"sqlite", "postgres"}))
		return
	}
	l.out.onlyKnown(b, []string{"path", "key", "retention"}, nil)
	if path := l.values.text(b.Body.Attributes["path"], nil); path != "" {
		l.project.State.Path = path
	}
	l.project.State.Retention = durationOr(l.values.duration(b.Body.Attributes["retention"], nil), 0)
	l.stateKey(b.Body.Attributes["key"])
}

// stateKey makes the state's key available when it is asked for.
func (l *loader) stateKey(attr *hclsyntax.Attribute) {
	if attr == nil {
		return
	}
	if isBroken(l.values.eval(attr.Expr, nil)) {
		return
	}
	l.project.State.Key = func(ctx context.Context) ([]byte, error) {
		v := l.strict(ctx)
		text := v.text(attr, nil)
		if err := v.out.err("the state"); err != nil {
			return nil, err
		}
		if text == "" {
			return nil, fmt.Errorf("open the state: its key is empty")
		}
		return []byte(text), nil
	}
}
