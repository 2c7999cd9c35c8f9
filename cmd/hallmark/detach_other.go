//go:build !unix

package main

import "os/exec"

// detachAgent does nothing: there is no agent here.
func detachAgent(*exec.Cmd) {}
