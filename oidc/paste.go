package oidc

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
)

// maxPastes is how often something wrong may be pasted in one login.
const maxPastes = 10 // wrong addresses that somebody may paste

// pasted asks for the address at which the browser ended until the right one
// comes, here or at the listener (OI-8). What is wrong ends nothing, as a wrong
// callback doesn't.
func (c callback) pasted(ctx context.Context, next func(context.Context) (string, error), out io.Writer) {
	fmt.Fprintf(out, "A browser on another machine ends at a page that it can't load. Paste the address\n"+
		"of that page here. It shows as you paste it; it works once, and for this login only.\n\n")
	for range maxPastes {
		line, err := next(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			fmt.Fprintf(out, "Nothing can be pasted any more, as the input has ended. The login still waits for the\n"+
				"browser, whose port it is if you forward it.\n")
			return
		}
		q, err := c.readPasted(line)
		if err != nil {
			fmt.Fprintf(out, "That is not it: %v\n", err)
			continue
		}
		a := arrival{answer: func(page) {}} // nobody is waiting for a page
		a.code, a.err = c.read(q)
		c.arrived <- a // holds one, and there is only one
		return
	}
	fmt.Fprintf(out, "No more is read from here.\n")
}

// readPasted takes the parameters out of the whole address, or of its query. A
// code alone is refused: nothing would show that it belongs to this login, and
// not to one that somebody else began and wants finished here. Errors repeat
// nothing of what was pasted.
func (c callback) readPasted(line string) (map[string]string, error) {
	text := strings.TrimSpace(line)
	own := c.host + callbackPath
	if len(text) > maxQuery+len("http://"+own) {
		return nil, check.Refuse("OI-8", check.OIDCCallback, "want at most %d bytes, got %d", maxQuery, len(text))
	}
	if !ascii(text) || strings.Contains(text, " ") {
		return nil, check.Refuse("OI-8", check.OIDCCallback, "want one address, got one with white space or control characters in it")
	}
	address, raw, found := strings.Cut(text, "?")
	switch {
	case found && address == "":
	case found:
		if strings.TrimPrefix(address, "http://") != own {
			return nil, check.Refuse("OI-8", check.OIDCCallback, "want an address that begins with %q, got another one", "http://"+own)
		}
	case strings.Contains(text, "code=") && strings.Contains(text, "state="):
		raw = text
	default:
		return nil, check.Refuse("OI-8", check.OIDCCallback, "want the whole address, got something without the state of this login")
	}
	raw, _, _ = strings.Cut(raw, "#")
	q, ok := c.take(raw)
	if !ok {
		return nil, check.Refuse("OI-3", check.OIDCCallback, "want the address of this login, got one of another login, or one that was used")
	}
	return q, nil
}
