package vectors

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
)

// A node is a JSON value that keeps what encoding/json hides: the order of
// members, duplicates, and how a scalar is written.
type node struct {
	kind  byte   // 'o' object, 'a' array, 's' scalar
	text  string // of a scalar, as written
	names []string
	items []*node
}

func raw(text string) *node { return &node{kind: 's', text: text} }

func str(s string) *node {
	text, err := json.Marshal(s)
	if err != nil {
		panic("vectors: " + err.Error())
	}
	return raw(string(text))
}

func inBase64(b []byte) *node { return str(base64.StdEncoding.EncodeToString(b)) }

// parse reads JSON that encoding/json wrote.
func parse(data []byte) *node {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return read(d)
}

func read(d *json.Decoder) *node {
	t, err := d.Token()
	if err != nil {
		panic("vectors: " + err.Error())
	}
	switch t {
	case json.Delim('{'):
		n := &node{kind: 'o'}
		for d.More() {
			key, _ := d.Token()
			n.names = append(n.names, key.(string))
			n.items = append(n.items, read(d))
		}
		_, _ = d.Token()
		return n
	case json.Delim('['):
		n := &node{kind: 'a'}
		for d.More() {
			n.items = append(n.items, read(d))
		}
		_, _ = d.Token()
		return n
	}
	text, err := json.Marshal(t)
	if err != nil {
		panic("vectors: " + err.Error())
	}
	return raw(string(text))
}

func (n *node) bytes() []byte {
	var out bytes.Buffer
	n.write(&out)
	return out.Bytes()
}

func (n *node) write(out *bytes.Buffer) {
	if n.kind == 's' {
		out.WriteString(n.text)
		return
	}
	open, end := "[", "]"
	if n.kind == 'o' {
		open, end = "{", "}"
	}
	out.WriteString(open)
	for i, item := range n.items {
		if i > 0 {
			out.WriteByte(',')
		}
		if n.kind == 'o' {
			out.WriteString(strconv.Quote(n.names[i]) + ":")
		}
		item.write(out)
	}
	out.WriteString(end)
}

func (n *node) clone() *node {
	c := &node{kind: n.kind, text: n.text, names: slices.Clone(n.names)}
	for _, item := range n.items {
		c.items = append(c.items, item.clone())
	}
	return c
}

// at returns a value by its path, such as at("a", "0", "b").
func (n *node) at(path ...string) *node {
	for _, p := range path {
		i := slices.Index(n.names, p)
		if n.kind == 'a' {
			i, _ = strconv.Atoi(p)
		}
		n = n.items[i]
	}
	return n
}

func (n *node) set(name string, v *node) {
	if i := slices.Index(n.names, name); i >= 0 {
		n.items[i] = v
		return
	}
	n.add(name, v)
}

func (n *node) add(name string, v *node) {
	n.names, n.items = append(n.names, name), append(n.items, v)
}

func (n *node) remove(i int) {
	if n.kind == 'o' {
		n.names = slices.Delete(n.names, i, i+1)
	}
	n.items = slices.Delete(n.items, i, i+1)
}

func (n *node) drop(name string) { n.remove(slices.Index(n.names, name)) }

func (n *node) isString() bool { return n.kind == 's' && n.text[0] == '"' }

func (n *node) string() string {
	var s string
	_ = json.Unmarshal([]byte(n.text), &s) // "" for other scalars
	return s
}

// decoded returns the bytes of a base64 string.
func (n *node) decoded() []byte {
	b, err := base64.StdEncoding.Strict().DecodeString(n.string())
	if err != nil {
		panic("vectors: " + err.Error())
	}
	return b
}

func (n *node) isInteger() bool {
	_, err := strconv.ParseInt(n.string(), 10, 64)
	return err == nil
}

// A place is where a value is: item i of its parent.
type place struct {
	parent *node
	i      int
	path   string
	steps  []string
}

func (p place) node() *node { return p.parent.items[p.i] }

// name is the last member name of the path.
func (p place) name() string {
	for _, s := range slices.Backward(p.steps) {
		if _, err := strconv.Atoi(s); err != nil {
			return s
		}
	}
	return ""
}

// isBinary reports whether the value is bytes in base64.
func (p place) isBinary() bool {
	return p.node().isString() && slices.Contains([]string{"rawBytes", "keyId", "signedEntryTimestamp", "rootHash", "hashes",
		"canonicalizedBody", "signedTimestamp", "digest", "signature", "sig", "payload"}, p.name())
}

// places lists all values below n, parents first.
func (n *node) places() []place { return n.collect(nil, nil) }

func (n *node) collect(out []place, steps []string) []place {
	for i, item := range n.items {
		step := strconv.Itoa(i)
		if n.kind == 'o' {
			step = n.names[i]
		}
		here := append(slices.Clone(steps), step)
		out = append(out, place{n, i, dotted(here), here})
		out = item.collect(out, here)
	}
	return out
}

func dotted(steps []string) string {
	out := ""
	for _, s := range steps {
		if _, err := strconv.Atoi(s); err == nil {
			out += "[" + s + "]"
			continue
		}
		if out != "" {
			out += "."
		}
		out += s
	}
	return out
}

// has reports whether at would find a value.
func (n *node) has(path ...string) bool {
	for _, p := range path {
		i := slices.Index(n.names, p)
		if n.kind == 'a' {
			i, _ = strconv.Atoi(p)
		}
		if i < 0 || i >= len(n.items) {
			return false
		}
		n = n.items[i]
	}
	return true
}
