// Package fetch speaks HTTP to one origin: bounded bodies, bounded retries, one
// deadline, no redirect to another host, errors without secrets.
//
// A client is bound to its origin when it is made; a request can choose a path,
// never a host. What is refused: plain http except to a literal loopback
// address, redirects to another scheme, host or port, more than five of them,
// any redirect of a request that is not a GET, encoded bodies, bodies and
// headers over their bound, answers slower than 1 KiB/s. A client may be used
// by many goroutines at once.
//
//	c, err := fetch.New("https://fulcio.example.com", fetch.Config{Retries: 2})
//	res, err := c.Do(ctx, fetch.Request{Path: "/api/v2/configuration", MaxBody: 1 << 20})
package fetch

import (
	"context"
	"net/http"
	"time"
)

// Config is optional behaviour. The zero Config is right for a public service.
type Config struct {
	UserAgent string            // "hallmark" if empty
	Transport http.RoundTripper // tests and fault injection; nil: a transport of this package's making
	AllowHTTP bool              // http to any host; http to a literal loopback address is always allowed
	Timeout   time.Duration     // of one attempt; 30 s if 0
	Deadline  time.Duration     // of all attempts together; 2 min if 0
	Retries   int               // further attempts after 429, 5xx and connection errors; 0: none
}

// A Request is one request relative to the base URL of a client.
type Request struct {
	Method      string // GET if empty
	Path        string // appended to the base URL; may be empty; may end in "?query", which no error repeats
	Body        []byte
	ContentType string
	Accept      string // an HTML answer is refused where this names application/json
	Bearer      string // Authorization: Bearer; sent only to the origin of the client, never after a redirect
	MaxBody     int64  // bytes of the answer, > 0; exceeding it is a limit error, never a truncation
	Gzip        bool   // the answer may be packed; Body is plain, and MaxBody bounds it

	Header       http.Header // further fields; may be nil
	AcceptStatus []int       // statuses >= 300 that are an answer, not an error; they are not retried
	Idempotent   bool        // a request other than GET that may be sent twice, and so may be retried
	Secrets      []string    // never repeated in an error, besides Bearer
}

// A Response is a whole answer with a status of 2xx, or one that the caller
// asked for by Request.AcceptStatus.
type Response struct {
	Status int
	Header http.Header
	Body   []byte

	// Repeated says that the server may have carried out an attempt before the one
	// that it answered.
	Repeated bool
}

// A Doer performs requests; *Client is the implementation.
type Doer interface {
	Do(ctx context.Context, r Request) (*Response, error)
}
