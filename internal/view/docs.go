package view

// Docs is what `koppel docs --json` prints.
type Docs struct {
	FormatVersion string     `json:"format_version" doc:"version of this output"`
	Pages         []DocsPage `json:"pages" doc:"of the reference"`
}

// DocsPage is one page of Docs.
type DocsPage struct {
	Name  string `json:"name" doc:"to be used with koppel docs"`
	Title string `json:"title" doc:"for people"`
	Text  string `json:"text" doc:"Markdown; empty in lists"`
}
