//go:build linux || darwin

package agent

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// nobody is told of a wait.
func nobody() {}

func (w *world) turn(t *testing.T, scope string) (done func()) {
	t.Helper()
	done, err := w.agent.Turn(t.Context(), scope, nobody)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// TestTurn_SecondLoginWaitsForTheFirst: of runs that start at once one logs in,
// and the others find what it got.
func TestTurn_SecondLoginWaitsForTheFirst(t *testing.T) {
	w := begin(t)
	var logins atomic.Int32
	var wg sync.WaitGroup
	for range 2 * maxAtOnce { // those that wait keep nobody else out
		wg.Go(func() {
			done, err := w.agent.Turn(t.Context(), "here", nobody)
			if err != nil {
				t.Error(err)
				return
			}
			defer done()
			key, _, err := w.agent.Held(t.Context(), "here", w.Now())
			if err != nil {
				t.Error(err)
			}
			if key == nil {
				logins.Add(1)
				time.Sleep(patience)
				w.login(t, "here")
			}
		})
	}
	wg.Wait()
	if n := logins.Load(); n != 1 {
		t.Errorf("%d logins, want 1", n)
	}
}

// TestTurn_OtherScopeDoesNotWait: nor does the same one after the first is done.
func TestTurn_OtherScopeDoesNotWait(t *testing.T) {
	w := begin(t)
	defer w.turn(t, "there")()
	w.turn(t, "here")() // done at once, as a login that failed, or a run that died
	w.turn(t, "here")()
}

// TestTurn_IsBounded: who never ends keeps others waiting for a time only.
func TestTurn_IsBounded(t *testing.T) {
	w := beginWith(t, Config{Turn: 50 * time.Millisecond})
	defer w.turn(t, "here")()
	before := time.Now()
	w.turn(t, "here")()
	if waited := time.Since(before); waited < 40*time.Millisecond {
		t.Errorf("waited %v, want about 50 ms", waited)
	}
}

// TestTurn_InterruptedWaitEnds: at once, and leaves the line.
func TestTurn_InterruptedWaitEnds(t *testing.T) {
	w := begin(t)
	done := w.turn(t, "here")
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := w.agent.Turn(ctx, "here", cancel); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	done()
	w.turn(t, "here")()
}

// TestTurn_KeepsTheAgent: the key of a login is still needed, though that of the
// last one ran out meanwhile.
func TestTurn_KeepsTheAgent(t *testing.T) {
	w := begin(t)
	w.login(t, "here")
	done := w.turn(t, "here")
	w.Add(11 * time.Minute)
	time.Sleep(50 * time.Millisecond) // many ticks
	w.login(t, "here")
	done()
	w.Add(11 * time.Minute)
	w.ends(t)
}

// TestTurn_StopEndsTheWait: for those in the line, too.
func TestTurn_StopEndsTheWait(t *testing.T) {
	w := begin(t)
	defer w.turn(t, "here")()
	stopped := make(chan error, 1)
	_, err := w.agent.Turn(t.Context(), "here", func() { stopped <- w.agent.Stop(t.Context()) })
	if err == nil || <-stopped != nil {
		t.Errorf("got %v, want an error after the stop", err)
	}
	w.ends(t)
}

func TestLM1_TooManyTurns(t *testing.T) {
	line := turns{lines: map[string]*line{}}
	var leave []func()
	for range maxTurns {
		_, l, err := line.enter("here")
		if err != nil {
			t.Fatal(err)
		}
		leave = append(leave, l)
	}
	_, _, err := line.enter("there")
	wantCheck(t, err, check.Limit, "at most 64 logins")
	for _, l := range leave {
		l()
	}
	if line.busy() || len(line.lines) != 0 {
		t.Errorf("%d lines stay", len(line.lines))
	}
	_, _, err = line.enter(string(make([]byte, maxScope+1)))
	wantCheck(t, err, check.Limit, "scope")
}
