package view

// inspectShapes are those of the verbs that look into what happened and decide
// on it.
func inspectShapes() map[string]any {
	return map[string]any{
		"runs list": &Runs{}, "runs show": &RunDetails{}, "history": &History{}, "explain": &Explanation{}, "explain --run": &RunExplanation{},
		"held list": &Held{}, "held approve": &Decision{}, "failed list": &Failed{}, "state list": &StateList{}, "state mv": &StateEdit{},
		"erase": &Erased{}, "token list": &Tokens{}, "token create": &TokenChange{},
		"deliveries list": &Deliveries{}, "deliveries show": &DeliveryDetail{},
	}
}
