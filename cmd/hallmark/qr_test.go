package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"rsc.io/qr"
)

// What is drawn is the code, module for module, with its margin.
func TestDrawCode_IsTheCode(t *testing.T) {
	const address = "https://oauth2.sigstore.dev/auth/device?user_code=ABCD-EFGH"
	var out bytes.Buffer
	drawCode(&out, address)
	want, err := qr.Encode(address, qr.L)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n\n"), "\n")
	black := map[bool]string{true: "▀█", false: "▄█"} // which characters are black above, and below
	for i, line := range lines {
		line, found := strings.CutPrefix(line, "  \x1b[38;5;16;48;5;231m")
		line, ended := strings.CutSuffix(line, "\x1b[0m")
		if !found || !ended {
			t.Fatalf("line %d is not black on white: %q", i, line)
		}
		modules := []rune(line)
		if len(modules) != want.Size+2*quietZone {
			t.Fatalf("line %d is %d wide, want %d", i, len(modules), want.Size+2*quietZone)
		}
		for x, m := range modules {
			for _, upper := range []bool{true, false} {
				y := 2*i - quietZone
				if !upper {
					y++
				}
				if got := strings.ContainsRune(black[upper], m); got != want.Black(x-quietZone, y) {
					t.Fatalf("module %d,%d is black: %v", x-quietZone, y, got)
				}
			}
		}
	}
	if rows := 2 * len(lines); rows < want.Size+2*quietZone {
		t.Errorf("%d rows, want %d", rows, want.Size+2*quietZone)
	}
}

func TestDrawCode_NothingThatDoesNotFit(t *testing.T) {
	var out bytes.Buffer
	drawCode(&out, "https://example.com/"+strings.Repeat("x", 1000))
	if out.Len() > 0 {
		t.Errorf("%d bytes were drawn", out.Len())
	}
}

// The code is drawn on a terminal only, and of the address that holds the code if
// there is one.
func TestShowCode(t *testing.T) {
	for _, test := range []struct {
		movement bool
		complete string
	}{{true, "https://example.com/?code=AB"}, {true, ""}, {false, "https://example.com/?code=AB"}} {
		var out bytes.Buffer
		showCode(&env{stderr: &out, movement: test.movement, now: time.Now})("AB", "https://example.com/", test.complete)
		if got := strings.Contains(out.String(), "█"); got != test.movement {
			t.Errorf("%+v: drawn: %v", test, got)
		}
		for _, want := range []string{"  https://example.com/\n", "  AB\n", test.complete} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%+v: no %q in %q", test, want, out.String())
			}
		}
	}
}
