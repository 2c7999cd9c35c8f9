package rescue

import "io/fs"

// exposed is left to the access lists of Windows.
func exposed(fs.FileInfo) bool { return false }
