package mapping

// A Spec holds everything of one pipeline that is evaluated per record. Nil
// nodes and empty lists are parts that the pipeline does not have. Without
// Fields and without Whole the mapped record is the source record itself (the
// item, under Each).
type Spec struct {
	Joins   []Join
	Lookups []Lookup
	Each    *Node
	Where   *Node
	Key     []*Node
	Fields  []Field // of map { … }, in order
	Whole   *Node   // of map = jq(…): gives the whole object
	Rules   []Field // field blocks beside Whole, by Name; their Value is nil
	Protect *Node   // sees target and constants
	Deleted *Node   // of a source: sees src and constants
	// SourceKey holds the dotted paths of the source's own key, so that a record
	// need not be scanned once more for it.
	SourceKey []string
	// SensitiveSrc holds the dotted paths of the source that are sensitive; a
	// path covers what lies below it.
	SensitiveSrc []string
}

// A Join is a right side that is bound to a name.
type Join struct {
	Name string
	Pos  Pos
	// Left and Right are the parts of `on`, as many on both sides. Right sees
	// the right record as the root Name.
	Left, Right []*Node
	// Target says that NAME.target can be read.
	Target bool
	// Sensitive holds the dotted paths of the right records that are sensitive.
	Sensitive []string
}

// A Lookup is a question that is put together per record; its answer is bound
// to its name.
type Lookup struct {
	Name string
	Pos  Pos
	// Path gives a text. Query and Headers name values, by place.
	Path                    *Node
	QueryNames, HeaderNames []string
	Query, Headers          []*Node
	Body                    *Node // a Template, or what is sent as JSON; nil: nothing
}

// A Field is one field of a mapped record with what is checked about it.
type Field struct {
	Name      string
	Pos       Pos
	Value     *Node
	Type      string // string, number, integer, bool, date, datetime, list, object; empty: any
	Required  bool
	Default   *Node // takes the place of null and absent, before Required
	Sensitive bool
}

// Consts holds what is known before a run.
type Consts struct {
	Var, Local, Each map[string]any // values as in Node.Value
	// Sensitive holds dotted paths of them, such as "var.token" or
	// "local.api.key"; a path covers what lies below it.
	Sensitive []string
	Tables    map[string]Table
	// Files holds the contents of the files that template_file names, by the
	// name as it is written.
	Files map[string]string
}

// A Table is what the function table looks up in.
type Table struct {
	Values    map[string]any
	Sensitive bool
}

// Codes of problems.
const (
	CodeSyntax   = "syntax"    // a program is not well formed
	CodeName     = "name"      // an unknown root, variable or function
	CodeArgument = "argument"  // a function is called with arguments that it does not take
	CodeScope    = "scope"     // a root that cannot be read here
	CodeTooLarge = "too_large" // a program beyond what is accepted
)

// A Problem is a mistake that is known before a run.
type Problem struct {
	Pos Pos
	// Offset and End bound the mistake in bytes of the program's text; both
	// are -1 when it concerns the node as a whole.
	Offset, End int
	Code        string
	Summary     string
	Detail      string // empty, or what to write instead
	Suggest     string // a name that was probably meant; empty when none is close
}

// Error gives the problem in one line.
func (p Problem) Error() string {
	if p.Suggest != "" {
		return p.Summary + "; did you mean " + p.Suggest + "?"
	}
	return p.Summary
}
