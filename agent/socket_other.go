//go:build !linux && !darwin

package agent

import (
	"context"
	"net"

	"github.com/hallmarksign/hallmark/internal/check"
)

// Dir returns "": there is no agent here.
func Dir(func(string) string) string { return "" }

// A Listener does not exist here.
type Listener struct{}

// Listen refuses.
func Listen(string) (*Listener, error) { return nil, nowhere() }

// Path returns "".
func (*Listener) Path() string { return "" }

// Close does nothing.
func (*Listener) Close() error { return nil }

func (*Listener) accept() (*net.UnixConn, error) { return nil, net.ErrClosed }

func dial(context.Context, string) (*net.UnixConn, error) { return nil, nowhere() }

// Harden refuses.
func Harden() error { return nowhere() }

func nowhere() error {
	return check.Refuse("SG-5", check.Usage, "there is no agent on this system: it does not say who is on the other side of a socket")
}
