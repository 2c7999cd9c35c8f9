package main

import (
	"io"
	"strings"

	"rsc.io/qr"
)

// maxQRWidth is what fits every terminal.
const maxQRWidth = 76

// quietZone is the empty margin that a reader needs (ISO/IEC 18004, 9.1).
const quietZone = 4

// drawCode draws an address for the camera of a telephone, two rows of modules in
// one line of text, black on white whatever the terminal's colours are. An
// address that is too long for that is not drawn.
func drawCode(w io.Writer, address string) {
	code, err := qr.Encode(address, qr.L)
	if err != nil || code.Size+2*quietZone > maxQRWidth {
		return
	}
	var b strings.Builder
	for y := -quietZone; y < code.Size+quietZone; y += 2 {
		b.WriteString("  \x1b[38;5;16;48;5;231m")
		for x := -quietZone; x < code.Size+quietZone; x++ {
			b.WriteRune(halves[[2]bool{code.Black(x, y), code.Black(x, y+1)}])
		}
		b.WriteString("\x1b[0m\n")
	}
	_, _ = io.WriteString(w, b.String()+"\n")
}

// halves are characters by what is black: their upper and their lower half.
var halves = map[[2]bool]rune{
	{false, false}: ' ', {true, false}: '▀', {false, true}: '▄', {true, true}: '█',
}
