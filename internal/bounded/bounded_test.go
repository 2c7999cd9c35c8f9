package bounded

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestBuffer(t *testing.T) {
	for _, tt := range []struct {
		cut       bool
		parts     string
		want      string
		over      bool
		wantError error
	}{
		{false, "", "", false, nil},
		{false, "abc de", "abcde", false, nil},
		{false, "abc def", "abc", true, io.ErrShortWrite},
		{false, "abcdef", "", true, io.ErrShortWrite},
		{true, "abc de", "abcde", false, nil},
		{true, "abc def ghi", "abcde", true, nil},
	} {
		b := Buffer{Most: 5, Cut: tt.cut}
		var err error
		for _, part := range strings.Fields(tt.parts) {
			n, e := io.Copy(&b, strings.NewReader(part))
			if err = errors.Join(err, e); e == nil && int(n) != len(part) {
				t.Errorf("%q: wrote %d", part, n)
			}
		}
		if string(b.Bytes()) != tt.want || b.Over != tt.over || !errors.Is(err, tt.wantError) {
			t.Errorf("%q (cut %v): got %q, over %v, %v", tt.parts, tt.cut, b.Bytes(), b.Over, err)
		}
	}
}
