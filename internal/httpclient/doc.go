// Package httpclient is the way to every system that is reached over HTTP:
// authentication, retries, rate and concurrency of a connection, timeouts,
// limits, and errors that tell a user what to do.
//
// A connection kind embeds Config in its own arguments, says OverHTTP, and opens
// a *Client or another Speaker that answers lookups (connector.Asker):
//
//	type ShopConfig struct {
//		URL             string           `hcl:"url" doc:"where the shop is"`
//		Token           connector.Secret `hcl:"token" doc:"…"`
//		httpclient.Config `hcl:",embed"`
//	}
//
//	func (c *ShopConfig) Validate() error { return c.Config.Validate(c.URL) }
//
//	func ShopKind() connector.Kind[any] {
//		k := connector.Define("shop", "A shop.", ShopConfig{Config: httpclient.Defaults()},
//			func(_ context.Context, c ShopConfig, env connector.Env) (any, error) {
//				return httpclient.New(httpclient.Options{
//					URL: c.URL, Config: c.Config, Auth: httpclient.Bearer(c.Token),
//				}, env)
//			})
//		k.OverHTTP = true // sources and sinks of kind http, and lookups, take it
//		return k
//	}
//
// A source or sink finds the client of its connection once, when it is
// opened, and asks:
//
//	client, err := httpclient.For(ctx, c.Connection)
//	…
//	resp, err := client.Do(ctx, &httpclient.Request{Path: "/orders", Query: url.Values{"page": {"1"}}})
//
// Do gives an answer that was read whole and is what was announced, or an
// *Error; when ctx ends, its error. The caller of Do never retries. What an
// error means for a change is in Error.Delivery and Error.Refused:
//
//	var failed *httpclient.Error
//	switch {
//	case err == nil:                                       // applied
//	case !errors.As(err, &failed):                         // ctx ended: return err
//	case failed.Refused():                                 // refused, in failed.Words
//	case failed.Delivery == httpclient.Lost:               // unknown: it may have been done
//	case errors.Is(err, connector.ErrUnreachable):         // nothing was done, and nothing more will be: return err
//	}
//
// One Client serves all pipelines of a process: it is safe for use by several
// goroutines.
package httpclient
