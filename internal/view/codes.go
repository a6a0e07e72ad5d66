package view

import "slices"

// A RecordCode is one kind of problem of a record, partition or pipeline in a
// plan or run. Its name is stable.
type RecordCode struct{ Code, Meaning, Fix string }

// RecordCodes lists them in alphabetical order.
func RecordCodes() []RecordCode { return slices.Clone(recordCodes) }

var recordCodes = []RecordCode{
	{"argument", "A function is called with arguments that it does not take.", "Call it as the table of functions shows."},
	{"convert", "A value does not convert to what is asked for, such as a date or a number.", "Correct it at the source, or map it another way."},
	{"duplicate_key", "Several records claim one key; none of them is used, and all keep what was delivered.", "Make the key unique."},
	{"empty_key", "A part of the key is null, missing or empty.", "Choose a key that every record has, or leave such records out with where."},
	{"errors", "More records failed than `errors { max }` allows, so nothing of the pipeline was written.", "Mend the records that failed, or raise the bound."},
	{"failed", "The pipeline could not be planned or run.", "The message says why."},
	{"file", "The file that a record names can't be read.", "Put it in its place, inside the project's folder, or correct the path."},
	{"in_doubt", "The answer of the target was lost, and it can't be asked whether it took the change.", "Look at the target, then use `koppel failed`."},
	{"incomplete", "A source or partition was not read completely, so that absence proves nothing.", "The message says what was missing; the next run reads again."},
	{"invalid_record", "A record is no valid JSON object.", "Correct it at the source."},
	{"join_incomplete", "A joined side was not read completely; records that depend on it keep what was delivered.", "Mend the joined source."},
	{"join_many", "A join found several matches.", "Make the right side unique, or set many = \"first\" or \"list\"."},
	{"join_none", "A join found no match, and none = \"error\".", "Complete the right side, or set none to \"null\" or \"skip\"."},
	{"key", "A record has no key.", "Choose a key that every record has."},
	{"limit", "A record takes more work or makes more output than one may.", "Simplify the program."},
	{"lookup_many", "A lookup found several records.", "Ask more precisely, or take one of them with records = jq(…)."},
	{"lookup_none", "A lookup found nothing, and none = \"error\".", "Complete the system that is asked, or set none to \"null\" or \"skip\"."},
	{"lookup_records", "What a lookup answered holds no record: records = jq(…) fails on it, or gives something else.", "Correct records, or the path."},
	{"lookup_refused", "The system that a lookup asks refuses the question.", "The message has its words; correct the record, or the lookup."},
	{"lookup_unanswered", "A lookup was not answered; records that wait for it keep what was delivered.", "The message says why; the next run asks again."},
	{"match_many", "Several rows of the target match a new record; none is adopted.", "Choose fields for match that name one row."},
	{"match_taken", "The row of the target that matches a new record belongs to another key.", "Remove one of the two records."},
	{"moved", "A change of a saved plan no longer fits what stands now and was skipped.", "Plan again."},
	{"not_sent", "A change never reached the target, or the target did not act on it.", "The message says why; the next run tries again."},
	{"no_key", "No record has the one key that was asked for.", "Write the key as plan and history show it."},
	{"no_refresh", "The target can't be read, so that drift is not seen.", "Plan without --refresh."},
	{"not_delivered", "What a joined record's target answers is needed, and it is not delivered yet.", "Nothing: the record waits for it."},
	{"not_replaced", "A set that is replaced as a whole was not, because it was not read whole or records failed or wait.", "Mend what the message names."},
	{"not_undoable", "What went to a target can't be taken back.", "Undo it by hand."},
	{"null", "A field is null, and on_null = \"error\".", "Fill it at the source, or set a default."},
	{"outdated", "A record was read under an earlier configuration of its source.", "Nothing: the next full read brings it."},
	{"outputs", "A jq program gives more than one output where one is due.", "Collect them in a list: [ … ]."},
	{"program", "A jq or expr program failed by itself.", "The message shows the place in the program."},
	{"protect", "Whether a row is protected could not be told, so it stays.", "Correct the protect condition."},
	{"record", "A record failed for another reason.", "The message says why."},
	{"refused", "The target refused the change, in the words that follow.", "Mend what it names; it is tried again."},
	{"required", "A required field is null or missing.", "Fill it at the source, or set a default."},
	{"skipped", "The pipeline was not planned or did not run, because it is disabled, paused, or waits for another.", "The message says why."},
	{"source_moved", "What a saved plan read of a source is not kept, because the source was read again since.", "Plan again."},
	{"stopped", "The run was interrupted.", "Run again: it goes on from there."},
	{"syntax", "A program or value is not well formed.", "Correct the text at the place that is shown."},
	{"type", "A value is of another type than an operation or field takes.", "Convert it, as with string(…) or number(…)."},
	{"unsure", "It reads a record of another pipeline, and a crash left open whether the target took that.", "Nothing: it is looked at again once that pipeline has run."},
	{"withheld", "A record is gone or left the filter, and nothing is deleted in this run: one of the records without a key may be the same.", "Give every record a key; the next run deletes what is still gone."},
}
