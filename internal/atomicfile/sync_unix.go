//go:build !windows

package atomicfile

import (
	"errors"
	"syscall"
)

// Sync makes the names in d survive a power cut. Some file systems cannot sync
// a directory and say so with EINVAL or ENOTSUP; they give what they have.
func (d folder) Sync() error {
	f, err := d.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	err = f.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		return nil
	}
	return err
}
