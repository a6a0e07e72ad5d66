package view

// A Style says how results are shown to people.
type Style struct {
	Color bool
	// Width and Height are the terminal's; 0: there is none.
	Width, Height int
	// Quiet leaves out warnings and hints.
	Quiet bool
	// All shows every change.
	All bool
}

func (s Style) painter() Painter { return Painter(s.Color) }

// A Painter colours text for a terminal; false leaves it as it is.
type Painter bool

func (p Painter) paint(style, s string) string {
	if !p || s == "" {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

// Red marks what is wrong or removed.
func (p Painter) Red(s string) string { return p.paint("31", s) }

// Green marks what is right or new.
func (p Painter) Green(s string) string { return p.paint("32", s) }

// Yellow marks what changes or needs a look.
func (p Painter) Yellow(s string) string { return p.paint("33", s) }

// Bold marks titles.
func (p Painter) Bold(s string) string { return p.paint("1", s) }

// Dim marks what stands aside.
func (p Painter) Dim(s string) string { return p.paint("2", s) }
