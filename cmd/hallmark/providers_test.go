package main

import "testing"

// A browser is opened where the person is, or they get a code for another device.
func TestHasDesktop(t *testing.T) {
	for _, c := range []struct {
		system string
		vars   map[string]string
		want   bool
	}{
		{"linux", nil, false},
		{"linux", map[string]string{"DISPLAY": ":0"}, true},
		{"linux", map[string]string{"WAYLAND_DISPLAY": "wayland-0"}, true},
		{"linux", map[string]string{"WSL_DISTRO_NAME": "Debian"}, true},
		{"linux", map[string]string{"BROWSER": "firefox"}, true},
		{"linux", map[string]string{"SSH_CONNECTION": "a b c d"}, false},
		{"linux", map[string]string{"SSH_CONNECTION": "a b c d", "DISPLAY": "localhost:10.0"}, true}, // forwarded
		{"linux", map[string]string{"SSH_CONNECTION": "a b c d", "BROWSER": "opens-it-there"}, true},
		{"darwin", nil, true},
		{"darwin", map[string]string{"SSH_CONNECTION": "a b c d"}, false},
		{"darwin", map[string]string{"SSH_CONNECTION": "a b c d", "BROWSER": "opens-it-there"}, true},
		{"windows", nil, true},
		{"windows", map[string]string{"SSH_CONNECTION": "a b c d"}, false},
	} {
		if got := hasDesktop(c.system, func(name string) string { return c.vars[name] }); got != c.want {
			t.Errorf("%s with %v: got %v, want %v", c.system, c.vars, got, c.want)
		}
	}
}
