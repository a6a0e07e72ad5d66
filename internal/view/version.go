package view

// Version is what `koppel version --json` prints.
type Version struct {
	FormatVersion string `json:"format_version" doc:"version of this output"`
	Version       string `json:"version" doc:"of the program"`
	Revision      string `json:"revision" doc:"commit that it was built from; empty: not known"`
	Go            string `json:"go" doc:"version of Go that built it"`
	Platform      string `json:"platform" doc:"operating system and architecture"`
}

// NewVersion describes a binary.
func NewVersion(version, revision, goVersion, platform string) Version {
	return Version{FormatVersion: FormatVersion, Version: version, Revision: revision, Go: goVersion, Platform: platform}
}

// Text shows the version in one line.
func (v Version) Text() string {
	s := "koppel " + v.Version
	if v.Revision != "" {
		s += " (" + v.Revision + ")"
	}
	return s + " " + v.Go + " " + v.Platform
}
