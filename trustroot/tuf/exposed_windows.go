package tuf

import "io/fs"

// exposed says how others may change a directory. The mode says nothing about
// that on Windows; the cache lies in the user's profile, which others cannot
// write.
func exposed(fs.FileInfo) string { return "" }
