package file

import (
	"bytes"

	"koppel/engine/record"
)

// readLines hands over JSON Lines as they stand in the file, without blank
// lines. Whether each is valid is the engine's to check.
func readLines(w *window, h *handover) error {
	found := false
	for {
		failed := w.fill()
		whole := w.data()[:bytes.LastIndexByte(w.data(), '\n')+1]
		some, err := giveLines(w, h, whole)
		if err != nil {
			return err
		}
		found = found || some
		if failed != nil {
			return failed
		}
		if w.eof {
			return lastLine(w, h, found)
		}
	}
}

// giveLines hands over whole lines and takes them from the window.
func giveLines(w *window, h *handover, lines []byte) (some bool, err error) {
	from := 0
	flush := func(to int) error {
		some = some || to > from
		return h.give(w.offset+int64(from), lines[from:to])
	}
	for i := 0; i < len(lines); {
		end := i + bytes.IndexByte(lines[i:], '\n') + 1
		if lines[i] <= ' ' && len(bytes.TrimSpace(lines[i:end])) == 0 {
			if err := flush(i); err != nil {
				return some, err
			}
			from = end
		} else if end-i > w.limit {
			return some, &syntaxError{i, errTooLong.Error()}
		}
		i = end
	}
	if err := flush(len(lines)); err != nil {
		return some, err
	}
	w.take(len(lines))
	return some, nil
}

// lastLine judges what stands behind the last line end. A record there may be
// whole, and is handed over when it is valid; but nothing tells whether the
// file was cut, here or before further lines.
func lastLine(w *window, h *handover, found bool) error {
	rest := w.data()
	if len(rest) == 0 {
		if !found {
			return &problem{text: "it holds no record; in JSON Lines an empty set can't be told from a file that was not written"}
		}
		return nil
	}
	if record.Valid(rest, record.Limits{}) == nil {
		line := append(rest[:len(rest):len(rest)], '\n')
		if err := h.give(w.offset, line); err != nil {
			return err
		}
		return &syntaxError{len(rest), "the last line has no line end, so nothing tells whether the file was cut; its record is used"}
	}
	return &syntaxError{len(rest), "the last line breaks off: it has no line end and is no whole JSON value"}
}
