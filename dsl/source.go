package dsl

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"koppel/engine"
	"koppel/engine/connector"
	"koppel/engine/mapping"
)

// sourceCommon names the arguments and blocks that every source has. A window
// and an incremental block belong to the kinds that have them.
var sourceCommon = []string{"key", "deleted", "sensitive", "snapshot", "complete_when{}"}

// windowKinds are the source kinds that can be bounded in time.
var windowKinds = map[string]bool{"afas_get": true, "sql": true, "http": true}

// source checks one source instance and makes it ready to be opened.
func (l *loader) source(d *declaration, in *instance) {
	kind := l.kinds.sources[d.Kind]
	config := kind.Config()
	body := d.Block.Body
	v := l.values
	common := sourceCommon
	if windowKinds[d.Kind] {
		common = append(common[:len(common):len(common)], "window{}")
	}
	dec := l.decode(v, d, in, config, connectionNames(kind.Uses(l.kinds.all)), common, nil)
	src := &engine.Source{
		Address: d.address() + in.suffix(), Kind: d.Kind, Title: titleOf(d, config, dec.hidden),
		Event: kind.Event, Sensitive: v.texts(body.Attributes["sensitive"], in),
		Snapshot: v.truth(body.Attributes["snapshot"], in, false),
	}
	if always, ok := config.(connector.Discreet); ok {
		src.Sensitive = append(src.Sensitive, always.Sensitive()...)
	}
	otherwise := kind.DefaultKey
	if keyed, ok := config.(connector.Keyed); ok {
		otherwise = keyed.DefaultKey()
	}
	src.Key = l.sourceKey(d, in, otherwise)
	if kind.NeedsKey && body.Attributes["key"] == nil {
		l.out.add("missing_argument", d.Block.DefRange(), "A required argument is missing",
			"The argument \"key\" is required: a source of kind %q is read in the order of its key. Name the fields that are unique together.", d.Kind)
	}
	l.sensitiveKey(d, src)
	src.Complete = l.completeWhen(d, in)
	src.Incremental = incrementalOf(config)
	if always, ok := config.(connector.Increasing); ok {
		src.Incremental = always.Increments()
	}
	if windowKinds[d.Kind] {
		src.Window = l.window(d, in, kind.Zone)
	}
	if always, ok := config.(connector.Windowed); ok {
		w := always.Window()
		past, future := time.Duration(w.Past), time.Duration(w.Future)
		src.Window = &engine.Window{Field: w.Field, End: w.End, Past: &past, Future: &future}
	}
	if src.Upstream = upstreamOf(config); src.Upstream == src.Address {
		l.out.add("cycle", d.Block.DefRange(), "A source can't wait for itself", "%s names itself as what it reads. Name another source or a pipeline.", src.Address)
	}
	l.received(d, in, config, src)
	if of, ok := config.(connector.Noticed); ok {
		src.Noticed = of.NoticedBy()
	}
	if of, ok := config.(connector.Subscribed); ok {
		src.Subscribes, src.NoticesAt = of.SubscribedTo()
	}
	src.Program = l.deleted(d, in, src.Sensitive)
	src.Fingerprint = l.sourceFingerprint(kind.Name, kind.Version, config, dec, src)
	src.Open = func(ctx context.Context, env connector.Env) (connector.Source, error) {
		config := kind.Config()
		v := l.strict(ctx)
		l.decode(v, d, l.settled(ctx, d, in), config, connectionNames(kind.Uses(l.kinds.all)), common, &env)
		if err := v.out.err(src.Address); err != nil {
			return nil, err
		}
		return kind.Open(ctx, config, env)
	}
	if !in.phantom {
		l.project.Sources[src.Address] = src
	}
}

// received notes where others deliver to a source, and refuses a path that
// another source has.
func (l *loader) received(d *declaration, in *instance, config any, src *engine.Source) {
	at, ok := config.(connector.Received)
	if !ok || in.phantom || at.ReceivedAt() == "" {
		return
	}
	src.Path = at.ReceivedAt()
	l.doors[src.Address] = d.Block.DefRange()
	for _, other := range l.project.Sources {
		if other.Path == src.Path {
			l.out.add("ambiguous_path", d.Block.DefRange(), "Two sources are delivered to at one path",
				"%s has the path %q too: nobody could tell which of them is meant. Give each a path of its own.", other.Address, src.Path)
		}
	}
}

// titleOf names a block for people: its kind, and its connector, table or path.
func titleOf(d *declaration, config any, hidden map[string]bool) string {
	into := reflect.ValueOf(config).Elem()
	for _, name := range []string{"connector", "table", "path"} {
		for _, p := range parametersOf(into.Type()) {
			if p.name != name || hidden[name] || p.typ.Kind() != reflect.String {
				continue
			}
			if text := into.FieldByIndex(p.index).String(); text != "" && p.typ != secretType {
				return fmt.Sprintf("%s %q", d.Kind, text)
			}
		}
	}
	return d.Kind + " " + d.Name
}

// sourceKey gives the key fields of a source: its own, or the kind's default.
func (l *loader) sourceKey(d *declaration, in *instance, otherwise []string) []string {
	attr := d.Block.Body.Attributes["key"]
	if attr == nil {
		return otherwise
	}
	mark := l.out.mark()
	key := l.values.texts(attr, in)
	if len(key) == 0 && !l.out.failed(mark) && l.values.waiting == "" {
		l.out.add("invalid_value", attr.Expr.Range(), "The key is empty", "Name one or several fields that are unique together, as in key = [\"id\"].")
	}
	for i, k := range key {
		if k == "" {
			l.out.add("invalid_value", attr.Expr.Range(), "A field of the key has no name", "Leave part %d of the key out, or name a field.", i+1)
		}
	}
	return key
}

// sensitiveKey refuses a key that would show what is sensitive.
func (l *loader) sensitiveKey(d *declaration, src *engine.Source) {
	for _, k := range src.Key {
		if coversPath(src.Sensitive, k) {
			at := d.Block.DefRange()
			for _, name := range []string{"sensitive", "key"} {
				if attr := d.Block.Body.Attributes[name]; attr != nil {
					at = attr.Expr.Range()
					break
				}
			}
			l.out.add("sensitive", at, fmt.Sprintf("The key field %q is sensitive", k),
				"Keys are shown in plans and logs. Use another key, or a hash of it made by the source.")
		}
	}
}

func (l *loader) completeWhen(d *declaration, in *instance) engine.CompleteWhen {
	b := l.out.single(d.Block.Body, "complete_when")
	if b == nil {
		return engine.CompleteWhen{}
	}
	l.out.noLabels(b)
	l.out.onlyKnown(b, []string{"min_records", "max_drop"}, nil)
	return engine.CompleteWhen{
		MinRecords: l.values.number(b.Body.Attributes["min_records"], in, 0),
		MaxDrop:    l.values.limit(b.Body.Attributes["max_drop"], in),
	}
}

// window is the window of a source, whose times are those of the wall clock in
// zone, unless that is empty.
func (l *loader) window(d *declaration, in *instance, zone string) *engine.Window {
	b := l.out.single(d.Block.Body, "window")
	if b == nil {
		return nil
	}
	l.out.noLabels(b)
	l.out.onlyKnown(b, []string{"field", "past", "future"}, nil)
	attrs := b.Body.Attributes
	w := &engine.Window{Field: l.values.text(attrs["field"], in), Past: l.values.duration(attrs["past"], in), Future: l.values.duration(attrs["future"], in)}
	if zone != "" {
		var err error
		if w.Zone, err = time.LoadLocation(zone); err != nil {
			l.out.add("invalid_value", b.DefRange(), "The zone of the times of this source is not known", "%s", err.Error())
		}
	}
	switch {
	case attrs["field"] == nil:
		l.out.add("missing_argument", b.DefRange(), "A window has a field", "Name the field that holds the time of a record: field = \"start\".")
	case attrs["past"] == nil && attrs["future"] == nil:
		l.out.add("missing_argument", b.DefRange(), "A window has a past, a future or both", "Write how far it reaches, as in past = \"30d\".")
	}
	return w
}

// upstreamOf finds the source or pipeline that a source refers to; empty: none.
func upstreamOf(config any) string {
	into := reflect.ValueOf(config).Elem()
	for _, p := range parametersOf(into.Type()) {
		if s, ok := into.FieldByIndex(p.index).Interface().(connector.Selection); ok {
			return s.From
		}
	}
	return ""
}

// incrementalOf finds what every incremental block has in the configuration of
// a kind that has such a block; nil when the file has none.
func incrementalOf(config any) *connector.Incremental {
	into := reflect.ValueOf(config).Elem()
	for _, p := range parametersOf(into.Type()) {
		if p.name != "incremental" || !p.block {
			continue
		}
		field := into.FieldByIndex(p.index)
		if field.Kind() == reflect.Pointer {
			if field.IsNil() {
				return nil
			}
			field = field.Elem()
		}
		if inc, ok := findIncremental(field); ok && len(inc.Cursor) > 0 {
			return &inc
		}
	}
	return nil
}

func findIncremental(v reflect.Value) (connector.Incremental, bool) {
	if inc, ok := v.Interface().(connector.Incremental); ok {
		return inc, true
	}
	for i := range v.NumField() {
		if v.Type().Field(i).Anonymous && v.Field(i).Kind() == reflect.Struct {
			if inc, ok := findIncremental(v.Field(i)); ok {
				return inc, true
			}
		}
	}
	return connector.Incremental{}, false
}

// deleted compiles the condition that makes a record a tombstone.
func (l *loader) deleted(d *declaration, in *instance, sensitive []string) *mapping.Program {
	attr := d.Block.Body.Attributes["deleted"]
	if attr == nil {
		return nil
	}
	c := l.converter(l.program, in, nil)
	return l.compile(mapping.Spec{Deleted: c.node(attr.Expr), SensitiveSrc: sensitive}, c)
}

// runConsts fixes the clock of programs.
func runConsts(now time.Time, zone *time.Location) mapping.RunConsts {
	return mapping.RunConsts{Today: now.In(zone).Format(time.DateOnly), Now: now.UTC().Format("2006-01-02T15:04:05Z")}
}
