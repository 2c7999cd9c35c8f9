package vectors

import (
	"bytes"
	"errors"
	"slices"

	"github.com/hallmarksign/hallmark/internal/tsp/tsptest"
)

// A derNode is a DER element that can be changed.
type derNode struct {
	tag     byte
	content []byte // of a primitive element
	kids    []*derNode
}

func parseDER(der []byte) *derNode {
	n := &derNode{tag: der[0]}
	if n.tag&0x20 == 0 {
		n.content = content(der)
		return n
	}
	for _, e := range elements(der) {
		n.kids = append(n.kids, parseDER(e))
	}
	return n
}

func (n *derNode) bytes() []byte {
	if n.tag&0x20 == 0 {
		return tsptest.TLV(n.tag, n.content)
	}
	var parts [][]byte
	for _, k := range n.kids {
		parts = append(parts, k.bytes())
	}
	return tsptest.TLV(n.tag, parts...)
}

// all lists the elements below n, with the parent and the position of each.
func (n *derNode) all() []derPlace {
	var out []derPlace
	for i, k := range n.kids {
		out = append(out, derPlace{n, i})
		out = append(out, k.all()...)
	}
	return out
}

type derPlace struct {
	parent *derNode
	i      int
}

func (p derPlace) node() *derNode { return p.parent.kids[p.i] }

// A derChange is one way to change an element.
type derChange struct {
	name string
	do   func(derPlace)
}

func derChanges() []derChange {
	null := &derNode{tag: 5}
	return []derChange{
		{"deleted", func(p derPlace) { p.parent.kids = slices.Delete(p.parent.kids, p.i, p.i+1) }},
		{"twice", func(p derPlace) { p.parent.kids = slices.Insert(p.parent.kids, p.i, p.node()) }},
		{"with NULL before", func(p derPlace) { p.parent.kids = slices.Insert(p.parent.kids, p.i, null) }},
		{"with NULL behind", func(p derPlace) { p.parent.kids = slices.Insert(p.parent.kids, p.i+1, null) }},
		{"replaced by NULL", func(p derPlace) { p.parent.kids[p.i] = null }},
		{"empty", func(p derPlace) { p.parent.kids[p.i] = &derNode{tag: p.node().tag} }},
		{"with NULL inside", func(p derPlace) {
			n := *p.node()
			if n.kids = append(slices.Clone(n.kids), null); n.tag&0x20 == 0 {
				n.content = append(slices.Clone(n.content), 5)
			}
			p.parent.kids[p.i] = &n
		}},
		{"of another tag", func(p derPlace) {
			n := *p.node()
			n.tag ^= 0x01 // a SEQUENCE becomes a SET, [0] becomes [1]
			p.parent.kids[p.i] = &n
		}},
	}
}

// changed returns der with its i-th element changed.
func changed(der []byte, i int, how derChange) []byte {
	n := parseDER(der)
	all := n.all()
	how.do(all[min(i, len(all)-1)])
	return n.bytes()
}

// infoOf returns the TSTInfo of a response.
func infoOf(der []byte) ([]byte, error) {
	for _, p := range parseDER(der).all() {
		if n := p.node(); n.tag == 4 && bytes.HasPrefix(n.content, []byte{0x30}) {
			return n.content, nil
		}
	}
	return nil, errors.New("no TSTInfo")
}

// withInfo replaces the TSTInfo of a response.
func withInfo(der, was, now []byte) []byte {
	n := parseDER(der)
	for _, p := range n.all() {
		if bytes.Equal(p.node().content, was) {
			p.node().content = now
		}
	}
	return n.bytes()
}

// derLong writes an element whose length takes up to four bytes.
func derLong(tag byte, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	n := len(body)
	return append([]byte{tag, 0x84, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, body...)
}
