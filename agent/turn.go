package agent

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

const (
	maxTurns = 64                     // logins that are under way or waited for
	turnLife = 5 * time.Minute        // of one login; others have waited long enough then
	maxWait  = 2 * turnLife           // then something is wrong with the agent
	patience = 300 * time.Millisecond // before a person is told that there is a wait
)

// Turn waits until no other run logs in for a scope, and then keeps others
// waiting until done is called, this process ends, or five minutes went by. It
// calls waiting, once, if that takes noticeable time. Whoever gets the turn looks
// first at what is held by then.
func (c *Client) Turn(ctx context.Context, scope string, waiting func()) (done func(), err error) {
	conn, err := dial(ctx, c.dir)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(maxWait))
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	told := make(chan struct{})
	timer := time.AfterFunc(patience, func() { defer close(told); waiting() })
	_, err = c.talk(conn, request{Do: "turn", Scope: scope})
	if !timer.Stop() {
		<-told
	}
	if !stop() {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return func() { conn.Close() }, nil
}

// turns are the logins under way, one for each scope, and those that wait.
type turns struct {
	mu    sync.Mutex
	lines map[string]*line
	count int
}

// A line is what stands before one scope. Whoever could send is at its head.
type line struct {
	head  chan struct{}
	count int
}

// enter joins the line of a scope; leave must be called later.
func (t *turns) enter(scope string) (l *line, leave func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(scope) > maxScope {
		return nil, nil, check.Refuse("LM-4", check.Limit, "scope has %d bytes, want at most %d", len(scope), maxScope)
	}
	if t.count >= maxTurns {
		return nil, nil, check.Refuse("LM-1", check.Limit, "want at most %d logins at once", maxTurns)
	}
	l = t.lines[scope]
	if l == nil {
		l = &line{head: make(chan struct{}, 1)}
		t.lines[scope] = l
	}
	t.count++
	l.count++
	return l, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.count--
		if l.count--; l.count == 0 {
			delete(t.lines, scope)
		}
	}, nil
}

// busy reports whether somebody logs in.
func (t *turns) busy() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count > 0
}

// turn serves a connection that lasts as long as a login: it is answered when the
// login may begin, and ends when the client ends it.
func (a *agent) turn(ctx context.Context, conn *net.UnixConn, scope string) {
	l, leave, err := a.turns.enter(scope)
	if err != nil {
		_ = send(conn, response{Refused: err.Error()})
		return
	}
	defer leave()
	parent := ctx
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	_ = conn.SetDeadline(time.Time{})
	var wg sync.WaitGroup
	defer wg.Wait()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	defer conn.Close()
	wg.Go(func() {
		defer cancel()
		_, _ = conn.Read(make([]byte, 1)) // nothing more is said: it is the end
	})
	select {
	case l.head <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-l.head }()
	// Who ends with the agent makes room before all that wait know of the end.
	if parent.Err() != nil || send(conn, response{}) != nil {
		return
	}
	select {
	case <-time.After(a.config.Turn):
	case <-ctx.Done():
	}
}
