//go:build !windows

package atomicfile

import (
	"os"
	"syscall"
)

// lockFlags open a lock file, never through a link.
const lockFlags = os.O_CREATE | os.O_RDWR | syscall.O_NOFOLLOW

// errNoLocks is what a network file system without locks says.
const errNoLocks = syscall.ENOLCK
