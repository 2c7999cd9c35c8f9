//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// detachAgent puts the agent in a session of its own, so that an interrupt at the
// terminal does not end it.
func detachAgent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
