//go:build !race

package bundle_test

import "github.com/hallmarksign/hallmark/bundle"

// bulk is the size of huge inputs, slower a factor on their time.
const (
	bulk   = bundle.MaxSize
	slower = 1
	slack  = 0
)
