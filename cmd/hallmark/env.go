package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/term"
)

// An env is everything the command takes from the world around it.
type env struct {
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time
	answers        io.Reader // what somebody types, where stdin is data; nil: stdin
	terminal       bool      // somebody can read a question on stderr and answer it
	movement       bool      // stderr may show progress
	typed          typed

	// abandon is closed when somebody who has ended a run will not wait for what can't
	// be taken back; nil: never.
	abandon <-chan struct{}
}

func systemEnv() *env {
	interactive := term.IsTerminal(int(os.Stderr.Fd()))
	width, _, err := term.GetSize(int(os.Stderr.Fd()))
	fits := err != nil || width == 0 || width >= barColumns // 0: not known
	e := &env{
		args:     os.Args[1:],
		stdin:    os.Stdin,
		stdout:   os.Stdout,
		stderr:   os.Stderr,
		getenv:   os.Getenv,
		now:      time.Now,
		terminal: interactive && term.IsTerminal(int(os.Stdin.Fd())),
		movement: interactive && fits && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
	}
	if interactive && !e.terminal && !e.ci() {
		if console := openConsole(); console != nil {
			e.answers, e.terminal = console, true
		}
	}
	return e
}

// openConsole opens the terminal that this process runs in, for answers where standard
// input is data; nil if there is none.
func openConsole() *os.File {
	name := "/dev/tty"
	if runtime.GOOS == "windows" {
		name = "CONIN$"
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil
	}
	if !term.IsTerminal(int(f.Fd())) {
		f.Close()
		return nil
	}
	return f
}

// ci reports whether this is a pipeline, where nobody can be asked anything.
func (e *env) ci() bool {
	for _, name := range []string{"CI", "GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI"} {
		if v := e.getenv(name); v != "" && v != "false" && v != "0" {
			return true
		}
	}
	return false
}

var errNoConfigDir = errors.New("there is no folder for configuration")

// configDir returns the folder of what the user decided, "" if there is none.
func (e *env) configDir() string { return e.dir("HALLMARK_CONFIG_DIR", os.UserConfigDir) }

// cacheDir returns the folder of what can be fetched again, "" if there is none.
func (e *env) cacheDir() string { return e.dir("HALLMARK_CACHE_DIR", os.UserCacheDir) }

// stateDir returns the folder of what is unfinished, "" if there is none.
func (e *env) stateDir() string {
	return e.dir("HALLMARK_STATE_DIR", func() (string, error) {
		if d := e.getenv("XDG_STATE_HOME"); d != "" {
			return d, nil
		}
		switch runtime.GOOS {
		case "windows", "darwin", "ios":
			return os.UserConfigDir() // of this machine, and kept
		}
		home, err := os.UserHomeDir()
		return filepath.Join(home, ".local", "state"), err
	})
}

func (e *env) dir(variable string, standard func() (string, error)) string {
	if d := e.getenv(variable); d != "" {
		return d
	}
	d, err := standard()
	if err != nil || !filepath.IsAbs(d) {
		return ""
	}
	return filepath.Join(d, "hallmark")
}
