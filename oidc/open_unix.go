//go:build unix

package oidc

import (
	"os/exec"
	"syscall"
)

// detach puts the program in a session of its own, so that an interrupt at the
// terminal does not close the browser.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
