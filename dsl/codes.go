package dsl

import "slices"

// A Code is one kind of problem. Its name is stable; scripts may rely on it.
type Code struct{ Code, Meaning, Fix string }

// Codes returns every code that a diagnostic of this package can have, in
// alphabetical order.
func Codes() []Code { return slices.Clone(codes) }

var codes = []Code{
	{"ambiguous_path", "Two sources are delivered to at one path.", "Give each a path of its own."},
	{"ambiguous_sink", "Two pipelines write the same rows.", "Give each pipeline a table of its own, or make one of the two."},
	{"argument", "A function in a jq or expr program, or in a mapped field, is called with arguments that it does not take.", "Call it as the table of functions shows."},
	{"conflict", "Arguments or blocks that exclude each other stand together.", "Keep one of them."},
	{"cycle", "Pipelines, locals or variables depend on each other in a circle.", "Take one of the named references out."},
	{"deprecated", "A construct still works and has a better successor.", "Write the successor that the message names."},
	{"duplicate_argument", "An argument is set twice in one block.", "Keep one of them."},
	{"duplicate_block", "A block that may stand once, or a name that must be unique, stands twice.", "Remove or rename one of them."},
	{"empty_project", "The directory holds no configuration files.", "Name the directory with -C, or start with `koppel new`."},
	{"file_unreadable", "A file that the project names can't be read.", "Check the path, which is relative to the project, and its permissions."},
	{"interpolation", "A jq or expr program holds a template interpolation of HCL.", "Write $${ for a literal ${, or keep the program in a file and use jq_file."},
	{"invalid_call", "A function is called with wrong arguments, or fails on them.", "Call it as the message says."},
	{"invalid_label", "A block has a label too many or too few, or one that is no name.", "Write the labels that the message names."},
	{"invalid_name", "A name is no identifier.", "Use letters, digits, _ and -, beginning with a letter."},
	{"invalid_reference", "A reference points to something that does not exist or can't be read here.", "Correct the address that the message names."},
	{"invalid_value", "A value is of the wrong type or outside of what is allowed.", "Write a value of the kind that the message names."},
	{"later_version", "A feature is not in this version of Koppel.", "Leave it out, or use a later version."},
	{"missing_argument", "A required argument is absent.", "Add it."},
	{"missing_block", "A required block is absent.", "Add it."},
	{"name", "A jq or expr program, or a mapped field, uses a name that does not exist.", "Correct the name."},
	{"not_per_record", "A construct of HCL can't be used on values of records.", "Write it as the expr or jq program that the message shows."},
	{"ordering", "A setting needs another one to make sense.", "Add what the message names."},
	{"remote", "A system does not have what the project names (`validate --remote`).", "Correct the name, or add it in the system."},
	{"required_version", "The project asks for another version of Koppel.", "Install a version that fits, or change required_version."},
	{"scope", "A program or field reads something that can't be read where it stands.", "Read it where the message says."},
	{"sensitive", "A sensitive value stands where it would become visible.", "Use a value that is not sensitive, or nonsensitive(…) when it may be seen."},
	{"syntax", "A file or a program in it is not well formed.", "Correct the text at the place that is shown."},
	{"too_large", "A program or a file is larger than what is accepted.", "Make it smaller."},
	{"unknown_argument", "A block has no argument of this name.", "Correct the name; the message gives the closest one."},
	{"unknown_block", "A block of this type does not exist here.", "Correct the type; the message gives the closest one."},
	{"unknown_function", "A function of this name does not exist.", "Correct the name; the message gives the closest one."},
	{"unknown_kind", "A kind of source, sink or connection of this name does not exist.", "Correct the kind; the message gives the closest one."},
	{"unknown_name", "A variable, local or other name does not exist.", "Correct the name, or declare it."},
	{"unreachable", "A system can't be reached, or refuses the credentials (`validate --remote`).", "Do what the message says."},
	{"unset", "A variable without a default, an environment variable or a secret has no value.", "Set it."},
	{"unstable", "A stored value changes with every run, so that a pipeline never comes to rest.", "Store `today`, or a time that the source gives."},
	{"unused", "Something is declared and never used.", "Use it or remove it."},
	{"validation", "A value breaks a rule of its variable's validation block.", "Give a value that the rule allows."},
}
