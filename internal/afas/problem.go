package afas

import (
	"bytes"
	"encoding/json"
)

// A problem is the body of an error. AFAS says that errorNumber must not drive
// logic, and the texts come in the environment's language.
type problem struct {
	External  string `json:"externalMessage"`
	Message   string `json:"message"` // of a body that is no JSON: "Invalid json"
	Reference string `json:"profitLogReference"`
}

// String gives AFAS's words, and where Profit's log has more.
func (p problem) String() string {
	text := p.External
	if text == "" {
		text = p.Message
	}
	if text != "" && p.Reference != "" {
		text += " (profitLogReference " + p.Reference + ")"
	}
	return text
}

// problemStart is how far into a body the names of a problem are looked for:
// pages of rows are not.
const problemStart = 4 << 10

// parseProblem reads the body of an error; false: it is none, or says nothing.
// Rows beside an externalMessage are none that count.
func parseProblem(body []byte) (problem, bool) {
	var p problem
	start := body[:min(len(body), problemStart)]
	external := bytes.Index(start, []byte(`"externalMessage"`))
	rows := bytes.Index(start, []byte(`"rows"`))
	switch {
	case external < 0 && (rows >= 0 || !bytes.Contains(start, []byte(`"message"`))),
		rows >= 0 && external > rows && len(body) > problemStart,
		json.Unmarshal(body, &p) != nil:
		return problem{}, false
	}
	if rows >= 0 {
		p.Message = ""
	}
	return p, p.External != "" || p.Message != ""
}
