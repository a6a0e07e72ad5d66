package mapping

// A Pos is its maker's own handle of where a node stands in the files. This
// package only hands it back.
type Pos int

// A Kind says what a node is.
type Kind byte

// The kinds of nodes.
const (
	KindPath     Kind = iota + 1 // Name is the root, Steps the members
	KindConst                    // Value
	KindToday                    // the run's date as text
	KindNow                      // the run's clock as text
	KindObject                   // Names and Nodes
	KindList                     // Nodes
	KindCall                     // Name is the function, Nodes its arguments
	KindExpr                     // Text is an expr program
	KindJQ                       // Text is a jq program
	KindTemplate                 // Value is a text with {names} in it, Name the place where it stands
)

// A Node is one value per record, as it was written.
type Node struct {
	Kind      Kind
	Pos       Pos
	Name      string
	Steps     []string
	Value     any  // nil, bool, string, numbers as in package record, []any, map[string]any
	Sensitive bool // of a constant
	Text      string
	Names     []string
	Nodes     []*Node
}

// Path makes the node of root.step.step. Roots are "src", "item", "target"
// (in Protect) and the names of joins and lookups. A step may be any text; one
// of digits indexes a list, and names a member of an object.
func Path(root string, steps []string, pos Pos) *Node {
	return &Node{Kind: KindPath, Name: root, Steps: steps, Pos: pos}
}

// Const makes the node of a value that is known before a run.
func Const(v any, sensitive bool, pos Pos) *Node {
	return &Node{Kind: KindConst, Value: v, Sensitive: sensitive, Pos: pos}
}

// Today makes the node of the run's date.
func Today(pos Pos) *Node { return &Node{Kind: KindToday, Pos: pos} }

// Now makes the node of the run's clock.
func Now(pos Pos) *Node { return &Node{Kind: KindNow, Pos: pos} }

// Object makes the node of an object; names[i] is the member of values[i].
func Object(names []string, values []*Node, pos Pos) *Node {
	return &Node{Kind: KindObject, Names: names, Nodes: values, Pos: pos}
}

// List makes the node of a list.
func List(values []*Node, pos Pos) *Node {
	return &Node{Kind: KindList, Nodes: values, Pos: pos}
}

// Call makes the node of a call of one of [Functions].
func Call(name string, args []*Node, pos Pos) *Node {
	return &Node{Kind: KindCall, Name: name, Nodes: args, Pos: pos}
}

// Expr makes the node of an expr program.
func Expr(text string, pos Pos) *Node { return &Node{Kind: KindExpr, Text: text, Pos: pos} }

// JQ makes the node of a jq program.
func JQ(text string, pos Pos) *Node { return &Node{Kind: KindJQ, Text: text, Pos: pos} }

// Places of templates: their values are escaped for them.
const (
	InPath  = "path"  // of a URL
	InQuery = "query" // a value of a URL's query, escaped by who makes the URL
	InLine  = "line"  // a value of a header
	InXML   = "xml"
	InJSON  = "json" // within the quotes of a text
	InForm  = "form" // a value of a form
	InText  = "text"
)

// Template makes the node of a text with {src.x} and the like in it. place says
// how values are escaped.
func Template(text string, sensitive bool, place string, pos Pos) *Node {
	return &Node{Kind: KindTemplate, Name: place, Value: text, Sensitive: sensitive, Pos: pos}
}
