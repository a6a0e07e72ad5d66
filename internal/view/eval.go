package view

import "encoding/json"

// Evaluated is what `koppel eval --json` prints.
type Evaluated struct {
	FormatVersion string           `json:"format_version" doc:"version of this output"`
	Results       []EvaluatedInput `json:"results" doc:"one per input, in order"`
}

// EvaluatedInput is what a program gave for one input.
type EvaluatedInput struct {
	Outputs []json.RawMessage `json:"outputs" doc:"JSON values: any number from jq, one from expr and hcl"`
	Error   string            `json:"error" doc:"why it failed; empty: it did not"`
}
