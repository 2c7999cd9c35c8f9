//go:build !windows

package tuf

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// exposed says how others may change a directory.
func exposed(info fs.FileInfo) string {
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Sprintf("may be written by others (mode %04o)", info.Mode().Perm())
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) != os.Geteuid() {
		return fmt.Sprintf("belongs to user %d, want %d", s.Uid, os.Geteuid())
	}
	return ""
}
