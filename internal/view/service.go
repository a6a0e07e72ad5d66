package view

// Service is what `koppel serve --json` prints once it listens.
type Service struct {
	FormatVersion string      `json:"format_version" doc:"version of this output"`
	URL           string      `json:"url" doc:"where HTTP is served"`
	Pipelines     int         `json:"pipelines" doc:"instances"`
	Schedules     []Scheduled `json:"schedules" doc:"when pipelines run by themselves, by name of the instance"`
}

// NewService says what is served where.
func NewService(url string, pipelines int, schedules []Scheduled) Service {
	return Service{FormatVersion: FormatVersion, URL: url, Pipelines: pipelines, Schedules: schedules}
}

// Service says for people what is served where, with at most so many schedules.
func (t *Teller) Service(s Service, most int) {
	t.line("Serving %s on %s", plural(int64(s.Pipelines), "pipeline"), Clean(s.URL))
	if len(s.Schedules) == 0 {
		t.line("No pipeline has a schedule.")
		return
	}
	t.line("")
	t.WriteSchedules(s.Schedules, most)
}
