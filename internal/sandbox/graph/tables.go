package graph

import "koppel/internal/sandbox/dataset"

func texts(names ...string) []dataset.Column {
	list := make([]dataset.Column, len(names))
	for i, n := range names {
		list[i] = dataset.Column{Name: n}
	}
	return list
}

func typed(t dataset.Type, names ...string) []dataset.Column {
	list := texts(names...)
	for i := range list {
		list[i].Type = t
	}
	return list
}

func columns(lists ...[]dataset.Column) (all []dataset.Column) {
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

func tables() []dataset.Def {
	return []dataset.Def{
		// A user with deletedDateTime lies in the recycle bin; one whose row is
		// deleted is gone for good.
		{Name: "users", Key: []string{"id"}, Columns: columns(
			texts("id", "displayName", "givenName", "surname", "mail", "userPrincipalName", "userType", "jobTitle", "department", "companyName",
				"employeeId", "mobilePhone", "officeLocation", "preferredLanguage", "manager"),
			typed(dataset.Bool, "accountEnabled", "onPremisesSyncEnabled"),
			typed(dataset.Any, "businessPhones", "assignedPlans", "assignedLicenses"),
			typed(dataset.Time, "createdDateTime", "employeeHireDate", "deletedDateTime"))},
		{Name: "groups", Key: []string{"id"}, Columns: columns(
			texts("id", "displayName", "description", "mail", "mailNickname"),
			typed(dataset.Bool, "mailEnabled", "securityEnabled"), typed(dataset.Any, "groupTypes"))},
		// A member is a user or another group.
		{Name: "members", Key: []string{"group", "member"}, Columns: texts("group", "member")},
		// A user without a row here has no mailbox. state says why one can't be
		// read; refuse_seconds makes it refuse for that long from the next call on,
		// with a Retry-After as retry_after says: seconds, date or none; paging:
		// endless, repeat; tombstones: lost.
		{Name: "mailboxes", Key: []string{"id"}, Columns: columns(
			texts("id", "state", "retry_after", "paging", "tombstones"), typed(dataset.Int, "refuse_seconds"))},
		// Series are one seriesMaster, with the dates that were deleted from it, and
		// an exception for each occurrence that differs. moves counts how often the
		// item was moved, which changes its id unless immutable ones are asked for.
		{Name: "events", Key: []string{"id"}, Modified: "lastModifiedDateTime", Columns: columns(
			texts("id", "mailbox", "type", "iCalUId", "subject", "body", "timeZone", "sensitivity", "showAs", "location", "organizerName",
				"organizerAddress", "seriesMasterId", "joinUrl"),
			typed(dataset.Time, "start", "end", "originalStart", "createdDateTime", "lastModifiedDateTime"),
			typed(dataset.Bool, "isAllDay", "isCancelled"), typed(dataset.Int, "moves"),
			typed(dataset.Any, "categories", "attendees", "recurrence", "deletedOccurrences"))},
		// Notifications go to who has subscribed to a mailbox. A row of lifecycle
		// tells what befell the subscriptions to one: reauthorizationRequired,
		// subscriptionRemoved, missed.
		{Name: "subscriptions", Key: []string{"id"}, Columns: columns(
			texts("id", "mailbox", "resource", "changeType", "notificationUrl", "lifecycleNotificationUrl", "clientState"),
			typed(dataset.Time, "expirationDateTime"))},
		{Name: "notifications", Key: []string{"id"}, Columns: columns(
			texts("id", "subscription", "url", "status", "body", "problem"), typed(dataset.Int, "n", "attempts"), typed(dataset.Time, "made", "due"))},
		{Name: "lifecycle", Key: []string{"id"}, Columns: texts("id", "mailbox", "event")},
		{Name: "certificates", Key: []string{"name"}, Columns: texts("name", "pem")},
		{Name: "federations", Key: []string{"issuer", "subject"}, Columns: texts("issuer", "subject", "audience", "pem")},
		{Name: "switches", Key: []string{"name"}, Columns: texts("name", "value", "about")},
	}
}

// switches are how the tenant behaves, each with its value at the start.
func switches() []dataset.Row {
	return []dataset.Row{
		{"name": "roles", "value": "Directory.Read.All Calendars.Read", "about": "the app roles that an administrator consented to"},
		{"name": "generation", "value": "1", "about": "delta tokens that were given out under another value have expired"},
		{"name": "expired", "value": "", "about": "how an expired delta token is answered: 410_location, 410, 400, resync_required, sync_state_invalid; empty: each in turn"},
		{"name": "partial_rows", "value": "on", "about": "later delta rounds of users send only what has changed of a user"},
		{"name": "replays", "value": "on", "about": "delta rounds of users send some rows twice, and some of the round before again"},
		{"name": "empty_pages", "value": "on", "about": "the second page of users is empty"},
		{"name": "tombstones", "value": "sent", "about": "lost: delta rounds of users do not tell of deleted users"},
	}
}
