package atomicfile

// Sync does nothing: Windows has no sync of a directory.
func (d folder) Sync() error { return nil }
