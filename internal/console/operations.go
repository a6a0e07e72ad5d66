package console

import (
	"slices"

	"koppel/internal/view"
)

// An operation is one thing that the API does.
type operation struct {
	method, path string
	id           string // stable; clients name functions after it
	summary      string
	role         string
	heavy        bool // it reads sources or writes targets
	params       []param
	body         any // a value of what it takes; nil: nothing
	answer       any // a value of what it answers
	accepted     bool
	do           func(*call) (any, error)
}

// A param is one parameter of an operation.
type param struct {
	name, doc string
	path      bool // it stands in the path
	number    bool
	flag      bool // true or false
	many      bool // it may stand there several times
	required  bool
}

func pipelinesParam() param {
	return param{name: "pipeline", doc: "only of the pipeline of this name or address", many: true}
}

func pageParams() []param {
	return []param{
		{name: "limit", doc: "how many at most, 1 to 1000; default 100", number: true},
		{name: "after", doc: "where to go on, from the link with rel=\"next\" of the page before"},
	}
}

func recordParams() []param {
	return []param{
		{name: "pipeline", doc: "name or address of one pipeline", required: true},
		{name: "key", doc: "the record's key, parts joined by /, or as a JSON list of them", required: true},
	}
}

func runParam() param {
	return param{name: "run", doc: "number of the run", path: true, number: true, required: true}
}

func planParam() param {
	return param{name: "plan", doc: "id of the plan", path: true, required: true}
}

// operations lists what the API does, in the order of its description.
func operations() []operation {
	return slices.Concat(looks(), decisions(), deliveries(), works())
}

// An Operation is one thing that the API does, as the reference shows it.
type Operation struct{ Request, Role, Summary string }

// Operations lists what the API does.
func Operations() []Operation {
	var list []Operation
	for _, op := range operations() {
		list = append(list, Operation{Request: op.method + " " + op.path, Role: op.role, Summary: op.summary})
	}
	return list
}

func looks() []operation {
	return []operation{
		{method: "GET", path: "/status", id: "status", summary: "What the service does now, and when pipelines run next", role: Viewer,
			answer: Status{}, do: (*call).status},
		{method: "GET", path: "/state", id: "listState", summary: "What is remembered of pipelines and sources, as state list", role: Viewer,
			answer: view.StateList{}, do: (*call).stateList},
		{method: "GET", path: "/runs", id: "listRuns", summary: "Runs and decisions by hand, newest first", role: Viewer,
			params: append([]param{pipelinesParam()}, pageParams()...), answer: view.Runs{}, do: (*call).listRuns},
		{method: "GET", path: "/runs/{run}", id: "showRun", summary: "What one run did", role: Viewer,
			params: append([]param{runParam(), {name: "wait", doc: "wait so many seconds, at most 60, for the run to end", number: true}}, pageParams()...),
			answer: view.RunDetails{}, do: (*call).showRun},
		{method: "GET", path: "/history", id: "history", summary: "One record over time", role: Viewer,
			params: recordParams(), answer: view.History{}, do: (*call).history},
		{method: "GET", path: "/explain", id: "explain", summary: "One record through every stage of its pipeline; reads its source", role: Viewer, heavy: true,
			params: recordParams(), answer: view.Explanation{}, do: (*call).explain},
		{method: "GET", path: "/runs/{run}/explain", id: "explainRun", summary: "What a run did to one record", role: Viewer,
			params: append([]param{runParam()}, recordParams()...), answer: view.RunExplanation{}, do: (*call).explainRun},
		{method: "GET", path: "/held", id: "listHeld", summary: "Changes and reads that are held", role: Viewer,
			params: append([]param{pipelinesParam(), {name: "source", doc: "only of the source of this name or address", many: true},
				{name: "set_aside", doc: "also what was rejected, or taken back by an undo", flag: true}}, pageParams()...),
			answer: view.Held{}, do: (*call).listHeld},
		{method: "GET", path: "/failed", id: "listFailed", summary: "Records that failed or were refused", role: Viewer,
			params: append([]param{pipelinesParam(), {name: "dismissed", doc: "also those that were dismissed", flag: true}}, pageParams()...),
			answer: view.Failed{}, do: (*call).listFailed},
		{method: "GET", path: "/openapi.json", id: "openapi", summary: "This description", role: Viewer, answer: map[string]any{}, do: (*call).describe},
	}
}

func decisions() []operation {
	decide := func(path, id, summary string, body any, do func(*call) (any, error)) operation {
		return operation{method: "POST", path: path, id: id, summary: summary, role: Admin, body: body, answer: view.Decision{}, do: do}
	}
	return []operation{
		decide("/held/approve", "approveHeld", "Let the next run do exactly what is held", HeldDecision{}, (*call).approve),
		decide("/held/reject", "rejectHeld", "Make runs leave alone what is held, or take the approval of a read back", HeldDecision{}, (*call).reject),
		decide("/failed/retry", "retryFailed", "Make refused records due at once", FailedDecision{}, (*call).retry),
		decide("/failed/dismiss", "dismissFailed", "Leave failed records alone while they fail in the same way", FailedDecision{}, (*call).dismiss),
		{method: "POST", path: "/pipelines/pause", id: "pause", summary: "Have schedules and webhooks leave pipelines alone", role: Admin,
			body: Pausing{}, answer: view.Paused{}, do: (*call).pause},
		{method: "POST", path: "/pipelines/resume", id: "resume", summary: "Let schedules and webhooks run pipelines again", role: Admin,
			body: Pausing{}, answer: view.Paused{}, do: (*call).resume},
	}
}

func deliveries() []operation {
	return []operation{
		{method: "GET", path: "/deliveries", id: "listDeliveries", summary: "Messages of webhook sinks and notices, newest first", role: Viewer,
			params: append([]param{pipelinesParam(), {name: "receiver", doc: "only to this name, or to sink.webhook.SINK.NAME"},
				{name: "status", doc: "only pending, delivered, failed or stopped ones"}, {name: "topic", doc: "only of this topic; * stands for one segment"},
				{name: "key", doc: "only about the record with this key"}, {name: "since", doc: "only those made since this time, RFC 3339"}}, pageParams()...),
			answer: view.Deliveries{}, do: (*call).listDeliveries},
		{method: "GET", path: "/deliveries/{delivery}", id: "showDelivery", summary: "A message with its body and all attempts", role: Viewer,
			params: []param{{name: "delivery", doc: "id of the message", path: true, required: true}}, answer: view.DeliveryDetail{}, do: (*call).showDelivery},
		{method: "POST", path: "/deliveries/resend", id: "resendDeliveries", summary: "Send messages once more", role: Admin,
			body: Resending{}, answer: view.Deliveries{}, do: (*call).resend},
	}
}

func works() []operation {
	return []operation{
		{method: "POST", path: "/runs", id: "startRun", summary: "Plan and apply under the guards, as run does", role: Admin,
			body: RunRequest{}, answer: Begun{}, accepted: true, do: (*call).startRun},
		{method: "POST", path: "/runs/{run}/undo", id: "planUndo", summary: "Plan what takes a run back, and save the plan", role: Admin, heavy: true,
			params: []param{runParam()}, answer: view.Plan{}, do: (*call).planUndo},
		{method: "POST", path: "/plans", id: "makePlan", summary: "Show what a run would change; writes nothing", role: Viewer, heavy: true,
			body: PlanRequest{}, answer: view.Plan{}, do: (*call).makePlan},
		{method: "GET", path: "/plans/{plan}", id: "showPlan", summary: "A saved plan, also one that can't be applied any more", role: Viewer, heavy: true,
			params: []param{planParam()}, answer: view.Plan{}, do: (*call).showPlan},
		{method: "POST", path: "/plans/{plan}/apply", id: "applyPlan", summary: "Apply exactly a saved plan", role: Admin,
			params: []param{planParam()}, answer: Begun{}, accepted: true, do: (*call).applyPlan},
	}
}
