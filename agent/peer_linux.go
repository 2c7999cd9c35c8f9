package agent

import (
	"syscall"

	"github.com/hallmarksign/hallmark/internal/check"
)

// peer returns who is on the other side of a socket (unix(7), SO_PEERCRED).
func peer(fd int) (uid int, err error) {
	c, err := syscall.GetsockoptUcred(fd, syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	if err != nil {
		return -1, err
	}
	return int(c.Uid), nil
}

const prSetDumpable = 4 // prctl(2)

// notDumpable also keeps debuggers of the same user away (ptrace(2)).
func notDumpable() error {
	if _, _, e := syscall.RawSyscall(syscall.SYS_PRCTL, prSetDumpable, 0, 0); e != 0 {
		return check.Refuse("SG-5", check.Internal, "crash dumps: %v", e)
	}
	return nil
}
