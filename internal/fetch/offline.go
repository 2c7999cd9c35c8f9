package fetch

import (
	"context"

	"github.com/hallmarksign/hallmark/internal/check"
)

// Offline is a Doer that opens no connection. Every request is refused.
type Offline struct{}

// Do refuses with check net.
func (Offline) Do(_ context.Context, r Request) (*Response, error) {
	return nil, Refused(check.Refuse("", check.Net, "offline: %s %q is not sent", method(r), plainPath(r.Path)))
}
