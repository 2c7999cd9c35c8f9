package vectors

import (
	"bytes"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/checkpoint"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// noted is a fault in the text of the checkpoint, which the log signs.
func noted(f func(string) string) fault { return func(p *plan) { p.Log.Note = f } }

// noteLine changes one line of the text.
func noteLine(i int, f func(string) string) func(string) string {
	return func(text string) string {
		lines := strings.Split(text, "\n")
		lines[i] = f(lines[i])
		return strings.Join(lines, "\n")
	}
}

// enveloped is a fault in the signed note.
func enveloped(f func(p *plan, note string) string) fault {
	return func(p *plan) { p.Log.Envelope = func(note string) string { return f(p, note) } }
}

func envelope(f func(string) string) fault {
	return enveloped(func(_ *plan, note string) string { return f(note) })
}

// log is the one that signs.
func (p *plan) log() *sigtest.Log {
	if len(p.Logs) > 0 {
		return p.Logs[0]
	}
	return p.lab.Log2
}

// split separates a note into text and signature lines.
func split(note string) (text, lines string) {
	i := strings.LastIndex(note, "\n\n")
	return note[:i+1], note[i+2:]
}

// signatureOf takes the only signature line apart.
func signatureOf(note string) (name string, id, signature []byte) {
	_, line := split(note)
	f := strings.Fields(line)
	blob := must(base64.StdEncoding.DecodeString(f[2]))
	return f[1], blob[:4], blob[4:]
}

// signedLine replaces the signature line.
func signedLine(f func(p *plan, name string, id, sig []byte) string) fault {
	return enveloped(func(p *plan, note string) string {
		text, _ := split(note)
		name, id, sig := signatureOf(note)
		return text + "\n" + f(p, name, id, sig)
	})
}

// checkpointFaults are rows of group F about signed notes.
func checkpointFaults() []job {
	bad := is(check.Checkpoint)
	lineOf := func(f func(line string) string) fault {
		return envelope(func(note string) string { text, line := split(note); return text + "\n" + f(line) })
	}
	return []job{
		{"F1", func(l *lab) {
			l.many(func() {
				for _, shape := range both() {
					for bit := range 8 * 64 {
						l.bad(shape, name("bit %d", bit), bad, signedLine(func(_ *plan, name string, id, sig []byte) string {
							return sigtest.NoteLine(name, id, flip(sig, bit))
						}))
					}
				}
			})
			l.each(included(), "cut", bad, signedLine(func(_ *plan, name string, id, sig []byte) string { return sigtest.NoteLine(name, id, sig[:len(sig)-1]) }))
			l.each(included(), "byte behind", bad, signedLine(func(_ *plan, name string, id, sig []byte) string { return sigtest.NoteLine(name, id, append(sig, 0)) }))
			l.each(included(), "by another key", bad, enveloped(func(p *plan, note string) string {
				text, _ := split(note)
				name, id, _ := signatureOf(note)
				_, _, sig := signatureOf(text + "\n" + p.lab.NewLog("other", p.log().Generation).Line(text))
				return text + "\n" + sigtest.NoteLine(name, id, sig)
			}))
		}},
		{"F2", func(l *lab) {
			for i := range 4 {
				l.each(included(), name("byte %d", i), bad, signedLine(func(_ *plan, name string, id, sig []byte) string { return sigtest.NoteLine(name, flipByte(id, i), sig) }))
			}
		}},
		{"F3", func(l *lab) { l.each(included(), "witness alone", bad, witnessed(false)) }},
		{"F4", func(l *lab) {
			l.each(included(), "unknown signer alone", bad, signedLine(func(_ *plan, _ string, id, sig []byte) string {
				return sigtest.NoteLine("stranger", flipByte(id, 0), sig)
			}))
		}},
		{"F5", func(l *lab) { l.each(included(), "no origin", bad, noted(dropLine(0))) }},
		{"F6", func(l *lab) { l.each(included(), "no size", bad, noted(dropLine(1))) }},
		{"F7", func(l *lab) { l.each(included(), "no root", bad, noted(dropLine(2))) }},
		{"F8", func(l *lab) {
			other := enveloped(func(p *plan, note string) string {
				o := p.lab.NewLog("other", p.log().Generation)
				text, _ := split(note)
				text = noteLine(0, func(string) string { return o.Origin })(text)
				return text + "\n" + o.Line(text)
			})
			known := func(p *plan) { p.logs = append(p.logs, p.lab.NewLog("other", p.log().Generation)) }
			l.each(included(), "checkpoint of another log", bad, other, known)
			l.each(included(), "checkpoint of an unknown log", bad, other)
		}},
		{"F9", func(l *lab) {
			for _, n := range []string{"other.example", "127.0.0.1", "log", "sigstore.example/Log1"} {
				l.each(included(), name("name %q", n), bad, signedLine(func(_ *plan, _ string, id, sig []byte) string { return sigtest.NoteLine(n, id, sig) }))
			}
			l.each(included(), "origin other than the name", bad, noted(noteLine(0, func(string) string { return "other.example - 1" })))
			renamed := func(p *plan) {
				p.Log.Note = noteLine(0, func(string) string { return "other.example - 1" })
				signedLine(func(_ *plan, _ string, id, sig []byte) string { return sigtest.NoteLine("other.example", id, sig) })(p)
			}
			for _, shape := range []string{"v1", "v1 proof", "v1 in 0.1"} {
				l.pass(shape, "origin and name of another host", renamed) // the key decides
				l.bad(shape, "origin and name of another host, by another key", bad, all(renamed, enveloped(func(p *plan, note string) string {
					text, _ := split(note)
					_, id, _ := signatureOf(note)
					_, _, sig := signatureOf(text + "\n" + p.lab.NewLog("other", 1).Line(text))
					return text + "\n" + sigtest.NoteLine("other.example", id, sig)
				})))
			}
			for _, origin := range []string{"sigstore.example/log1", "sigstore.example/log1 - ", "sigstore.example/log1 - x", "sigstore.example/log1 - -1", "sigstore.example/log1 -1"} {
				l.each([]string{"v1", "v1 proof"}, name("origin %q", origin), bad, noted(noteLine(0, func(string) string { return origin })))
			}
			l.each([]string{"v2", "v2 dsse"}, "origin with a tree id", bad, noted(noteLine(0, func(s string) string { return s + " - 1" })))
		}},
		{"F10", func(l *lab) {
			l.each([]string{"v2", "v2 dsse"}, "key under another name", bad, signedLine(func(p *plan, _ string, _, sig []byte) string {
				id := sum256(append([]byte("other.example\n\x01"), p.log().Key.Public().(ed25519.PublicKey)...))[:4]
				return sigtest.NoteLine("other.example", id, sig)
			}))
		}},
		{"F11", func(l *lab) {
			for _, f := range []string{"+%s", "0%s", "%s ", " %s", "-0", "0", "-%s", "18446744073709551616", "%s.0", "", "%se0", "0x%s", "１", "%s\t"} {
				l.each(both(), name("size %q", f), bad, noted(noteLine(1, func(s string) string { return strings.ReplaceAll(f, "%s", s) })))
			}
		}},
		{"F12", func(l *lab) {
			for what, f := range map[string]func(b []byte, s string) string{
				"URL alphabet":  func(b []byte, s string) string { return base64.URLEncoding.EncodeToString(b) + "-" },
				"no padding":    func(b []byte, s string) string { return base64.RawStdEncoding.EncodeToString(b) },
				"31 bytes":      func(b []byte, s string) string { return base64Of(b[1:]) },
				"33 bytes":      func(b []byte, s string) string { return base64Of(append(b, 0)) },
				"trailing text": func(b []byte, s string) string { return s + " x" },
				"blank before":  func(b []byte, s string) string { return " " + s },
				"spare bits":    func(b []byte, s string) string { return spareBits(s) },
				"hex":           func(b []byte, s string) string { return fmt.Sprintf("%x", b) },
			} {
				l.each(both(), what, bad, noted(noteLine(2, func(s string) string { return f(must(base64.StdEncoding.DecodeString(s)), s) })))
			}
		}},
		{"F13", func(l *lab) {
			l.each(both(), "CRLF", bad, envelope(func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }))
			l.each(both(), "CRLF in the signed text", bad, noted(func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }))
			l.each(both(), "no final newline", bad, envelope(func(s string) string { return strings.TrimSuffix(s, "\n") }))
			l.each(both(), "no empty line", bad, envelope(func(s string) string { return strings.Replace(s, "\n\n", "\n", 1) }))
			l.each(both(), "empty line inside", bad, noted(func(s string) string { return s + "\nmore\n" }))
			l.each(both(), "empty line first", bad, noted(func(s string) string { return "\n" + s }))
			l.each(both(), "two empty lines", bad, envelope(func(s string) string { return strings.Replace(s, "\n\n", "\n\n\n", 1) }))
			l.each(both(), "no signature line", bad, envelope(func(s string) string { text, _ := split(s); return text + "\n" }))
			l.each(both(), "text alone", bad, envelope(func(s string) string { text, _ := split(s); return text }))
		}},
		{"F14", func(l *lab) {
			for what, f := range map[string]func(string) string{
				"hyphen": func(s string) string { return strings.Replace(s, "\u2014", "-", 1) }, "en dash": func(s string) string { return strings.Replace(s, "\u2014", "\u2013", 1) },
				"two blanks": func(s string) string { return strings.Replace(s, " ", "  ", 1) }, "blank before": func(s string) string { return " " + s },
				"plus in the name":   func(s string) string { return strings.Replace(s, "/", "+", 1) },
				"blank in the name":  func(s string) string { return strings.Replace(s, "/", " ", 1) },
				"no name":            func(s string) string { f := strings.Fields(s); return f[0] + "  " + f[2] + "\n" },
				"no signature":       func(s string) string { f := strings.Fields(s); return f[0] + " " + f[1] + "\n" },
				"empty signature":    func(s string) string { f := strings.Fields(s); return f[0] + " " + f[1] + " \n" },
				"key id alone":       func(s string) string { f := strings.Fields(s); return f[0] + " " + f[1] + " AAAAAA==\n" },
				"not base64":         func(s string) string { f := strings.Fields(s); return f[0] + " " + f[1] + " $\n" },
				"no-break space":     func(s string) string { return strings.Replace(s, "/", "\u00a0", 1) },
				"more behind":        func(s string) string { return strings.TrimSuffix(s, "\n") + " x\n" },
				"padding left out":   func(s string) string { return strings.TrimRight(strings.TrimSuffix(s, "\n"), "=") + "\n=\n" },
				"line of the future": func(s string) string { return s + "\u2014\n" },
			} {
				l.each(both(), what, bad, lineOf(f))
			}
		}},
		{"F15", func(l *lab) {
			for _, c := range []string{"\x01", "\x00", "\t", "\x1b", "\r"} {
				l.each(both(), name("%q in the text", c), bad, noted(func(s string) string { return s + "x" + c + "\n" }))
				l.each(both(), name("%q in a line", c), bad, lineOf(func(s string) string { return s + "\u2014 x" + c + " AAAAAAAA\n" }))
			}
			l.each(both(), "by value: not UTF-8", bad, byValue(func(b *bundle.Bundle) { b.Entries[0].Proof.Checkpoint = "\xff" + b.Entries[0].Proof.Checkpoint }))
		}},
		{"F16", func(l *lab) {
			for _, more := range []string{"x", "\n", "x\n", "\u2014", "\u2014 \n", " \n"} {
				l.each(both(), name("%q behind", more), bad, envelope(func(s string) string { return s + more }))
			}
		}},
		{"F17", func(l *lab) {
			for _, shape := range both() {
				l.pass(shape, "line twice", lineOf(func(s string) string { return s + s }))
			}
		}},
		{"F18", func(l *lab) {
			broken := func(s string) string {
				f := strings.Fields(s)
				blob := must(base64.StdEncoding.DecodeString(f[2]))
				return f[0] + " " + f[1] + " " + base64Of(flip(blob, bits(blob)-1)) + "\n"
			}
			l.each(included(), "bad line before", bad, lineOf(func(s string) string { return broken(s) + s }))
			l.each(included(), "bad line behind", bad, lineOf(func(s string) string { return s + broken(s) }))
		}},
		{"F19", func(l *lab) {
			for _, shape := range included() {
				l.pass(shape, "unknown line behind", lineOf(func(s string) string { return s + "\u2014 stranger AAAAAAAA\n" }))
				l.pass(shape, "unknown line before", lineOf(func(s string) string { return "\u2014 stranger AAAAAAAA\n" + s }))
				l.pass(shape, "witness too", witnessed(true))
			}
		}},
		{"F20", func(l *lab) {
			extra := func(n int) fault {
				return lineOf(func(s string) string { return s + strings.Repeat("\u2014 witness AAAAAAAA\n", n) })
			}
			for _, shape := range both() {
				l.pass(shape, "17 lines", extra(16))
				l.pass(shape, "64 lines", extra(63))
			}
			l.each(both(), "65 lines", is(check.Limit), extra(64))
			l.each(both(), "100,000 lines", is(check.Limit), extra(99_999))
			l.each(both(), "by value: 100,000 lines", is(check.Limit), byValue(func(b *bundle.Bundle) { b.Entries[0].Proof.Checkpoint += strings.Repeat("x\n", 100_000) }))
		}},
		{"F21", func(l *lab) {
			for _, shape := range both() {
				l.pass(shape, "extension lines", noted(func(s string) string { return s + "more\nand more\n" }))
			}
			l.each(both(), "empty extension line", bad, noted(func(s string) string { return s + "more\n\nand more\n" }))
		}},
		{"F22", func(l *lab) {
			for _, n := range []string{".*", "^.*$", "sigstore.example.log.", "%"} {
				l.each(both(), name("name %q", n), bad, signedLine(func(_ *plan, _ string, id, sig []byte) string { return sigtest.NoteLine(n, id, sig) }))
			}
		}},
		{"F37", cosignatures},
		{"F38", cosignatureTimes},
		{"F43", func(l *lab) {
			l.each([]string{"v2", "v2 dsse"}, "id by the rule of Ed25519", bad, signedLine(func(p *plan, name string, _, sig []byte) string {
				return sigtest.NoteLine(name, sum256(append([]byte(name+"\n\x01"), sigtest.SPKI(p.log().Key.Public())...))[:4], sig)
			}), func(p *plan) {
				log := p.lab.NewLog("log3", 2)
				log.Key = sigtest.ECDSA(elliptic.P256(), "log3")
				p.logs, p.Logs = append(p.logs, log), []*sigtest.Log{log}
			})
		}},
	}
}

func dropLine(i int) func(string) string {
	return func(text string) string {
		return strings.Join(slices.Delete(strings.Split(text, "\n"), i, i+1), "\n")
	}
}

func witness() *sigtest.Witness {
	return &sigtest.Witness{Name: "witness.example", Key: sigtest.Ed25519("witness")}
}

// witnessed adds the line of a witness, with the log's or instead of it.
func witnessed(too bool) fault {
	return envelope(func(note string) string {
		text, lines := split(note)
		if !too {
			lines = ""
		}
		return text + "\n" + lines + witness().Line(text, sigtest.T0)
	})
}

// cosigned returns a function that looks for the witness in a note.
func cosigned(line func(text string) string) func() error {
	text := "log.example\n5\n" + base64Of(make([]byte, 32)) + "\n"
	note := text + "\n" + line(text)
	key := witness().Key.Public().(ed25519.PublicKey)
	return func() error {
		c, err := checkpoint.Parse(note)
		if err != nil {
			return err
		}
		_, err = c.VerifyWitness("witness.example", key, sigtest.T0)
		return err
	}
}

func cosignatures(l *lab) {
	w := witness()
	good := cosigned(func(text string) string { return w.Line(text, sigtest.T0) })
	edited := func(f func(id, blob []byte) string) func(string) string {
		return func(text string) string {
			_, id, blob := signatureOf(text + "\n" + w.Line(text, sigtest.T0))
			return f(id, blob)
		}
	}
	for i := range 8 + 64 {
		l.call(name("byte %d", i), check.Checkpoint, cosigned(edited(func(id, blob []byte) string { return sigtest.NoteLine(w.Name, id, flipByte(blob, i)) })), good)
	}
	for what, f := range map[string]func(string) string{
		"type of a log": edited(func(_, blob []byte) string {
			id := sum256(append([]byte(w.Name+"\n\x01"), w.Key.Public().(ed25519.PublicKey)...))
			return sigtest.NoteLine(w.Name, id[:4], blob)
		}),
		"another key": func(text string) string {
			return (&sigtest.Witness{Name: w.Name, Key: sigtest.Ed25519("x")}).Line(text, sigtest.T0)
		},
		"another name":       func(text string) string { return (&sigtest.Witness{Name: "x", Key: w.Key}).Line(text, sigtest.T0) },
		"another text":       func(text string) string { return w.Line(strings.Replace(text, "5", "6", 1), sigtest.T0) },
		"signs as logs":      edited(func(id, _ []byte) string { return sigtest.NoteLine(w.Name, id, bytes.Repeat([]byte{1}, 64)) }),
		"twice, differently": func(text string) string { return w.Line(text, sigtest.T0) + w.Line(text, sigtest.T0.Add(time.Second)) },
	} {
		l.call(what, check.Checkpoint, cosigned(f), good)
	}
	l.call("key of 31 bytes", check.Alg, func() error {
		c, err := checkpoint.Parse("a\n1\n" + base64Of(make([]byte, 32)) + "\n\n\u2014 x AAAAAAAA\n")
		if err != nil {
			return err
		}
		_, err = c.VerifyWitness("x", make([]byte, 31), sigtest.T0)
		return err
	}, good)
}

func cosignatureTimes(l *lab) {
	w := witness()
	good := cosigned(func(text string) string { return w.Line(text, sigtest.T0) })
	for what, at := range map[string]uint64{
		"0": 0, "2^63": 1 << 63, "2^64-1": 1<<64 - 1, "an hour ahead": uint64(sigtest.T0.Add(time.Hour).Unix()),
		"a second too far ahead": uint64(sigtest.T0.Add(5*time.Minute + time.Second).Unix()),
	} {
		l.call(what, check.Checkpoint, cosigned(func(text string) string {
			signature := ed25519.Sign(w.Key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, text))
			id := sum256(append([]byte(w.Name+"\n\x04"), w.Key.Public().(ed25519.PublicKey)...))
			return sigtest.NoteLine(w.Name, id[:4], append(binary.BigEndian.AppendUint64(nil, at), signature...))
		}), good)
	}
	l.call("five minutes ahead passes, six do not", check.Checkpoint,
		cosigned(func(text string) string { return w.Line(text, sigtest.T0.Add(6*time.Minute)) }),
		cosigned(func(text string) string { return w.Line(text, sigtest.T0.Add(5*time.Minute)) }))
}
