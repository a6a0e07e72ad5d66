package sql

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"time"

	"github.com/go-sql-driver/mysql"

	"koppel/engine/connector"
)

// Numbers of https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
// and https://mariadb.com/kb/en/mariadb-error-code-reference/.
const (
	mysqlDeadlock     = 1213
	mysqlLockWait     = 1205
	mysqlChanged      = 1020 // MariaDB, innodb_snapshot_isolation
	mysqlQueryKilled  = 1317
	mysqlConnKilled   = 1927
	mysqlShutdown     = 1053
	mysqlTooLarge     = 1153
	mysqlReadOnly     = 1290
	mysqlNoPrivileges = 1142
	mysqlTimedOut     = 3024
	mariadbTimedOut   = 1969
)

// mysqlUnique and mysqlForeign are the constraints over several rows,
// mysqlRefused the refusals of one row whose SQLSTATE does not say so.
func mysqlConstraint(number uint16) Constraint {
	switch number {
	case 1022, 1062, 1169, 1586, 1859:
		return Unique
	case 1216, 1217, 1451, 1452, 1761, 1762:
		return ForeignKey
	}
	return NoConstraint
}

func mysqlRefuses(e *mysql.MySQLError) bool {
	if class := string(e.SQLState[:2]); class == "22" || class == "23" || class == "45" {
		return true
	}
	// No default, wrong value, truncated, too large for the table or a packet,
	// a check of a view or a table, a value of a generated column, ill-formed
	// JSON.
	return slices.Contains([]uint16{1364, 1366, 1265, 1118, mysqlTooLarge, 1369, 3819, 4025, 1906, 3105, 1411, 1525}, e.Number)
}

// mysqlLost tells whether the connection is gone.
func mysqlLost(err error) bool {
	var e *mysql.MySQLError
	if errors.As(err, &e) {
		return e.Number == mysqlConnKilled || e.Number == mysqlShutdown
	}
	var n net.Error
	return errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &n) || errors.Is(err, context.Canceled) ||
		errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

// mysqlEnded tells whether the server has rolled the transaction back.
func mysqlEnded(err error) bool {
	var e *mysql.MySQLError
	return errors.As(err, &e) && (e.Number == mysqlDeadlock || e.Number == mysqlChanged)
}

// timeoutAdvice says where the time of a statement is bounded.
const timeoutAdvice = " (the connection's timeout, or the server's)"

// mysqlError keeps the database's own words.
func mysqlError(doing string, err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	out := &Error{Doing: doing, Message: err.Error()}
	var e *mysql.MySQLError
	switch {
	case errors.As(err, &e):
		out.Message = e.Message
		out.Constraint = mysqlConstraint(e.Number)
		out.Refused = out.Constraint != NoConstraint || mysqlRefuses(e)
		switch e.Number {
		case mysqlDeadlock, mysqlLockWait, mysqlChanged:
			out.Cause = ErrTransient
		case mysqlTimedOut, mariadbTimedOut:
			out.Message += timeoutAdvice
		case mysqlConnKilled, mysqlShutdown:
			out.Cause = errors.Join(ErrTransient, connector.ErrUnreachable)
		}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		out.Cause = err
	case errors.Is(err, mysql.ErrPktTooLarge):
		out.Message, out.Refused = "larger than the database's max_allowed_packet", true
	case mysqlLost(err):
		out.Message = "the connection was lost"
		out.Cause = errors.Join(ErrTransient, connector.ErrUnreachable)
	}
	return out
}

// mysqlUnreachable is for errors while a connection is made, which may take so
// long. It says what a user can do.
func mysqlUnreachable(doing string, within time.Duration, err error) error {
	out := mysqlError(doing, err)
	var said *mysql.MySQLError
	var n *net.OpError
	switch {
	case errors.As(err, &said):
		out.Message += mysqlAdvice(said.Number)
	case errors.Is(err, context.DeadlineExceeded):
		out.Message = "no answer within " + within.String() + "; check host and port in the connection's url, and that the server runs"
	case untrusted(err):
		out.Message = innermost(err) + "; give the certificate of its authority as ca_file=FILE in the connection's url, or the name that the certificate is for as the host"
	case errors.As(err, &n):
		out.Message = n.Error() + "; check host, port and tls in the connection's url, and that the server runs"
	}
	out.Doing, out.Refused, out.Cause = doing, false, connector.ErrUnreachable
	return out
}

func mysqlAdvice(number uint16) string {
	switch number {
	case 1045, 1698, 1251, 1524:
		return "; check the user and the password in the connection's url"
	case 1044, 1049:
		return "; check the name of the database in the connection's url, or make it"
	}
	return ""
}

// untrusted tells whether a server's certificate was refused.
func untrusted(err error) bool {
	var e *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	return errors.As(err, &e) || errors.As(err, &unknown)
}
