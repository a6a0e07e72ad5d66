package sqlite

import (
	"zombiezen.com/go/sqlite"

	"koppel/engine/state"
)

// Tokens gives the tokens of the API by name, revoked ones too.
func (v *view) Tokens() ([]state.Token, error) {
	const query = "SELECT name, role, hash, created, expires, revoked, used FROM token ORDER BY name"
	return list(v, query, nil, func(st *sqlite.Stmt, t *state.Token) error {
		*t = state.Token{
			Name:    st.ColumnText(0),
			Role:    st.ColumnText(1),
			Hash:    columnBytes(st, 2),
			Created: fromMillis(st.ColumnInt64(3)),
			Expires: fromMillis(st.ColumnInt64(4)),
			Revoked: fromMillis(st.ColumnInt64(5)),
			Used:    fromMillis(st.ColumnInt64(6)),
		}
		return nil
	})
}

// PutToken inserts or replaces the token of a name.
func (t *tx) PutToken(k state.Token) error {
	return t.exec("INSERT OR REPLACE INTO token (name, role, hash, created, expires, revoked, used) VALUES (?, ?, ?, ?, ?, ?, ?)",
		k.Name, k.Role, k.Hash, k.Created, k.Expires, k.Revoked, k.Used)
}
