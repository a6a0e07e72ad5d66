// Package smtp is the connection kind smtp: a mail server that takes messages
// over STARTTLS or implicit TLS, one at a time. It tells what became of each: taken,
// refused, not sent, or unknown, because the answer to its last line was lost.
package smtp
