package view

import "maps"

// Shapes are the objects that verbs print with --json, by verb; apply prints
// that of run, show that of plan. Each value is a fresh pointer.
func Shapes() map[string]any {
	all := map[string]any{
		"version": &Version{}, "validate": &Validation{}, "fmt": &Formatted{}, "test": &Tests{}, "plan": &Plan{}, "run": &Run{}, "serve": &Service{},
		"eval": &Evaluated{}, "graph": &Graph{}, "pause": &Paused{}, "resume": &Paused{}, "new": &NewProject{}, "docs": &Docs{},
		"sandbox": &Sandbox{}, "demo": &DemoReport{}, "discover": &Collections{}, "discover NAME": &Discovered{},
	}
	maps.Copy(all, inspectShapes())
	return all
}
