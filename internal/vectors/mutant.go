package vectors

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
)

// A Mutant is a good bundle in which one place of the document was changed.
type Mutant struct {
	*Case
	Shape, Change, Path string
	Good                *Case
}

// String says what was changed.
func (m *Mutant) String() string { return m.Shape + ": " + m.Change + " " + m.Path }

// Mutants makes n mutants and hands each to use, from two goroutines and more. It
// draws place and change with fixed seeds.
func Mutants(n int, use func(*Mutant)) {
	shapes := append(keyless(), "key", "key dsse", "key v1")
	var done sync.WaitGroup
	for i, shape := range shapes {
		done.Go(func() {
			l := newLab("", All(), nil)
			good := l.twin(shape, nil)
			doc := parse(good.Bundle)
			draw := rand.New(rand.NewPCG(uint64(i), 3))
			share := n / len(shapes)
			if i < n%len(shapes) {
				share++
			}
			for range share {
				c := *good
				tree := doc.clone()
				m := &Mutant{Case: &c, Shape: shape, Good: good}
				m.mutate(tree, draw)
				c.Bundle = tree.bytes()
				use(m)
			}
		})
	}
	done.Wait()
}

// mutate changes one place.
func (m *Mutant) mutate(tree *node, draw *rand.Rand) {
	all := tree.places()
	p := all[draw.IntN(len(all))]
	m.Path = p.path
	if p.isBinary() && draw.IntN(3) > 0 {
		m.mutateBytes(p, draw)
		return
	}
	switch n := p.node(); draw.IntN(8) {
	case 0:
		m.Change = "deleted"
		p.parent.remove(p.i)
	case 1:
		m.Change = "twice"
		p.parent.items = slices.Insert(p.parent.items, p.i, n.clone())
		if p.parent.kind == 'o' {
			p.parent.names = slices.Insert(p.parent.names, p.i, p.parent.names[p.i])
		}
	case 2:
		q := all[draw.IntN(len(all))]
		m.Change = "exchanged with " + q.path + ":"
		// An exchange with something inside itself is a copy of it.
		a, b := n.clone(), q.node().clone()
		p.parent.items[p.i], q.parent.items[q.i] = b, a
	case 3:
		v := []string{"null", "true", "5", "{}", "[]", `""`, `"AAAA"`, `"0"`, `"1"`, "-0", "1e3"}[draw.IntN(11)]
		m.Change = v + " for"
		p.parent.items[p.i] = raw(v)
	case 4:
		q := all[draw.IntN(len(all))]
		m.Change = "copy of " + q.path + " for"
		p.parent.items[p.i] = q.node().clone()
	case 5:
		m.Change = "name changed:"
		if p.parent.kind == 'o' {
			p.parent.names[p.i] = flipLetter(p.parent.names[p.i], draw)
		} else {
			p.parent.items[p.i] = &node{kind: 'a', items: []*node{n}}
		}
	case 6:
		m.Change = "wrapped:"
		p.parent.items[p.i] = &node{kind: 'o', names: []string{"value"}, items: []*node{n}}
	default:
		m.mutateText(p, draw)
	}
}

// mutateText changes a character of a scalar, or an order.
func (m *Mutant) mutateText(p place, draw *rand.Rand) {
	n := p.node()
	if n.kind != 's' {
		m.Change = "reversed:"
		slices.Reverse(n.items)
		slices.Reverse(n.names)
		return
	}
	s := n.string()
	if s == "" {
		s = "x"
	}
	i := draw.IntN(len(s))
	switch draw.IntN(4) {
	case 0:
		m.Change = fmt.Sprintf("character %d changed in", i)
		s = s[:i] + string(rune(' '+draw.IntN(95))) + s[i+1:]
	case 1:
		m.Change = fmt.Sprintf("cut after %d:", i)
		s = s[:i]
	case 2:
		m.Change = fmt.Sprintf("character %d twice in", i)
		s = s[:i] + s[i:i+1] + s[i:]
	default:
		m.Change = fmt.Sprintf("other case at %d in", i)
		s = flipLetterAt(s, i)
	}
	n.text = str(s).text
}

// mutateBytes changes decoded bytes and encodes them again.
func (m *Mutant) mutateBytes(p place, draw *rand.Rand) {
	b := p.node().decoded()
	i := draw.IntN(len(b))
	switch draw.IntN(6) {
	case 0:
		m.Change = fmt.Sprintf("byte %d deleted from", i)
		b = slices.Delete(b, i, i+1)
	case 1:
		m.Change = fmt.Sprintf("byte %d twice in", i)
		b = slices.Insert(b, i, b[i])
	case 2:
		m.Change = fmt.Sprintf("cut after byte %d:", i)
		b = b[:i]
	case 3:
		m.Change = fmt.Sprintf("byte %d random in", i)
		b[i] = byte(draw.Uint32())
	default:
		bit := draw.IntN(bits(b))
		m.Change = fmt.Sprintf("bit %d flipped in", bit)
		b = flip(b, bit)
	}
	p.node().text = inBase64(b).text
}

func flipLetter(s string, draw *rand.Rand) string {
	if s == "" {
		return "x"
	}
	return flipLetterAt(s, draw.IntN(len(s)))
}

func flipLetterAt(s string, i int) string {
	other := strings.ToUpper(s[i : i+1])
	if other == s[i:i+1] {
		other = strings.ToLower(other)
	}
	return s[:i] + other + s[i+1:]
}
