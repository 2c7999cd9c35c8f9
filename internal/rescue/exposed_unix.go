//go:build !windows

package rescue

import "io/fs"

// exposed reports whether others may write in a folder.
func exposed(info fs.FileInfo) bool { return info.Mode().Perm()&0o022 != 0 }
