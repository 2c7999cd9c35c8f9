package tiles

import (
	"encoding/binary"
	"errors"
)

// A Layout says where the bundles of entries are and how they are taken apart.
type Layout struct {
	Folder string // below "tile/"
	Max    int64  // bytes of a bundle

	// Next takes the first entry off data, which is not empty: what is hashed as
	// the leaf of the tree, and what follows the entry.
	Next func(data []byte) (leaf, rest []byte, err error)
}

// Entries is the layout of C2SP tlog-tiles ("Log Entries"): each entry after its
// length in two bytes.
func Entries() Layout { return Layout{"entries", Width * (MaxEntry + 2), nextEntry} }

func nextEntry(data []byte) (leaf, rest []byte, err error) {
	if len(data) < 2 {
		return nil, nil, errors.New("ends within the length of an entry")
	}
	n := int(binary.BigEndian.Uint16(data))
	if data = data[2:]; n > len(data) {
		return nil, nil, errors.New("ends within an entry")
	}
	return data[:n:n], data[n:], nil
}

// split takes a bundle apart into width entries. A full bundle may stand for a
// partial one.
func (l Layout) split(data []byte, width int) ([][]byte, error) {
	out := make([][]byte, 0, width)
	for len(data) > 0 && len(out) < Width {
		leaf, rest, err := l.Next(data)
		if err != nil {
			return nil, err
		}
		out, data = append(out, leaf), rest
	}
	if len(data) > 0 || len(out) < width {
		return nil, errors.New("does not hold the number of entries that it should")
	}
	if len(out) != width && len(out) != Width {
		return nil, errors.New("is neither partial as asked nor full")
	}
	return out[:width], nil
}
