package cli

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"koppel/dsl"
	"koppel/engine"
	"koppel/engine/dispatch"
	"koppel/engine/state"
	"koppel/internal/monitor"
	"koppel/internal/serve"
	"koppel/internal/view"

	"github.com/spf13/cobra"
)

// drainFor is how long a run by hand sends messages at its end.
const drainFor = 30 * time.Second

// deliveryStatuses are the words of --status.
func deliveryStatuses() []string {
	return []string{string(state.DeliveryPending), string(state.DeliveryDelivered), string(state.DeliveryFailed), string(state.DeliveryStopped)}
}

func (a *app) deliveriesVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deliveries [list | show ID | resend ID …]",
		Short: "Show and resend what webhooks and notices sent",
		Long: `Deliveries lists the messages of webhook sinks and the notices of runs, newest
first: to whom, about what, what became of them and the status of the last answer.
A message that is not taken is sent again after 1, 2, 6 and 24 hours, and then
given up; later ones about the same key wait for it.`,
		Example: `  koppel deliveries
  koppel deliveries --status failed --since 24h
  koppel deliveries list employees --receiver portal --json
  koppel deliveries show 5F2K…
  koppel deliveries resend 5F2K…`,
	}
	a.deliveriesList(cmd)
	inner := &cobra.Command{Use: "list [PIPELINE …]", Short: "List messages", Example: "  koppel deliveries list employees --status pending"}
	a.deliveriesList(inner)
	cmd.AddCommand(inner, a.deliveriesShow(), a.deliveriesResend())
	return cmd
}

// deliveriesList makes cmd list.
func (a *app) deliveriesList(cmd *cobra.Command) {
	q, since := engine.DeliveryQuery{}, ""
	cmd.Args, cmd.ValidArgsFunction = cobra.ArbitraryArgs, a.completePipelines
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.listDeliveries(cmd.Context(), args, q, since) }
	f := cmd.Flags()
	f.StringVar(&q.Receiver, "receiver", "", "only to this `NAME`, or to sink.webhook.SINK.NAME")
	f.StringVar(&q.Status, "status", "", "only this `STATUS`: "+strings.Join(deliveryStatuses(), ", "))
	f.StringVar(&q.Topic, "topic", "", "only this `TOPIC`; * stands for one segment")
	f.StringVar(&q.Key, "key", "", "only the record with this `KEY`; parts joined by /")
	f.StringVar(&since, "since", "", "only those made since this `TIME`: 24h, 7d, or 2026-03-01T08:00:00Z")
	f.IntVar(&q.Limit, "limit", 100, "`N` at most; 0: all")
	_ = cmd.RegisterFlagCompletionFunc("status", cobra.FixedCompletions(deliveryStatuses(), cobra.ShellCompDirectiveNoFileComp))
}

func (a *app) listDeliveries(ctx context.Context, names []string, q engine.DeliveryQuery, since string) error {
	var err error
	if q.Since, err = a.sinceTime(since); err != nil {
		return err
	}
	switch {
	case q.Status != "" && !slices.Contains(deliveryStatuses(), q.Status):
		return wrong("--status %s: write one of %s", q.Status, strings.Join(deliveryStatuses(), ", "))
	case q.Limit < 0:
		return wrong("--limit is negative")
	}
	return a.with(ctx, looking, func(s *session) error {
		if q.Addresses, err = a.addresses(ctx, s, names); err != nil {
			return err
		}
		limit := q.Limit
		if limit > 0 {
			q.Limit++ // to tell whether there are more
		}
		list, err := s.Deliveries(ctx, q)
		if err != nil {
			return err
		}
		more := limit > 0 && len(list) > limit
		if more {
			list = list[:limit]
		}
		if a.json {
			return view.WriteJSON(a.out, view.NewDeliveries(list))
		}
		a.teller(s, true).Deliveries(list, more)
		return nil
	})
}

// sinceTime reads a time, or how long ago it was.
func (a *app) sinceTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	number, day := strings.CutSuffix(text, "d")
	if day {
		number += "h"
	}
	d, err := time.ParseDuration(number)
	if err != nil || d < 0 {
		return time.Time{}, wrong("--since %s: write such as 24h, 7d, 2026-03-01 or 2026-03-01T08:00:00Z", text)
	}
	if day {
		d *= 24
	}
	return a.now().Add(-d), nil
}

func (a *app) deliveriesShow() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show a message with its body and all attempts",
		Example:           "  koppel deliveries show 5F2K…",
		ValidArgsFunction: a.completeDeliveries,
		Args:              cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), looking, func(s *session) error {
				d, err := s.Delivery(cmd.Context(), args[0])
				switch {
				case err != nil:
					return noDelivery(err)
				case a.json:
					return view.WriteJSON(a.out, view.NewDeliveryDetail(d))
				}
				a.teller(s, true).Delivery(d)
				return nil
			})
		},
	}
}

func (a *app) deliveriesResend() *cobra.Command {
	return &cobra.Command{
		Use: "resend ID …", Short: "Send messages once more",
		Long: `Resend makes messages due at once, also those that were delivered or given up,
with the same ID and body; what was tried before stays in their history. Without
koppel serve they are sent by this command.`,
		Example:           "  koppel deliveries resend 5F2K…",
		ValidArgsFunction: a.completeDeliveries,
		Args:              cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return a.with(ctx, writing, func(s *session) error {
				if _, err := s.Resend(ctx, args); err != nil {
					return noDelivery(err)
				}
				if err := s.drain(ctx); err != nil {
					return err
				}
				list := []engine.Delivery{}
				for _, id := range args {
					d, err := s.Delivery(ctx, id)
					if err != nil {
						return err
					}
					list = append(list, d.Delivery)
				}
				if a.json {
					return view.WriteJSON(a.out, view.NewDeliveries(list))
				}
				a.teller(s, true).Deliveries(list, false)
				return nil
			})
		},
	}
}

func noDelivery(err error) error {
	if errors.Is(err, engine.ErrNoDelivery) || errors.Is(err, engine.ErrNoReceiver) {
		return &exitError{code: exitWrong, err: err}
	}
	return err
}

// completeDeliveries offers the latest messages.
func (a *app) completeDeliveries(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	var ids []string
	err := a.with(cmd.Context(), looking, func(s *session) error {
		list, err := s.Deliveries(cmd.Context(), engine.DeliveryQuery{Limit: 50})
		for _, d := range list {
			ids = append(ids, d.ID+"\t"+d.Topic+" "+d.Status)
		}
		return err
	})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

// dispatcher sends the messages of a session's project.
func (s *session) dispatcher() *dispatch.Dispatcher {
	d := dispatch.New(s.store, s.Project)
	d.Now, d.Log, d.Holder, d.TempDir = s.Now, s.Log, s.Holder, s.TempDir
	return d
}

// drain sends for a while what is due. What fails stays in its queue.
func (s *session) drain(ctx context.Context) error {
	if ctx.Err() != nil {
		return nil
	}
	return s.dispatcher().Drain(ctx, drainFor)
}

// dispatch has messages sent while the service runs.
func (a *app) dispatch(s *session, service *serve.Service, metrics *monitor.Metrics) {
	d := s.dispatcher()
	d.Attempted = metrics.Attempt
	service.OnReload(func(p *dsl.Project) { d.Reload(p.Project) })
	service.Observe(afterRun(d.Wake))
	service.Background(func(ctx context.Context) {
		if err := d.Run(ctx); err != nil {
			s.Log.Error("messages are not sent any more", "error", err)
		}
	})
}

// afterRun is called after each run.
type afterRun func()

func (afterRun) RunStarted(serve.Started) {}

func (f afterRun) RunEnded(serve.Ended) { f() }
