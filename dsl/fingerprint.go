package dsl

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"strings"

	"koppel/engine"
	"koppel/engine/connector"
)

// tuning names arguments that change how something is read, never what.
var tuning = map[string]bool{
	"timeout": true, "rate": true, "max_concurrency": true, "retry": true, "ca_file": true, "proxy": true,
	"insecure_http": true, "window": true, "past": true, "future": true, "page_size": true, "full_every": true,
}

// sourceFingerprint identifies what a source reads: its kind and arguments,
// without secrets, windows and tuning. A cursor belongs to one.
func (l *loader) sourceFingerprint(kind string, version int, config any, dec *decoder, src *engine.Source) []byte {
	if src.Event {
		// Arguments decide what is taken in from now on. What was stays as it is.
		return digest(map[string]any{"kind": kind, "version": version, "key": src.Key})
	}
	described := map[string]any{
		"kind": kind, "version": version, "key": src.Key, "config": describeConfig(reflect.ValueOf(config).Elem(), dec.hidden, ""),
	}
	if src.Program != nil {
		described["deleted"] = src.Program.Fingerprint(func([]byte) []byte { return nil })
	}
	return digest(described)
}

// digest hashes plain values; the order of members does not count.
func digest(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		b = []byte(err.Error())
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

// describeConfig gives a configuration as plain values, without what is secret.
func describeConfig(v reflect.Value, hidden map[string]bool, prefix string) any {
	if v.Type() == secretType {
		return nil
	}
	switch x := v.Interface().(type) {
	case connector.Connection:
		if x.Config == nil {
			return x.Kind
		}
		return []any{x.Kind, describeConfig(reflect.ValueOf(x.Config).Elem(), nil, "")}
	case connector.Selection:
		return []any{x.List, x.Text, x.From}
	case *programArgument:
		return x.digest
	case *textArgument:
		return x.digest
	case connector.Program:
		return x.Source()
	case connector.Template:
		return x.Source()
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return describeConfig(v.Elem(), hidden, prefix)
	case reflect.Struct:
		return describeStruct(v, hidden, prefix)
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = describeConfig(v.Index(i), hidden, prefix)
		}
		return list
	case reflect.Map:
		list := make([]any, 0, v.Len())
		keys := v.MapKeys()
		sort.Slice(keys, func(i, j int) bool { return fmt.Sprint(keys[i]) < fmt.Sprint(keys[j]) })
		for _, k := range keys {
			list = append(list, []any{fmt.Sprint(k), describeConfig(v.MapIndex(k), hidden, prefix)})
		}
		return list
	}
	return v.Interface()
}

func describeStruct(v reflect.Value, hidden map[string]bool, prefix string) any {
	m := map[string]any{}
	for _, p := range parametersOf(v.Type()) {
		name := prefix + p.name
		if tuning[p.name] || hidden[name] {
			continue
		}
		field := v.FieldByIndex(p.index)
		if field.IsZero() {
			continue
		}
		m[p.name] = describeConfig(field, hidden, name+".")
	}
	return m
}

// coversPath tells whether one of the dotted paths is path, or above it.
func coversPath(paths []string, path string) bool {
	for _, p := range paths {
		if p == path || strings.HasPrefix(path, p+".") {
			return true
		}
	}
	return false
}
