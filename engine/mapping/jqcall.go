package mapping

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/itchyny/gojq"
)

// function checks the name of a call and rewrites what is not the language's
// own.
func (w *jqWriter) function(t *gojq.Term) {
	f := t.Func
	name, n := f.Name, len(f.Args)
	if strings.HasPrefix(name, "$") {
		w.root(name)
		w.constant(name, pathOf(t))
		return
	}
	for _, a := range f.Args {
		w.query(a)
	}
	switch {
	case slices.Contains(w.funcs, name+"/"+strconv.Itoa(n)):
	case strings.HasPrefix(name, "_"):
		w.problem(name, CodeName, "unknown function "+name+"/"+strconv.Itoa(n), "")
	case isBanned(name):
		w.problem(name, CodeName, name+" does not exist here: a program sees its record only", "")
	case name == "now" && n == 0:
		w.c.reads.Now = true
		w.variable(clockVariable)
		f.Name = clockVariable
	case name == "add" && n == 1:
		list := &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeArray, Array: &gojq.Array{Query: f.Args[0]}}}
		w.replace(t, pipe(list, w.guarded(plainCall("add"))))
	case name == "join" && n == 1:
		w.add("_koppel_join", 1, jqJoin)
		w.replace(t, w.call("_koppel_join", f.Args[0]))
	case name == "setpath" && n == 2 || name == "getpath" && n == 1:
		f.Args[0] = w.placed(f.Args[0])
	case guardOf(name) != nil && jqHas(name, n):
		w.guardCall(t, guardOf(name))
	default:
		w.tableFunction(t)
	}
}

func plainCall(name string, args ...*gojq.Query) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: name, Args: args}}}
}

// replace puts a query in the place of a term; what follows the term stays.
func (w *jqWriter) replace(t *gojq.Term, q *gojq.Query) {
	t.Type, t.Func, t.Query = gojq.TermTypeQuery, nil, q
}

// isBanned lists what reaches beyond the record.
func isBanned(name string) bool {
	return slices.Contains(strings.Fields("env input inputs debug halt halt_error stderr input_filename input_line_number get_search_list modulemeta"), name)
}

// guardCall weighs the input of a call of the language, and its arguments where
// the language compares them or makes text of them.
func (w *jqWriter) guardCall(t *gojq.Term, guard jqCallback) {
	f := t.Func
	w.sites++
	name := "_koppel_guard_" + strconv.Itoa(w.sites)
	if re := literalRegexp(f); re != nil {
		guard = jqSearches(re)
	}
	switch {
	case f.Name == "sub" || f.Name == "gsub":
		w.add("_koppel_charge", 0, jqCharge)
		f.Args[1] = pipe(f.Args[1], w.call("_koppel_charge"))
	case comparesArguments(f.Name):
		w.add("_koppel_guard", 0, jqGuard)
		for i := range f.Args {
			f.Args[i] = pipe(f.Args[i], w.call("_koppel_guard"))
		}
	}
	w.add(name, 0, guard)
	w.replace(t, pipe(w.call(name), plainCall(f.Name, f.Args...)))
}

// literalRegexp gives the regular expression of a search, when it is a text
// between quotes and has no flags but those that do not change what is found.
func literalRegexp(f *gojq.Func) *regexp.Regexp {
	if !slices.Contains(strings.Fields("splits sub gsub match scan capture"), f.Name) {
		return nil
	}
	flags := 1
	if f.Name == "sub" || f.Name == "gsub" {
		flags = 2
	}
	t := f.Args[0].Term
	if t == nil || t.Type != gojq.TermTypeString || t.Str.Queries != nil || len(t.SuffixList) > 0 || len(f.Args) > flags {
		return nil
	}
	re, err := regexp.Compile(t.Str.Str)
	if err != nil {
		return nil
	}
	return re
}

func comparesArguments(name string) bool {
	return slices.Contains(strings.Fields("contains inside index rindex indices bsearch IN INDEX JOIN sort_by group_by unique_by min_by max_by"), name)
}

// guardOf gives what is done before the language's functions that can make
// much of little, or whose work grows with all that their input holds.
func guardOf(name string) jqCallback {
	switch name {
	case "add", "tojson", "tostring", "flatten", "sort", "sort_by", "group_by", "unique", "unique_by", "min", "min_by", "max", "max_by",
		"contains", "inside", "indices", "index", "rindex", "bsearch", "IN", "INDEX", "JOIN":
		return jqGuard
	case "explode", "split":
		return jqSplits
	case "splits", "sub", "gsub", "match", "scan", "capture":
		return jqSearches(nil)
	case "transpose":
		return jqTransposes
	}
	return nil
}

// jqHas tells whether the language has a function of that name and number of
// arguments.
func jqHas(name string, arity int) bool {
	text := name
	if arity > 0 {
		text += "(" + strings.Repeat(".;", arity-1) + ".)"
	}
	q, err := gojq.Parse(text)
	if err != nil {
		return false
	}
	_, err = gojq.Compile(q)
	return err == nil
}

// tableFunction rewrites a call of the function table. One-value functions are
// filters too.
func (w *jqWriter) tableFunction(t *gojq.Term) {
	f, ok := w.c.funcs[t.Func.Name]
	n := len(t.Func.Args)
	if !ok || jqHas(f.Name, n) {
		return
	}
	args := t.Func.Args
	if n == 0 && f.takes(1) {
		args = []*gojq.Query{identity()}
	}
	switch {
	case !f.takes(len(args)):
		w.problem(f.Name, CodeArgument, "wrong number of arguments: "+f.Usage()+" (in jq with ; between them)", "")
	case f.Name == "table" || f.Name == "template_file":
		w.fileFunction(t, f, args)
	case len(args) > 28:
		w.problem(f.Name, CodeArgument, "more than 28 arguments", "")
	default:
		w.settled(f, args)
		w.add("_koppel_"+f.Name, len(args), jqFunction(f))
		w.replace(t, w.call("_koppel_"+f.Name, args...))
	}
}

// fileFunction rewrites the functions whose first argument is known before a
// run.
func (w *jqWriter) fileFunction(t *gojq.Term, f *Function, args []*gojq.Query) {
	var name string
	s := args[0].Term
	literal := s != nil && s.Type == gojq.TermTypeString && s.Str != nil && s.Str.Queries == nil && len(s.SuffixList) == 0
	if literal {
		name = s.Str.Str
	} else {
		w.problem(f.Name, CodeArgument, f.Name+" takes a text between quotes first", "")
		return
	}
	run, problem, suggest := nothing, "", ""
	if f.Name == "table" {
		codes := []code{jqArgument(0), jqArgument(1)}[:len(args)-1]
		run, problem, suggest = w.c.table(name, codes)
	} else {
		run, problem = w.c.template(name)
	}
	if problem != "" {
		w.problem(f.Name, CodeName, problem, suggest)
		return
	}
	w.sites++
	site := fmt.Sprintf("_koppel_%s_%d", f.Name, w.sites)
	w.add(site, len(args)-1, jqSite(run))
	w.replace(t, w.call(site, args[1:]...))
}
