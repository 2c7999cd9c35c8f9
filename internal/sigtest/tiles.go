package sigtest

import (
	"encoding/binary"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// tileWidth is how many hashes or entries a full tile has (C2SP tlog-tiles).
const tileWidth = 256

// serveTile answers tile/<L>/<N>[.p/<W>] and tile/entries/<N>[.p/<W>].
func (l *Log) serveTile(w http.ResponseWriter, r *http.Request) {
	level, rest, _ := strings.Cut(r.PathValue("path"), "/")
	n, width, ok := tileName(rest)
	if !ok {
		http.NotFound(w, r)
		return
	}
	l.mu.Lock()
	leaves, bodies := slices.Clone(l.tree.leaves), slices.Clone(l.bodies)
	l.mu.Unlock()
	var out []byte
	if level == "entries" {
		out = entryTile(bodies, n, width)
	} else if height, err := strconv.Atoi(level); err == nil && 0 <= height && height < 8 {
		out = hashTile(leaves, height, n, width)
	}
	if out == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Write(out)
}

// tileName reads an index such as x001/067, or x001/067.p/5 for a partial tile.
func tileName(s string) (n, width int, ok bool) {
	s, partial, cut := strings.Cut(s, ".p/")
	width = tileWidth
	if cut {
		var err error
		if width, err = strconv.Atoi(partial); err != nil || width < 1 || width >= tileWidth {
			return 0, 0, false
		}
	}
	parts := strings.Split(s, "/")
	for i, p := range parts {
		if i < len(parts)-1 {
			if p, ok = strings.CutPrefix(p, "x"); !ok {
				return 0, 0, false
			}
		}
		d, err := strconv.ParseUint(p, 10, 16)
		if err != nil || len(p) != 3 || n > 1<<20 {
			return 0, 0, false
		}
		n = n*1000 + int(d)
	}
	return n, width, true
}

// entryTile is the bodies of a tile, each after its length in two bytes.
func entryTile(bodies [][]byte, n, width int) []byte {
	if (n*tileWidth)+width > len(bodies) {
		return nil
	}
	var out []byte
	for _, b := range bodies[n*tileWidth:][:width] {
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(b))), b...)
	}
	return out
}

// hashTile is the hashes of full subtrees of 256^level leaves.
func hashTile(leaves [][]byte, level, n, width int) []byte {
	span := 1
	for range level {
		span *= tileWidth
		if span > len(leaves) {
			return nil
		}
	}
	if (n*tileWidth+width)*span > len(leaves) {
		return nil
	}
	var out []byte
	for i := range width {
		out = append(out, root(leaves[(n*tileWidth+i)*span:][:span])...)
	}
	return out
}
