package view

import (
	"encoding/json"
	"time"

	"koppel/engine"
	"koppel/engine/mapping"
)

// Explanation is what `koppel explain --json` prints.
type Explanation struct {
	FormatVersion string         `json:"format_version" doc:"version of this output"`
	Pipeline      string         `json:"pipeline" doc:"name of the pipeline"`
	Key           string         `json:"key" doc:"as it was asked for"`
	From          string         `json:"from" doc:"address that the pipeline reads"`
	Read          int64          `json:"read" doc:"records that were read"`
	Complete      bool           `json:"complete" doc:"whether everything was read, so that absence proves something"`
	Incomplete    []string       `json:"incomplete" doc:"what was not read wholly, and why"`
	Blocked       string         `json:"blocked" doc:"why the pipeline writes nothing at all; empty: it may"`
	Records       []TracedRecord `json:"records" doc:"source records concerned; [] when none was read"`
	Keys          []TracedKey    `json:"keys" doc:"keys of the pipeline concerned"`
	Problems      []Problem      `json:"problems" doc:"what the plan reports of the record"`
}

// TracedRecord is one source record in an Explanation.
type TracedRecord struct {
	Partition string          `json:"partition" doc:"that it was read from; may be empty"`
	Key       string          `json:"key" doc:"of the source record"`
	Record    json.RawMessage `json:"record" doc:"as it was read; null: it is gone. Sensitive values are ‹sensitive›"`
	Fate      string          `json:"fate" doc:"mapped, filtered, failed, waiting, gone or out_of_window"`
	Code      string          `json:"code" doc:"problem code; may be empty"`
	Field     string          `json:"field" doc:"that failed; may be empty"`
	Message   string          `json:"message" doc:"what is wrong; may be empty"`
	Joins     []TracedJoin    `json:"joins" doc:"joins that run once per record"`
	Items     []TracedItem    `json:"items" doc:"what the record gives: itself, or the outputs of each"`
}

// TracedJoin is one join in an Explanation.
type TracedJoin struct {
	Name    string        `json:"name" doc:"of the join or lookup"`
	With    string        `json:"with" doc:"address of the right side, or of the connection that a lookup asks"`
	Lookup  bool          `json:"lookup" doc:"it is a lookup"`
	Keys    []string      `json:"keys" doc:"values that were looked for, or the question of a lookup; []: null and empty match nothing"`
	Found   []FoundRecord `json:"found" doc:"matches"`
	Result  string        `json:"result" doc:"joined, null, dropped, out_of_window, waiting or failed"`
	Message string        `json:"message" doc:"why it waits or failed; may be empty"`
}

// FoundRecord is one match of a TracedJoin.
type FoundRecord struct {
	Key    string          `json:"key" doc:"of the right record"`
	Record json.RawMessage `json:"record" doc:"the right record. Sensitive values are ‹sensitive›"`
}

// TracedItem is what one record gives in an Explanation.
type TracedItem struct {
	Item    json.RawMessage `json:"item" doc:"output of each; null without each"`
	Joins   []TracedJoin    `json:"joins" doc:"joins that read the item"`
	Steps   []TracedStep    `json:"steps" doc:"where, key and fields, each evaluated by itself"`
	Key     string          `json:"key" doc:"of the item; empty: it has none"`
	Fate    string          `json:"fate" doc:"mapped, filtered, failed or waiting"`
	Dropped string          `json:"dropped" doc:"what dropped it: where, or a join; may be empty"`
	Message string          `json:"message" doc:"why it failed or waits; may be empty"`
}

// TracedStep is one expression in an Explanation.
type TracedStep struct {
	Field      string          `json:"field" doc:"mapped field, or where, key, map"`
	Expression string          `json:"expression" doc:"as it is written; may be empty"`
	Place      string          `json:"place" doc:"file:line; may be empty"`
	Value      json.RawMessage `json:"value" doc:"what it gives; null also with an error"`
	Error      string          `json:"error" doc:"why it gives nothing; empty: it does"`
	Sensitive  bool            `json:"sensitive" doc:"the value is hidden"`
}

// TracedKey is one key of the pipeline in an Explanation.
type TracedKey struct {
	Key      string          `json:"key" doc:"parts joined by /"`
	OfRecord bool            `json:"of_record" doc:"it is the key of a source record that failed or waits as a whole, not that of an item"`
	Outcome  string          `json:"outcome" doc:"what the next run does: create, update, delete, disable, unchanged, remember, forget, replace; or why it does nothing: absent, unproven, filtered, other_key, failed, refused, held, grace, waiting, protected, rejected, dismissed, undone, in_doubt, blocked"`
	Why      string          `json:"why" doc:"in words"`
	Next     *NextChange     `json:"next" doc:"the change that is wanted; null: none"`
	Status   string          `json:"status" doc:"of what was delivered; empty: nothing is remembered"`
	Record   json.RawMessage `json:"record" doc:"as it was delivered last; null: nothing is"`
	Open     []Open          `json:"open" doc:"what waits under the key since an earlier run"`
	Events   []Event         `json:"events" doc:"what happened to it, oldest first"`
	Cut      bool            `json:"cut" doc:"what happened before the first event is no longer known"`
}

// NextChange is the change that is wanted in an Explanation.
type NextChange struct {
	Op       string  `json:"op" doc:"create, update, delete or disable"`
	Cause    string  `json:"cause" doc:"why"`
	Approved bool    `json:"approved" doc:"someone approved it"`
	Fields   []Field `json:"fields" doc:"fields before and after"`
}

// RunExplanation is what `koppel explain --run --json` prints.
type RunExplanation struct {
	FormatVersion string     `json:"format_version" doc:"version of this output"`
	Pipeline      string     `json:"pipeline" doc:"name of the pipeline"`
	Key           string     `json:"key" doc:"the record's key, parts joined by /"`
	RunID         int64      `json:"run_id" doc:"the run"`
	Kind          string     `json:"kind" doc:"run, apply, undo or retire"`
	Status        string     `json:"status" doc:"of the pipeline in that run"`
	Started       *time.Time `json:"started" doc:"RFC 3339"`
	Why           string     `json:"why" doc:"in words"`
	Events        []Event    `json:"events" doc:"what the run did to the record"`
	Problems      []Problem  `json:"problems" doc:"what the run reported of the record"`
	Open          []Open     `json:"open" doc:"what the run left open, as it stands now"`
}

// A Locate gives the text of an expression as it is written and where it
// stands; both may be empty.
type Locate func(pos mapping.Pos) (text, place string)

// NewExplanation describes a record on its way through a pipeline.
func NewExplanation(x *engine.Explanation, locate Locate) Explanation {
	out := Explanation{FormatVersion: FormatVersion, Pipeline: x.Name, Key: x.Key, From: x.From, Read: x.Read, Complete: x.Complete,
		Incomplete: list(x.Incomplete), Blocked: x.Blocked, Records: []TracedRecord{}, Keys: []TracedKey{}, Problems: newProblems(x.Problems)}
	for i := range x.Records {
		out.Records = append(out.Records, newTracedRecord(&x.Records[i], locate))
	}
	for i := range x.Keys {
		out.Keys = append(out.Keys, newTracedKey(&x.Keys[i]))
	}
	return out
}

func newTracedRecord(r *engine.RecordTrace, locate Locate) TracedRecord {
	out := TracedRecord{Partition: r.Part, Key: r.Key, Record: rawJSON(r.Record), Fate: r.Fate, Code: r.Code, Field: r.Field, Message: r.Note,
		Joins: newTracedJoins(r.Joins), Items: []TracedItem{}}
	for i := range r.Items {
		it := &r.Items[i]
		one := TracedItem{Item: rawJSON(it.Item), Joins: newTracedJoins(it.Joins), Steps: []TracedStep{}, Key: it.Key, Fate: it.Fate,
			Dropped: it.Dropped, Message: it.Note}
		for _, s := range it.Steps {
			text, place := locate(s.Pos)
			one.Steps = append(one.Steps, TracedStep{Field: s.Field, Expression: text, Place: place, Value: rawJSON(s.Value), Error: s.Error,
				Sensitive: s.Sensitive})
		}
		out.Items = append(out.Items, one)
	}
	return out
}

func newTracedJoins(all []engine.JoinTrace) []TracedJoin {
	out := make([]TracedJoin, 0, len(all))
	for _, j := range all {
		one := TracedJoin{Name: j.Name, With: j.With, Lookup: j.Lookup, Keys: list(j.Keys), Found: []FoundRecord{}, Result: j.Result, Message: j.Note}
		for _, f := range j.Found {
			one.Found = append(one.Found, FoundRecord{Key: f.Key, Record: rawJSON(f.Record)})
		}
		out = append(out, one)
	}
	return out
}

func newTracedKey(k *engine.KeyTrace) TracedKey {
	out := TracedKey{Key: k.Key, OfRecord: k.OfRecord, Outcome: k.Outcome, Why: k.Why, Status: k.Status, Record: rawJSON(k.Record), Open: newOpens(k.Open),
		Events: newEvents(k.Events), Cut: k.Cut}
	if n := k.Next; n != nil {
		out.Next = &NextChange{Op: n.Op.String(), Cause: string(n.Cause), Approved: n.Approved, Fields: NewFields(n.Changes)}
	}
	return out
}

// NewRunExplanation describes what one run did to one record.
func NewRunExplanation(x *engine.RunExplanation) RunExplanation {
	return RunExplanation{FormatVersion: FormatVersion, Pipeline: x.Name, Key: x.Key, RunID: x.Run, Kind: x.Kind, Status: x.Status,
		Started: moment(x.Started), Why: x.Why, Events: newEvents(x.Events), Problems: newProblems(x.Reported), Open: newOpens(x.Open)}
}
