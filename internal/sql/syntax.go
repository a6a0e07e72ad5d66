package sql

import "strings"

// A Syntax is what a database takes for strings, quoted names and comments,
// beside '…', "…", -- and /* */.
type Syntax struct {
	Backslash bool // in '…' and "…" a backslash goes before a quote
	Escapes   bool // E'…' has backslashes, $tag$…$tag$ is a string
	Backticks bool // `…` is a name
	Brackets  bool // […] is a name
	Hash      bool // # starts a comment
	Blank     bool // -- starts a comment only before a blank
	Nested    bool // comments stand within comments
}

// SyntaxOf gives the syntax of a connection kind's databases. An unknown kind
// has the plainest.
func SyntaxOf(kind string) Syntax {
	switch kind {
	case "sqlite":
		return sqliteDialect{}.Syntax()
	case "postgres":
		return postgresDialect{}.Syntax()
	case "mysql":
		return mysqlDialect{}.Syntax()
	case "sqlserver":
		return sqlserverDialect{}.Syntax()
	}
	return Syntax{}
}

// Syntax is that of https://sqlite.org/lang_keywords.html
func (sqliteDialect) Syntax() Syntax { return Syntax{Backticks: true, Brackets: true} }

// Syntax is that of https://www.postgresql.org/docs/current/sql-syntax-lexical.html
func (postgresDialect) Syntax() Syntax { return Syntax{Escapes: true, Nested: true} }

// Syntax is that of https://dev.mysql.com/doc/refman/8.4/en/string-literals.html
// and https://dev.mysql.com/doc/refman/8.4/en/comments.html
func (mysqlDialect) Syntax() Syntax {
	return Syntax{Backslash: true, Backticks: true, Hash: true, Blank: true}
}

// Syntax is that of
// https://learn.microsoft.com/en-us/sql/relational-databases/databases/database-identifiers
func (sqlserverDialect) Syntax() Syntax { return Syntax{Brackets: true, Nested: true} }

// skip returns the length of the string, quoted name or comment that s starts
// with, or 0; prev is the byte before it. An unclosed one reaches to the end.
func (y Syntax) skip(s string, prev byte) int {
	switch c := s[0]; {
	case c == '\'' || c == '"':
		return closing(s, c, y.Backslash)
	case c == '`' && y.Backticks:
		return closing(s, c, false)
	case c == '[' && y.Brackets:
		return closing(s, ']', false)
	case (c == 'e' || c == 'E') && y.Escapes && !isWord(prev) && strings.HasPrefix(s[1:], "'"):
		return 1 + closing(s[1:], '\'', true)
	case c == '$' && y.Escapes && !isWord(prev):
		return dollarQuoted(s)
	case c == '#' && y.Hash, strings.HasPrefix(s, "--") && (!y.Blank || len(s) == 2 || s[2] <= ' '):
		if end := strings.IndexByte(s, '\n'); end >= 0 {
			return end
		}
		return len(s)
	case strings.HasPrefix(s, "/*"):
		return y.comment(s)
	}
	return 0
}

// closing returns the length of a quoted literal. A doubled quote is part of it,
// and, with backslashes, what follows one.
func closing(s string, quote byte, backslash bool) int {
	for i := 1; i < len(s); i++ {
		switch {
		case backslash && s[i] == '\\':
			i++
		case s[i] != quote:
		case i+1 < len(s) && s[i+1] == quote:
			i++
		default:
			return i + 1
		}
	}
	return len(s)
}

// comment returns the length of a comment between /* and */.
func (y Syntax) comment(s string) int {
	depth := 1
	for i := 2; i+1 < len(s); i++ {
		switch {
		case s[i] == '*' && s[i+1] == '/':
			if depth--; depth == 0 {
				return i + 2
			}
			i++
		case y.Nested && s[i] == '/' && s[i+1] == '*':
			depth++
			i++
		}
	}
	return len(s)
}

// dollarQuoted returns the length of a PostgreSQL string such as $tag$…$tag$.
func dollarQuoted(s string) int {
	tag := "$" + identifier(s[1:]) + "$"
	if !strings.HasPrefix(s, tag) {
		return 0
	}
	if end := strings.Index(s[len(tag):], tag); end >= 0 {
		return end + 2*len(tag)
	}
	return len(s)
}
