package main

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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

// TestOI1_OrderIsDocumented: docs/login.md lists the providers in the order in
// which they are asked.
func TestOI1_OrderIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/login.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || !strings.Contains(cells[2], "`") {
			continue
		}
		if _, err := strconv.Atoi(strings.TrimSpace(cells[1])); err == nil {
			for name := range strings.SplitSeq(cells[2], ",") {
				listed = append(listed, strings.Trim(name, " `"))
			}
		}
	}
	if diff := cmp.Diff(providerNames(), listed); diff != "" {
		t.Errorf("asked in order (-) and listed in docs/login.md (+):\n%s", diff)
	}
}
