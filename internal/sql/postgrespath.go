package sql

import (
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// firstSchema is where tables without a schema are, as far as the URL says. The
// server heeds options before the parameters beside them.
func firstSchema(c *pgconn.Config) string {
	path, given := c.RuntimeParams["search_path"]
	if !given {
		path = searchPathOption(c.RuntimeParams["options"])
	}
	first, _, _ := strings.Cut(path, ",")
	first = strings.TrimSpace(first)
	if name, quoted := strings.CutPrefix(first, `"`); quoted {
		first = strings.TrimSuffix(name, `"`)
	} else {
		first = strings.ToLower(first)
	}
	if first == "" || first == "$user" {
		return "public"
	}
	return first
}

// searchPathOption gives the last search path that command-line options set; a
// backslash there makes a blank a part of a value:
// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-OPTIONS
func searchPathOption(options string) (path string) {
	args := optionArgs(options)
	for i := 0; i < len(args); i++ {
		setting, long := strings.CutPrefix(args[i], "--")
		if !long {
			short, ok := strings.CutPrefix(args[i], "-c")
			if !ok {
				continue
			}
			if setting = short; setting == "" && i+1 < len(args) {
				i++
				setting = args[i]
			}
		}
		name, value, _ := strings.Cut(setting, "=")
		if strings.EqualFold(strings.ReplaceAll(name, "-", "_"), "search_path") {
			path = value
		}
	}
	return path
}

// optionArgs takes options apart at white space.
func optionArgs(options string) (args []string) {
	var arg []byte
	within := false
	for i := 0; i < len(options); i++ {
		c := options[i]
		if strings.IndexByte(" \t\n\v\f\r", c) >= 0 {
			if within {
				args = append(args, string(arg))
			}
			arg, within = arg[:0], false
			continue
		}
		if c == '\\' && i+1 < len(options) {
			i++
			c = options[i]
		}
		arg, within = append(arg, c), true
	}
	if within {
		args = append(args, string(arg))
	}
	return args
}
