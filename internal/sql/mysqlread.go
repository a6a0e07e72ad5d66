package sql

import (
	"bytes"
	"database/sql/driver"
	"math"
	"reflect"
	"strconv"

	"koppel/engine/record"
)

// A mysqlReader turns the driver's value into a Value. buf keeps what it makes.
type mysqlReader func(v driver.Value, buf *[]byte) Value

// mysqlReaders finds how each column of a result is read.
func mysqlReaders(rows driver.Rows) []mysqlReader {
	types := rows.(driver.RowsColumnTypeDatabaseTypeName)
	readers := make([]mysqlReader, len(rows.Columns()))
	for i := range readers {
		readers[i] = readMySQLPlain
		switch types.ColumnTypeDatabaseTypeName(i) {
		case "UNSIGNED BIGINT":
			readers[i] = readMySQLUnsigned
		case "DECIMAL":
			readers[i] = readMySQLNumber
		case "BIT":
			readers[i] = readMySQLBits
		case "DATE":
			readers[i] = readMySQLMoment("")
		case "DATETIME":
			readers[i] = readMySQLMoment("")
		case "TIMESTAMP":
			readers[i] = readMySQLMoment("Z")
		case "TIME":
			readers[i] = readMySQLTime
		case "BLOB", "TINYBLOB", "MEDIUMBLOB", "LONGBLOB", "BINARY", "VARBINARY", "GEOMETRY", "VECTOR":
			readers[i] = readMySQLBytes
		}
	}
	return readers
}

func readMySQLPlain(v driver.Value, _ *[]byte) Value {
	switch v := v.(type) {
	case int64:
		return Value{Kind: Integer, Int: v}
	case uint64:
		if v > math.MaxInt64 {
			return Value{Kind: Decimal, Text: strconv.AppendUint(nil, v, 10)}
		}
		return Value{Kind: Integer, Int: int64(v)}
	case float64:
		return Value{Kind: Real, Float: v}
	case float32:
		// The fewest digits that mean this number are those that were written.
		f, _ := strconv.ParseFloat(strconv.FormatFloat(float64(v), 'g', -1, 32), 64)
		return Value{Kind: Real, Float: f}
	case []byte:
		return Value{Kind: Text, Text: v}
	case string:
		return Value{Kind: Text, Text: []byte(v)}
	}
	return Value{}
}

// readMySQLUnsigned is for BIGINT UNSIGNED, whose large values the driver gives
// as text.
func readMySQLUnsigned(v driver.Value, buf *[]byte) Value {
	if _, ok := v.([]byte); ok {
		return readMySQLNumber(v, buf)
	}
	if _, ok := v.(string); ok {
		return readMySQLNumber(v, buf)
	}
	return readMySQLPlain(v, buf)
}

// readMySQLNumber keeps all digits, without the noughts that fill a scale.
func readMySQLNumber(v driver.Value, buf *[]byte) Value {
	text := readMySQLPlain(v, buf)
	if text.Kind != Text {
		return text
	}
	n, err := Number(text.Text)
	if err != nil {
		*buf = record.AppendCanonicalNumber((*buf)[:0], text.Text)
		return Value{Kind: Decimal, Text: *buf}
	}
	return n
}

// readMySQLBits reads BIT as the number that its bits are.
func readMySQLBits(v driver.Value, _ *[]byte) Value {
	b, ok := v.([]byte)
	if !ok {
		return Value{}
	}
	var n uint64
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return readMySQLPlain(n, nil)
}

func readMySQLBytes(v driver.Value, _ *[]byte) Value {
	b, ok := v.([]byte)
	if !ok {
		return Value{}
	}
	return Value{Kind: Blob, Text: b}
}

// readMySQLMoment writes dates and times as ISO text. The date of noughts, which
// stands for none, is null.
func readMySQLMoment(zone string) mysqlReader {
	return func(v driver.Value, buf *[]byte) Value {
		b, ok := v.([]byte)
		if !ok || bytes.HasPrefix(b, []byte("0000-00-00")) {
			return Value{}
		}
		out := append((*buf)[:0], b...)
		if len(out) > len("2006-01-02") {
			out[len("2006-01-02")] = 'T'
			if dot := bytes.IndexByte(out, '.'); dot >= 0 {
				out = bytes.TrimRight(bytes.TrimRight(out, "0"), ".")
			}
			out = append(out, zone...)
		}
		*buf = out
		return Value{Kind: Text, Text: out}
	}
}

// readMySQLTime leaves out the noughts that fill a fraction, as in moments.
func readMySQLTime(v driver.Value, _ *[]byte) Value {
	b, ok := v.([]byte)
	if !ok {
		return Value{}
	}
	if bytes.IndexByte(b, '.') >= 0 {
		b = bytes.TrimRight(bytes.TrimRight(b, "0"), ".")
	}
	return Value{Kind: Text, Text: b}
}

// mysqlLength is the display width of a result's column, which the driver
// knows and does not tell; 0 where it can't be found.
func mysqlLength(rows driver.Rows, i int) uint64 {
	v := reflect.Indirect(reflect.ValueOf(rows))
	for _, name := range []string{"rs", "columns"} {
		if v.Kind() != reflect.Struct {
			return 0
		}
		v = v.FieldByName(name)
	}
	if v.Kind() != reflect.Slice || i >= v.Len() {
		return 0
	}
	v = v.Index(i)
	if v.Kind() != reflect.Struct || !v.FieldByName("length").IsValid() {
		return 0
	}
	return v.FieldByName("length").Uint()
}
