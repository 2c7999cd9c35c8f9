package oidc

import (
	"context"
	"net"
	"slices"
	"sync"
)

// maxOpen is how many connections a login has open at once. A process may often
// have no more than 256 files, and needs some itself.
const maxOpen = 128 // connections to the listener at a time

// A crowd is a listener that closes its oldest connection when there are too many:
// who holds connections open keeps the right callback from nothing (L30).
type crowd struct {
	net.Listener

	mu   sync.Mutex
	open []*visitor // oldest first, without those that stay
}

// A visitor is a connection in a crowd.
type visitor struct {
	net.Conn
	crowd *crowd
}

func (c *crowd) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	v := &visitor{conn, c}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open) >= maxOpen {
		c.open[0].Conn.Close() // its server notices
		c.open = slices.Delete(c.open, 0, 1)
	}
	c.open = append(c.open, v)
	return v, nil
}

// stay takes a connection out of the number of those that may be closed.
func (v *visitor) stay() {
	v.crowd.mu.Lock()
	defer v.crowd.mu.Unlock()
	v.crowd.open = slices.DeleteFunc(v.crowd.open, func(o *visitor) bool { return o == v })
}

func (v *visitor) Close() error {
	v.stay()
	return v.Conn.Close()
}

type visitorKey struct{}

// known lets the handler of a request find its connection.
func known(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, visitorKey{}, conn)
}

// stays keeps the connection of a request open until it is answered.
func stays(ctx context.Context) {
	if v, ok := ctx.Value(visitorKey{}).(*visitor); ok {
		v.stay()
	}
}
