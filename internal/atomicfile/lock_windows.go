package atomicfile

import (
	"errors"
	"os"
)

const lockFlags = os.O_CREATE | os.O_RDWR

var errNoLocks = errors.ErrUnsupported
