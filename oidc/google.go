package oidc

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
)

// Google asks the metadata server of Google Cloud for a token of the machine's
// service account. It applies where GCE_METADATA_HOST is set, or where the
// firmware says that Google made the machine; nothing is sent to find out.
type Google struct {
	Env       func(string) string
	Product   string            // file with the name of the machine; that of Linux if empty
	UserAgent string            // "hallmark" if empty
	Transport http.RoundTripper // nil: one of this module's making
	Now       func() time.Time  // time.Now if nil
}

// Name returns "Google Cloud".
func (Google) Name() string { return "Google Cloud" }

// Token asks for a token with the audience.
func (g Google) Token(ctx context.Context, audience string) (Token, error) {
	if !g.applies() {
		return Token{}, unavailable("not on Google Cloud")
	}
	body, err := g.ask(ctx, "identity", url.Values{"audience": {audience}, "format": {"full"}})
	if err != nil {
		return Token{}, err
	}
	return Parse(strings.TrimSuffix(string(body), "\n"), audience, clock(g.Now)())
}

// applies reports whether there is a metadata server to ask.
func (g Google) applies() bool { return g.Env("GCE_METADATA_HOST") != "" || g.isMachine() }

// ask asks the metadata server about the service account of the machine.
func (g Google) ask(ctx context.Context, what string, query url.Values) ([]byte, error) {
	// The server has this address on every machine; a name could be answered by
	// somebody else.
	host := cmp.Or(g.Env("GCE_METADATA_HOST"), "169.254.169.254")
	c, err := fetch.New("http://"+host, fetch.Config{
		UserAgent: g.UserAgent, Transport: g.Transport, Retries: 2, Timeout: 5 * time.Second,
		AllowHTTP: true, // the network of the machine itself; there is no https
	})
	if err != nil {
		return nil, err
	}
	defer c.CloseIdle()
	res, err := c.Do(ctx, fetch.Request{
		Path:         "/computeMetadata/v1/instance/service-accounts/default/" + what + "?" + query.Encode(),
		Header:       http.Header{"Metadata-Flavor": {"Google"}},
		MaxBody:      maxAnswer,
		AcceptStatus: []int{http.StatusNotFound},
	})
	if err != nil {
		return nil, err
	}
	if f := res.Header.Get("Metadata-Flavor"); f != "Google" {
		return nil, check.Refuse("OI-1", check.OIDCToken, "want an answer of the metadata server, got one of flavor %q", f)
	}
	if res.Status == http.StatusNotFound {
		return nil, check.Refuse("OI-1", check.OIDCToken, "Google Cloud detected, but the machine has no service account").
			WithNext("give the machine a service account, or the pod a workload identity")
	}
	return res.Body, nil
}

func (g Google) isMachine() bool {
	f, err := os.Open(cmp.Or(g.Product, "/sys/class/dmi/id/product_name"))
	if err != nil {
		return false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 256))
	if err != nil {
		return false
	}
	name := strings.TrimSpace(string(data))
	return name == "Google" || name == "Google Compute Engine"
}
