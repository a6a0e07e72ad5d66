package http

import (
	"errors"
	"fmt"
	nethttp "net/http"

	"koppel/engine/record"
	"koppel/internal/httpclient"
)

// nextLinkMember leads to the next page in answers of OData 4 (JSON Format 4.01,
// section 4.5.5).
const nextLinkMember = "@odata.nextLink"

// unfinished says why an answer is not all that there is: its status tells so,
// or it names a next page where nobody said how pages lead on.
func (w *walk) unfinished(resp *httpclient.Response) error {
	kind := w.s.config.Pagination.Kind
	switch {
	case resp.Status == nethttp.StatusAccepted:
		return errors.New("the server says 202 Accepted: what was asked for is still to be made")
	case resp.Status == nethttp.StatusPartialContent && kind == "none":
		return fmt.Errorf("the server says 206 Partial Content%s: there is more than it gave; say in a pagination block how one page leads to the next", rangeOf(resp))
	case w.s.paged:
		return nil
	case nextLink(resp.Header.Values("Link")) != "":
		return errors.New(`the answer names a next page in its header Link: write pagination "link" {}, or "none" if one page is all that is wanted`)
	case record.KindOf(w.s.layout.scanner.Slot(w.s.layout.odata)) == record.String:
		return fmt.Errorf(`the answer names a next page in %[1]s: write pagination "next_url" with value = jq(".[\"%[1]s\"]"), or "none" if one page is all that is wanted`, nextLinkMember)
	}
	return nil
}

func rangeOf(resp *httpclient.Response) string {
	if r := resp.Header.Get("Content-Range"); r != "" {
		return fmt.Sprintf(" (%.60q)", r)
	}
	return ""
}
