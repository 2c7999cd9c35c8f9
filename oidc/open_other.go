//go:build !unix

package oidc

import "os/exec"

// detach does nothing: an interrupt at the terminal does not reach a browser.
func detach(*exec.Cmd) {}
