package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// interruptible returns a context that the first signal to end the program ends, and a
// channel that the second one closes. A third one ends the program at once.
func interruptible(parent context.Context) (ctx context.Context, abandon <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(signals, syscall.SIGHUP)
	}
	second := make(chan struct{})
	done := make(chan struct{})
	go func() {
		for _, do := range []func(){cancel, func() { close(second) }} {
			select {
			case <-signals:
				do()
			case <-done:
				return
			}
		}
		signal.Reset(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	}()
	return ctx, second, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}

// atEnd calls say when ctx ends. The function that it returns prevents that, or waits
// until it has been said.
func atEnd(ctx context.Context, say func()) (stop func()) {
	said := make(chan struct{})
	prevent := context.AfterFunc(ctx, func() {
		defer close(said)
		say()
	})
	return func() {
		if !prevent() {
			<-said
		}
	}
}
