package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"koppel/engine/connector"
	"koppel/internal/httpclient"
	"koppel/internal/webhook"
)

// Headers of every message. The ID is that of the message, the same at every
// attempt, by which a receiver knows one that it has.
const (
	headerID        = "X-Koppel-Delivery"
	headerTopic     = "X-Koppel-Topic"
	headerAttempt   = "X-Koppel-Attempt"
	signatureHeader = webhook.SignatureHeader
)

// maxAnswer bounds what is read of an answer, and maxWords what is kept of it.
const (
	maxAnswer = 1 << 20
	maxWords  = 300
)

// A post is the way to one receiver, which opens on first use.
type post struct {
	r      *Receiver
	mu     sync.Mutex
	client *httpclient.Client
}

// Receivers lists the names of the receivers.
func (s *sink) Receivers() []string {
	var names []string
	for _, r := range s.c.Receivers {
		names = append(names, r.Name)
	}
	return names
}

// open makes the client of a receiver, once.
func (p *post) open(s *sink) (*httpclient.Client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.client != nil {
		return p.client, nil
	}
	base, query, _ := strings.Cut(string(p.r.URL), "?")
	o := httpclient.Options{URL: base, Query: query, Config: p.r.config(), Secrets: slices.Concat(s.c.Headers.Secrets(), secrets(p.r, query))}
	env := s.env
	env.Block = "receiver " + strconv.Quote(p.r.Name)
	var err error
	if a := p.r.Auth; a != nil && a.Kind != "websub" && a.Kind != "none" {
		if o, err = a.http().Options(o, env); err != nil {
			return nil, err
		}
	}
	p.client, err = httpclient.New(o, env)
	return p.client, err
}

// secrets lists what must be in no message and no log: a query may hold a key.
func secrets(r *Receiver, query string) []string {
	list := []string{query}
	if r.Auth != nil {
		list = append(list, string(r.Auth.Secret))
	}
	return list
}

func (p *post) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.client == nil {
		return nil
	}
	return p.client.Close()
}

// Send posts a message once.
func (s *sink) Send(ctx context.Context, m connector.Message, attempt int) connector.Receipt {
	p := s.posts[m.Receiver]
	if p == nil {
		return connector.Receipt{Words: "there is no such receiver"}
	}
	client, err := p.open(s)
	if err != nil {
		return connector.Receipt{Words: err.Error()}
	}
	header := s.header(m, attempt)
	if a := p.r.Auth; a != nil && a.Kind == "websub" {
		signature, err := webhook.Sign(a.method(), []byte(a.Secret), m.Body)
		if err != nil {
			return connector.Receipt{Words: "sign the body: " + err.Error()}
		}
		header.Set(signatureHeader, signature)
	}
	resp, err := client.Do(ctx, &httpclient.Request{Method: http.MethodPost, Header: header, Body: m.Body, Expect: httpclient.Anything,
		Repeat: httpclient.Never, Limit: maxAnswer, Stay: true, Title: "receiver " + m.Receiver})
	if err == nil {
		return connector.Receipt{Delivered: true, Code: resp.Status, Words: beginning(client.Redact(string(resp.Body)))}
	}
	return receipt(ctx, client, err)
}

// receipt says what an error of the client means.
func receipt(ctx context.Context, client *httpclient.Client, err error) connector.Receipt {
	var failed *httpclient.Error
	switch {
	case ctx.Err() != nil:
		return connector.Receipt{Unsent: true, Words: "it was stopped"}
	case !errors.As(err, &failed):
		return connector.Receipt{Words: client.Redact(err.Error())}
	case failed.Unasked():
		return connector.Receipt{Unsent: true, Words: failed.Problem}
	case failed.Status >= 200 && failed.Status < 300:
		return connector.Receipt{Delivered: true, Code: failed.Status} // only the answer's body is of no use
	}
	words := failed.Problem
	if failed.Words != "" {
		words += ": " + failed.Words
	}
	return connector.Receipt{Code: failed.Status, After: failed.RetryAfter(), Words: beginning(words), Final: failed.Status == http.StatusGone}
}

// beginning is the first part of a text, in one line.
func beginning(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "�")), " ")
	if runes := []rune(text); len(runes) > maxWords {
		return string(runes[:maxWords]) + "…"
	}
	return text
}

func (a *Auth) method() string {
	if a.Method == "" {
		return webhook.DefaultMethod
	}
	return a.Method
}

// header are the headers of a message but those of credentials.
func (s *sink) header(m connector.Message, attempt int) http.Header {
	header := s.c.Headers.Header()
	if header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/json")
	}
	header.Set(headerID, m.ID)
	header.Set(headerTopic, m.Topic)
	header.Set(headerAttempt, strconv.Itoa(attempt))
	return header
}

// Headers lists the headers of a message. The values of those that the file
// gives, and of credentials, are not shown.
func (s *sink) Headers(m connector.Message, attempt int) []connector.Param {
	var list []connector.Param
	for name, values := range s.header(m, attempt) {
		if slices.Contains([]string{headerID, headerTopic, headerAttempt, "Content-Type"}, name) {
			list = append(list, connector.Param{Name: name, Value: values[0]})
		} else {
			list = append(list, connector.Param{Name: name, Value: masked})
		}
	}
	if p := s.posts[m.Receiver]; p != nil && p.r.Auth != nil {
		switch a := p.r.Auth; a.Kind {
		case "websub":
			list = append(list, connector.Param{Name: signatureHeader, Value: fmt.Sprintf("%s=%s", a.method(), masked)})
		case "none":
		default:
			list = append(list, connector.Param{Name: "Authorization", Value: masked})
		}
	}
	slices.SortFunc(list, func(a, b connector.Param) int { return strings.Compare(a.Name, b.Name) })
	return list
}
