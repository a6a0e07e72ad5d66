package engine

import (
	"context"
	"fmt"
	"strings"

	"koppel/engine/plan"
	"koppel/engine/state"
)

// Tokens lists the tokens of the API by name, revoked ones too.
func (e *Engine) Tokens(ctx context.Context) (list []state.Token, err error) {
	err = e.Store.View(ctx, func(v state.View) error {
		list, err = v.Tokens()
		return err
	})
	return list, err
}

// AddToken remembers a token, and who made it. One of the same name must have
// been revoked, or have expired.
func (e *Engine) AddToken(ctx context.Context, t state.Token, who string) error {
	return e.Store.Update(ctx, func(tx state.Tx) error {
		all, err := tx.Tokens()
		if err != nil {
			return err
		}
		for _, other := range all {
			if other.Name == t.Name && other.Revoked.IsZero() && !other.ExpiredAt(e.Now()) {
				return &TakenError{Address: "a token " + t.Name, Free: "token revoke " + t.Name}
			}
		}
		if err := tx.PutToken(t); err != nil {
			return err
		}
		return e.noteToken(tx, t.Name, "made by "+who+", role "+t.Role)
	})
}

// RevokeToken ends a token. The error is an *UnknownError when there is none
// of that name, or it was revoked before.
func (e *Engine) RevokeToken(ctx context.Context, name, who string) (out state.Token, err error) {
	err = e.Store.Update(ctx, func(tx state.Tx) error {
		all, err := tx.Tokens()
		if err != nil {
			return err
		}
		near := nearest{text: strings.ToLower(name)}
		for _, t := range all {
			if !t.Revoked.IsZero() {
				continue
			}
			if near.add(t.Name); t.Name != name {
				continue
			}
			t.Revoked = e.Now()
			out = t
			if err := tx.PutToken(t); err != nil {
				return err
			}
			return e.noteToken(tx, name, "revoked by "+who)
		}
		return &UnknownError{What: "token", Name: name, Near: near.names()}
	})
	return out, err
}

// UseToken remembers when a token was used last. One that was replaced since is
// left alone.
func (e *Engine) UseToken(ctx context.Context, used state.Token) error {
	return e.Store.Update(ctx, func(tx state.Tx) error {
		all, err := tx.Tokens()
		for _, t := range all {
			if t.Name == used.Name && string(t.Hash) == string(used.Hash) {
				t.Used = e.Now()
				return tx.PutToken(t)
			}
		}
		return err
	})
}

func (e *Engine) noteToken(tx state.Tx, name, words string) error {
	_, err := e.noteProblems(tx, KindToken, "token "+name, []plan.Problem{{Code: KindToken, Message: fmt.Sprintf("token %s %s", name, words)}})
	return err
}
