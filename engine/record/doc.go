// Package record holds the values that flow through Koppel: records as JSON
// bytes, keys, changes, their canonical form and their hashes.
//
// A record is one JSON object. Between the stages it stays bytes: source
// records as the source gave them, mapped records as an object whose members
// are sorted by name. Three states of a field are kept apart everywhere:
// absent (no member), null, and empty ("" or []).
//
// Numbers keep their digits. A decoded number is an int when its literal is an
// integer that fits, a float64 when that float prints as the very same plain
// decimal, and a json.Number that holds the plain literal otherwise; so ids
// beyond 2^53 and decimals pass through every stage unchanged.
package record
