// Package crashtest holds the tests that kill whole processes, run two of them
// at once, and look for secrets in everything that they leave behind. How many
// kills: KOPPEL_KILLS, per target (go test ./engine/crashtest -run Kill with
// KOPPEL_KILLS=200 KOPPEL_RECORDS=50000 -timeout 2h is the full proof).
package crashtest
