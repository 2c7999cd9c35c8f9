// Package fetch speaks HTTP to one origin: bounded bodies, bounded retries, one
// deadline, no redirect to another host, errors without secrets.
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
	Path        string // appended to the base URL; may be empty
	Body        []byte
	ContentType string
	Accept      string
	Bearer      string // Authorization: Bearer; sent only to the origin of the client
	MaxBody     int64  // bytes of the answer; exceeding it is a limit error, never a truncation
}

// A Response is a whole answer with a status below 400, or one that the caller
// asked for by Request.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// A Doer performs requests; *Client is the implementation.
type Doer interface {
	Do(ctx context.Context, r Request) (*Response, error)
}
