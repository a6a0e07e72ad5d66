package file

import "bytes"

// startsFormula tells whether a spreadsheet program may take a text for a
// formula when it reads or types it: CSV injection. A plain number is none.
func startsFormula(text []byte) bool {
	return len(text) > 0 && bytes.IndexByte([]byte("=+-@\t\r\n"), text[0]) >= 0 && !plainNumber(text)
}

// plainNumber tells whether a text is digits behind a sign, with at most one
// point or comma between them.
func plainNumber(text []byte) bool {
	digits, marks := 0, 0
	for i, c := range text {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case i == 0 && (c == '-' || c == '+'):
		case (c == '.' || c == ',') && digits > 0 && i < len(text)-1:
			marks++
		default:
			return false
		}
	}
	return digits > 0 && marks <= 1
}
