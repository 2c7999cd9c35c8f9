package agent

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// Config is what an agent may be told. The zero value is the ordinary one.
type Config struct {
	Now  func() time.Time // time.Now if nil
	Idle time.Duration    // how long an agent that holds nothing waits to be asked; 10 min if 0
	Tick time.Duration    // how often it looks whether it may end; 1 s if 0
	Turn time.Duration    // how long one login keeps others waiting; 5 min if 0
}

// Serve answers until ctx ends, a client says stop, the last certificate ran out,
// or nobody asked for anything for a while. It closes the listener, which removes
// the socket.
func Serve(ctx context.Context, l *Listener, c Config) error {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Idle == 0 {
		c.Idle = 10 * time.Minute
	}
	if c.Tick == 0 {
		c.Tick = time.Second
	}
	if c.Turn == 0 {
		c.Turn = turnLife
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	a := &agent{ring: newKeyring(c.Now), stop: stop, config: c, turns: turns{lines: map[string]*line{}}}
	a.touch()
	var wg sync.WaitGroup
	wg.Go(func() { a.watch(ctx); l.Close() })
	slots := make(chan struct{}, maxAtOnce)
	for {
		conn, err := l.accept()
		if errors.Is(err, net.ErrClosed) {
			stop()
			wg.Wait()
			return nil
		}
		if err != nil {
			continue // a stranger, or one that went away
		}
		slots <- struct{}{}
		wg.Go(func() {
			release := sync.OnceFunc(func() { <-slots })
			defer release()
			a.answer(ctx, conn, release)
		})
	}
}

// An agent is a running server.
type agent struct {
	ring   *keyring
	stop   func()
	config Config
	turns  turns

	mu   sync.Mutex
	last time.Time // when something was asked
}

func (a *agent) touch() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = a.config.Now()
}

// watch returns when the agent is of no more use.
func (a *agent) watch(ctx context.Context) {
	t := time.NewTicker(a.config.Tick)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		a.mu.Lock()
		idle := a.config.Now().Sub(a.last)
		a.mu.Unlock()
		if a.turns.busy() {
			continue // a login that ends here needs a key
		}
		if empty, spent := a.ring.spent(); spent || empty && idle >= a.config.Idle {
			return
		}
	}
}

// answer serves one connection. It calls release before it only waits.
func (a *agent) answer(ctx context.Context, conn *net.UnixConn, release func()) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(talkTime))
	var q request
	if err := receive(conn, &q); err != nil {
		_ = send(conn, response{Refused: err.Error()})
		return
	}
	a.touch()
	if q.Version == version && q.Do == "turn" {
		release()
		a.turn(ctx, conn, q.Scope)
		a.touch()
		return
	}
	r, err := a.do(q)
	if err != nil {
		r = response{Refused: err.Error()}
	}
	_ = send(conn, r)
	if err == nil && q.Do == "stop" {
		a.stop()
	}
}

func (a *agent) do(q request) (r response, err error) {
	if q.Version != version {
		return r, check.Refuse("SG-5", check.Version, "want version %d, got %d", version, q.Version)
	}
	switch q.Do {
	case "status":
		r.Held = a.ring.list()
	case "key":
		r.Public, err = a.ring.make()
	case "hold":
		err = a.ring.hold(q.Key, q.Leaf, q.Scope)
	case "sign":
		r.Signature, err = a.ring.sign(q.Key, q.Digest)
	case "stop":
	default:
		err = check.Refuse("SG-5", check.Usage, "want status, turn, key, hold, sign or stop, got %q", strictjson.Clip(q.Do))
	}
	return r, err
}
