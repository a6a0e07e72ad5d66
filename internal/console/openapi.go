package console

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"koppel/internal/view"
)

// OpenAPI describes the API as an OpenAPI 3.1 document, made from what the API
// does and from the types that it answers.
func OpenAPI() ([]byte, error) {
	d := &description{schemas: map[string]any{}}
	paths := map[string]map[string]any{}
	for _, op := range operations() {
		if paths[op.path] == nil {
			paths[op.path] = map[string]any{}
		}
		paths[op.path][strings.ToLower(op.method)] = d.operation(op)
	}
	doc := map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": "Koppel", "version": view.FormatVersion,
			"description": "What operators do with koppel serve. The objects are those that the command line prints with --json. " +
				"Long lists come in pages: the header Link with rel=\"next\" leads to the next one.",
		},
		"servers":    []any{map[string]any{"url": root}},
		"security":   []any{map[string]any{"token": []any{}}},
		"paths":      paths,
		"components": map[string]any{"schemas": d.schemas, "securitySchemes": map[string]any{"token": map[string]any{"type": "http", "scheme": "bearer", "description": "made by koppel token create"}}},
	}
	var b bytes.Buffer
	if err := view.WriteJSON(&b, doc); err != nil {
		return nil, fmt.Errorf("describe the API: %w", err)
	}
	return b.Bytes(), nil
}

func (c *call) describe() (any, error) {
	b, err := OpenAPI()
	return json.RawMessage(b), err
}

// A description collects the schemas of the types that it meets, by name.
type description struct{ schemas map[string]any }

func (d *description) operation(op operation) map[string]any {
	params := []any{}
	for _, p := range op.params {
		params = append(params, p.describe())
	}
	status := http.StatusOK
	if op.accepted {
		status = http.StatusAccepted
	}
	responses := map[string]any{strconv.Itoa(status): answer("Done", d.schema(reflect.TypeOf(op.answer), false))}
	if op.accepted {
		responses[strconv.Itoa(status)] = answer("Begun; Location leads to the run", d.schema(reflect.TypeOf(op.answer), false))
	}
	responses["default"] = answer("Not done", d.schema(reflect.TypeFor[Refusal](), false))
	out := map[string]any{"operationId": op.id, "summary": op.summary, "description": "For a token of role " + op.role + ".", "responses": responses}
	if len(params) > 0 {
		out["parameters"] = params
	}
	if op.body != nil {
		out["requestBody"] = map[string]any{"content": map[string]any{
			"application/json": map[string]any{"schema": d.schema(reflect.TypeOf(op.body), true)},
		}}
	}
	return out
}

func answer(words string, schema map[string]any) map[string]any {
	return map[string]any{"description": words, "content": map[string]any{"application/json": map[string]any{"schema": schema}}}
}

func (p param) describe() map[string]any {
	schema := map[string]any{"type": "string"}
	switch {
	case p.number:
		schema = map[string]any{"type": "integer"}
	case p.flag:
		schema = map[string]any{"type": "boolean"}
	}
	if p.many {
		schema = map[string]any{"type": "array", "items": schema}
	}
	in := "query"
	if p.path {
		in = "path"
	}
	return map[string]any{"name": p.name, "in": in, "required": p.required, "description": p.doc, "schema": schema}
}

// schema describes a type. What a client sends may leave members out.
func (d *description) schema(t reflect.Type, sent bool) map[string]any {
	switch t {
	case reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case reflect.TypeFor[json.RawMessage]():
		return map[string]any{}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return map[string]any{"anyOf": []any{d.schema(t.Elem(), sent), map[string]any{"type": "null"}}}
	case reflect.Slice:
		items := d.schema(t.Elem(), sent)
		if sent {
			return map[string]any{"type": []any{"array", "null"}, "items": items}
		}
		return map[string]any{"type": "array", "items": items}
	case reflect.Map, reflect.Interface:
		return map[string]any{"type": "object"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Struct:
		return d.object(t, sent)
	}
	return map[string]any{"type": "integer"}
}

// object describes a struct once and refers to it by its name; types of the
// engine carry its name, for those of the views are called the same.
func (d *description) object(t reflect.Type, sent bool) map[string]any {
	name := t.Name()
	if pkg := path.Base(t.PkgPath()); !strings.Contains(t.PkgPath(), "/internal/") {
		name = strings.ToUpper(pkg[:1]) + pkg[1:] + name
	}
	ref := map[string]any{"$ref": "#/components/schemas/" + name}
	if d.schemas[name] != nil {
		return ref
	}
	d.schemas[name] = true // for a type that holds itself
	properties, required := map[string]any{}, []string{}
	for i := range t.NumField() {
		f := t.Field(i)
		member, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		member = cmp.Or(member, f.Name)
		schema := d.schema(f.Type, sent)
		if doc := f.Tag.Get("doc"); doc != "" {
			schema["description"] = doc
		}
		properties[member] = schema
		required = append(required, member)
	}
	slices.Sort(required)
	object := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if !sent {
		object["required"] = required
	}
	d.schemas[name] = object
	return ref
}
