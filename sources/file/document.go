package file

import (
	"errors"
	"fmt"

	"koppel/engine/connector"
	"koppel/engine/record"
)

// documentLimit bounds a document that a program takes apart: it is held in
// memory whole.
const documentLimit = 256 << 20

// readDocument hands over what the program makes of a JSON document.
func readDocument(w *window, h *handover, records connector.Program) error {
	w.limit = documentLimit
	for !w.eof {
		if err := w.fill(); errors.Is(err, errTooLong) {
			return &problem{text: fmt.Sprintf("the document is larger than %d MiB, the most that a records program can take apart", documentLimit>>20)}
		} else if err != nil {
			return err
		}
	}
	if len(w.data()) == 0 {
		return &problem{text: "it is empty, not a JSON document"}
	}
	if err := record.Valid(w.data(), record.Limits{Size: documentLimit}); err != nil {
		var s *record.SyntaxError
		if errors.As(err, &s) {
			return &syntaxError{s.Offset, s.Problem}
		}
		return err
	}
	outputs, err := records.Run(h.ctx, record.DecodeTrusted(w.data()))
	if err != nil {
		return &problem{text: "records", cause: err}
	}
	return giveOutputs(h, outputs)
}

func giveOutputs(h *handover, outputs []any) error {
	var lines []byte
	for i, v := range outputs {
		from := len(lines)
		var err error
		if lines, err = record.Append(lines, v); err != nil {
			return &problem{text: fmt.Sprintf("records: output %d", i+1), cause: err}
		}
		if kind := record.KindOf(lines[from:]); kind != record.Object {
			text := fmt.Sprintf("records: output %d is not an object but of kind %s", i+1, kind)
			if kind == record.List {
				text += "; [] behind the program gives its elements"
			}
			return &problem{text: text}
		}
		if lines = append(lines, '\n'); len(lines) >= chunkSize || i == len(outputs)-1 {
			if err := h.give(0, lines); err != nil {
				return err
			}
			lines = lines[:0]
		}
	}
	return nil
}
