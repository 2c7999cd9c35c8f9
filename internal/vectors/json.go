package vectors

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
)

// jsonFaults are rows of group A about the text of a bundle.
func jsonFaults() []job {
	return []job{
		{"A1", func(l *lab) { l.texts("", " ", "\n\t \r\n") }},
		{"A2", cutJSON},
		{"A3", trailingJSON},
		{"A4", encodings},
		{"A5", func(l *lab) { l.texts("[]", `"x"`, "5", "true", "null", "[{}]") }},
		{"A6", unknownFields},
		{"A7", duplicateKeys},
		{"A8", miscasedKeys},
		{"A9", snakeCase},
		{"A28", badBase64},
		{"A29", func(l *lab) {
			integers(l, "%s", `"%s.0"`, `"%se0"`, `"+%s"`, `"0%s"`, `" %s"`, `"%s "`, `"%s\u0000"`, `"0x%s"`, `""`)
		}},
		{"A30", func(l *lab) {
			integers(l, `"9223372036854775808"`, `"-9223372036854775809"`, `"18446744073709551616"`, `"`+strings.Repeat("9", 400)+`"`)
		}},
		{"A42", badLine},
		{"A44", func(l *lab) { l.texts(string(artifact()), "#!/bin/sh\n", "\x7fELF") }},
		{"A45", compressed},
		{"A46", func(l *lab) { l.texts("<!DOCTYPE html><html></html>", "<html>", "  <?xml version=\"1.0\"?>") }},
	}
}

// texts are not even objects.
func (l *lab) texts(all ...string) {
	for _, text := range all {
		l.bad("v2", name("%.20q", text), is(check.Parse), written(func([]byte) []byte { return []byte(text) }))
	}
}

func cutJSON(l *lab) {
	l.many(func() {
		for _, shape := range []string{"v1", "v2", "v2 dsse"} {
			for at := 64; at < len(l.twin(shape, nil).Bundle); at += 64 {
				l.bad(shape, name("cut after byte %d", at), is(check.Parse), written(func(b []byte) []byte { return b[:min(at, len(b)-1)] }))
			}
		}
	})
}

func trailingJSON(l *lab) {
	for _, shape := range both() {
		for _, more := range []string{"{}", "null", "x", "\x00", ",", "}", "]"} {
			l.bad(shape, name("%q behind", more), is(check.Parse), written(func(b []byte) []byte { return append(b, more...) }))
		}
		l.bad(shape, "the bundle twice", is(check.Parse), written(func(b []byte) []byte { return append(b, b...) }))
		l.pass(shape, "white space around", written(func(b []byte) []byte { return append(append([]byte(" \r\n\t"), b...), " \n"...) }))
	}
}

func encodings(l *lab) {
	hint := func(s string) fault {
		return written(func(b []byte) []byte {
			return bytes.Replace(b, []byte(`"hint":"release"`), []byte(`"hint":"`+s+`"`), 1)
		})
	}
	for _, shape := range both() {
		l.bad(shape, "byte order mark", is(check.Parse), written(func(b []byte) []byte { return append([]byte("\xef\xbb\xbf"), b...) }))
		l.bad(shape, "UTF-16", is(check.Parse), written(func(b []byte) []byte {
			out := []byte{0xff, 0xfe}
			for _, u := range utf16.Encode([]rune(string(b))) {
				out = append(out, byte(u), byte(u>>8))
			}
			return out
		}))
	}
	for _, s := range []string{"\xff", "\xc0\xaf", "\xed\xa0\x80", `\ud800`, `\udc00`, `\ud800x`, "\n", "\t", "\x00", `\x`, `\u12`} {
		l.bad("key", name("text with %+q", s), is(check.Parse), hint(s))
	}
}

func unknownFields(l *lab) {
	l.bad("v2", "100,001 of them", is(check.Limit), treed(func(n *node) {
		for range 100_001 {
			n.add("x", raw("1"))
		}
	}))
	l.bad("v2", "one with 262,145 elements", is(check.Limit), treed(func(n *node) { n.add("x", raw("["+strings.Repeat("0,", 1<<18)+"0]")) }))
	l.bad("v2", "one with a name of 65 KiB", is(check.Limit), treed(func(n *node) { n.add(strings.Repeat("x", 65<<10), raw("1")) }))
	for _, shape := range []string{"v1", "v2 dsse", "v1 in 0.1"} {
		for _, unknown := range []string{"unknown", "", "$schema", "verificationmaterial"} {
			l.bad(shape, name("%q at the top", unknown), is(check.Parse), treed(func(n *node) { n.add(unknown, raw("1")) }))
		}
		l.everywhere(shape, is(check.Parse), func(p place) (string, fault) {
			if p.node().kind != 'o' {
				return "", nil
			}
			return "unknown field in " + p.path, func(q *plan) {
				q.onTree(func(n *node) { n.at(p.steps...).add("unknown", str("x")) })
			}
		})
	}
}

// places lists the values in a bundle of a shape. Of the hashes of a proof it has
// the first: how many there are depends on the size of the tree.
func (l *lab) places(shape string) []place {
	return slices.DeleteFunc(parse(l.twin(shape, nil).Bundle).places(), func(p place) bool {
		return strings.Contains(p.path, "hashes[") && !strings.HasSuffix(p.path, "hashes[0]")
	})
}

// everywhere emits what f makes of every value in a bundle.
func (l *lab) everywhere(shape string, want []check.Check, f func(place) (string, fault)) {
	for _, p := range l.places(shape) {
		if what, change := f(p); change != nil {
			l.bad(shape, what, want, change)
		}
	}
}

// members emits what f makes of the object around every member.
func (l *lab) members(shape, what string, want []check.Check, f func(object *node, i int)) {
	l.everywhere(shape, want, func(p place) (string, fault) {
		if p.parent.kind != 'o' {
			return "", nil
		}
		return what + " " + p.path, treed(func(n *node) { f(n.at(p.steps[:len(p.steps)-1]...), p.i) })
	})
}

func duplicateKeys(l *lab) {
	other := func(v *node) *node {
		if v.isString() {
			return str("other")
		}
		return &node{kind: v.kind}
	}
	for _, shape := range []string{"v1", "v2", "v2 dsse"} {
		l.members(shape, "twice and equal:", is(check.Parse), func(o *node, i int) { o.add(o.names[i], o.items[i].clone()) })
	}
	for _, shape := range []string{"v1", "v2 dsse"} {
		// What is read first may be refused before the name comes again.
		l.members(shape, "twice, another value behind:", is(check.Parse), func(o *node, i int) { o.add(o.names[i], other(o.items[i])) })
		l.members(shape, "twice, another name between:", is(check.Parse), func(o *node, i int) {
			o.names, o.items = append([]string{o.names[i]}, o.names...), append([]*node{o.items[i].clone()}, o.items...)
		})
	}
}

func miscasedKeys(l *lab) {
	for _, shape := range []string{"v1", "v2", "v2 dsse"} {
		l.members(shape, "also in capitals:", is(check.Parse), func(o *node, i int) { o.add(strings.ToUpper(o.names[i]), o.items[i].clone()) })
		l.members(shape, "only in another case:", is(check.Parse, check.Version), func(o *node, i int) {
			o.names[i] = strings.ToUpper(o.names[i][:1]) + o.names[i][1:]
		})
	}
}

func snakeCase(l *lab) {
	for _, shape := range []string{"v1", "v2 dsse"} {
		l.everywhere(shape, is(check.Parse), func(p place) (string, fault) {
			if p.parent.kind != 'o' || strings.ToLower(p.name()) == p.name() {
				return "", nil
			}
			return "snake case: " + p.path, treed(func(n *node) {
				o := n.at(p.steps[:len(p.steps)-1]...)
				var b strings.Builder
				for _, r := range o.names[p.i] {
					if 'A' <= r && r <= 'Z' {
						b.WriteByte('_')
						r += 'a' - 'A'
					}
					b.WriteRune(r)
				}
				o.names[p.i] = b.String()
			})
		})
	}
}

// badBase64 writes the same bytes in other ways.
func badBase64(l *lab) {
	variants := []struct {
		name string
		edit func(s string) string
	}{
		{"URL alphabet", func(s string) string { return strings.NewReplacer("+", "-", "/", "_").Replace(s) }},
		{"no padding", func(s string) string { return strings.TrimRight(s, "=") }},
		{"more padding", func(s string) string { return s + "=" }},
		{"four more of padding", func(s string) string { return s + "====" }},
		{"line break", func(s string) string { return s[:4] + "\n" + s[4:] }},
		{"line break at the end", func(s string) string { return s + "\r\n" }},
		{"blank", func(s string) string { return s[:4] + " " + s[4:] }},
		{"trailing character", func(s string) string { return s + "A" }},
		{"another value behind", func(s string) string { return s + s }},
		{"spare bits", spareBits},
		{"no base64", func(s string) string { return "%" + s[1:] }},
	}
	l.many(func() {
		for _, shape := range []string{"v1", "v2 dsse"} {
			for _, p := range l.places(shape) {
				if !p.isBinary() {
					continue
				}
				good := p.node().string()
				for _, v := range variants {
					if bad := v.edit(good); bad != good && (v.name != "another value behind" || strings.HasSuffix(good, "=")) {
						l.bad(shape, v.name+": "+p.path, is(check.Parse), treed(func(n *node) {
							at := n.at(p.steps...)
							// Every bundle has its own signatures: where the same way to write
							// another is no change, no base64 will do.
							bad := v.edit(at.string())
							if bad == at.string() {
								bad = "%" + bad[1:]
							}
							at.text = str(bad).text
						}))
					}
				}
			}
		}
	})
}

// spareBits sets bits that belong to no byte.
func spareBits(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	i := strings.IndexByte(s, '=') - 1
	if i < 0 {
		return s
	}
	return s[:i] + string(alphabet[strings.IndexByte(alphabet, s[i])|1]) + s[i+1:]
}

// integers writes each integer in each of the forms.
func integers(l *lab, forms ...string) {
	for _, shape := range []string{"v1", "v2"} {
		for _, p := range l.places(shape) {
			if !p.node().isString() || !p.node().isInteger() {
				continue
			}
			for _, form := range forms {
				l.bad(shape, name("%s as %.30s", p.path, form), is(check.Parse), treed(func(n *node) {
					at := n.at(p.steps...)
					at.text = strings.ReplaceAll(form, "%s", at.string())
				}))
			}
		}
	}
}

// badLine puts a bad line between good ones.
func badLine(l *lab) {
	good := string(l.twin("v2", nil).Bundle) + "\n"
	lines := func(text string) func() error {
		return func() error {
			var all []error
			for _, err := range bundle.ParseLines(strings.NewReader(text)) {
				all = append(all, err)
			}
			if len(all) != 3 || all[0] != nil || all[2] != nil {
				return errors.New("want three answers, those of the good lines without error")
			}
			return all[1]
		}
	}
	l.call("line that is no bundle", check.Parse, lines(good+"{}x\n"+good), lines(good+good+good))
	l.call("empty line", check.Parse, lines(good+"\n"+good), lines(good+good+good))
	l.call("line of a later version", check.Version, lines(good+`{"mediaType":"x"}`+"\n"+good), lines(good+good+good))
}

func compressed(l *lab) {
	l.bad("v2", "gzip", is(check.Parse), written(func(b []byte) []byte {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		_, _ = w.Write(b) // a bytes.Buffer takes all
		_ = w.Close()
		return out.Bytes()
	}))
	l.bad("v2", "zstd", is(check.Parse), written(func(b []byte) []byte { return append([]byte("\x28\xb5\x2f\xfd"), b...) }))
	l.bad("v2", "base64", is(check.Parse), written(func(b []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(b)) }))
}
