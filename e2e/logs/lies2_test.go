package logs

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// notes2 are the faults of a checkpoint of the second generation; change puts one
// into an answer.
func notes2(f *forger, change func(edit func(note string) string) sandbox.Fault, want refusal) []lie {
	anew := func(edit func(l []string) []string) sandbox.Fault { return change(f.anew(edit)) }
	size := func(text string) sandbox.Fault {
		return anew(func(l []string) []string { l[1] = text; return l })
	}
	line := func(note string) string { return note[strings.Index(note, "— "):] }
	broken := func(note string) string { return note[:len(note)-12] + "AAAA" + note[len(note)-8:] }
	stranger := *f
	stranger.name = "log.example"
	lies := []lie{
		{name: "F1 signature", fault: change(broken)},
		{name: "F2 key hint", fault: change(hint)},
		{name: "F3 witness alone", fault: change(func(n string) string { return strings.Replace(n, "— ", "— witness.", 1) })},
		{name: "F4 no signature", fault: change(func(n string) string { return strings.Replace(n, line(n), "", 1) })},
		{name: "F5 no origin", fault: anew(func(l []string) []string { return l[1:] })},
		{name: "F6 no size", fault: anew(func(l []string) []string { return append(l[:1], l[2:]...) })},
		{name: "F7 no root", fault: anew(func(l []string) []string { return l[:2] })},
		{name: "F8 origin of another log, signed by that", fault: change(stranger.anew(func(l []string) []string { l[0] = stranger.name; return l }))},
		{name: "F9 origin of another log", fault: anew(func(l []string) []string { l[0] = "log.example"; return l })},
		{name: "F10 key under another name", fault: change(stranger.anew(func(l []string) []string { return l }))},
		{name: "F12 short root", fault: anew(func(l []string) []string { l[2] = l[2][4:]; return l })},
		{name: "F12 text behind the root", fault: anew(func(l []string) []string { l[2] += "="; return l })},
		{name: "F13 other line ends", fault: change(func(n string) string { return strings.ReplaceAll(n, "\n", "\r\n") })},
		{name: "F13 no line end", fault: change(func(n string) string { return n[:len(n)-1] })},
		{name: "F14 hyphen", fault: change(func(n string) string { return strings.ReplaceAll(n, "—", "-") })},
		{name: "F15 control character", fault: anew(func(l []string) []string { return append(l, "\x01") })},
		{name: "F16 text behind", fault: change(func(n string) string { return n + "more\n" })},
		{name: "F18 bad signature before the good one", fault: change(func(n string) string {
			return strings.Replace(n, line(n), broken(n)[strings.Index(n, "— "):]+line(n), 1)
		})},
		{name: "F20 65 signatures", fault: change(func(n string) string {
			return n + strings.Repeat("— w.example AAAAAAAA\n", 64)
		}), want: refusal{check: map[bool]string{true: "limit", false: want.check}[want.check != "server"]}},
		{name: "F21 empty line in the text", fault: anew(func(l []string) []string { return append(l, "", "x") })},
		{name: "F22 pattern as a name", fault: change(func(n string) string { return strings.Replace(n, "— "+f.name, "— .*", 1) })},
	}
	for _, text := range []string{"+5", "05", "5 ", "-0", "18446744073709551616", "5.0", ""} {
		lies = append(lies, lie{name: "F11 size " + strconv.Quote(text), fault: size(text)})
	}
	for i := range lies {
		if lies[i].want.check == "" {
			lies[i].want = want
		}
	}
	return lies
}

const tilePath, checkpointPath = "/api/v2/tile/", "/api/v2/checkpoint"

// tiles changes the tiles of a kind: "entries", or a level.
func tiles(kind string, change func(data []byte) []byte) sandbox.Fault {
	return sandbox.Path(tilePath+kind, sandbox.Rewrite(change))
}

// A log of the second generation lies to every command that reads.
func TestLog_F_K_SecondGenerationLies(t *testing.T) {
	s := newScene(t)
	g := s.second()
	b, bundle := s.sign(t, g, "the entry")
	for _, text := range []string{"one more", "and more"} {
		newScene(t).sign(t, g, text)
	}
	index := fmt.Sprint(entryOf(b))
	questions := []question{
		{"get", []string{"log", "get", index, "--log", g.log}},
		{"raw", []string{"log", "get", "log:" + index + "@" + g.log, "--raw"}},
		{"verify", []string{"log", "verify", bundle}},
		{"find", []string{"log", "find", "--digest", "the-entry", "--log", g.log}},
		{"watch", []string{"log", "watch", "--identity", s.email, "--log", g.log}},
		{"info", []string{"log", "info", "--log", g.log}},
	}
	f := s.forger(t, g)
	note := func(edit func(string) string) sandbox.Fault {
		return sandbox.Path(checkpointPath, sandbox.Rewrite(func(b []byte) []byte { return []byte(edit(string(b))) }))
	}
	lies := notes2(f, note, refusal{check: "checkpoint"})

	// Signed lies: info has nothing to compare them with, the others have the tiles.
	proof := refusal{check: "proof"}
	signed := func(edit func(l []string) []string) sandbox.Fault { return note(f.anew(edit)) }
	// One byte anywhere, in tiles of entries and of hashes.
	for part := range 4 {
		change := func(data []byte) []byte { data[(len(data)-1)*part/3] ^= 1; return data }
		lies = append(lies,
			lie{name: fmt.Sprint("F25 flipped byte in entries ", part), fault: tiles("entries", change), want: proof, skip: "info"},
			lie{name: fmt.Sprint("E14 flipped byte in hashes ", part), fault: tiles("0", change), want: proof, skip: "info"})
	}
	missing := refusal{"server", "is missing from the log"}
	lies = append(lies, []lie{
		{name: "F19 unknown line", fault: note(func(n string) string { return n + "— w.example AAAAAAAA\n" }), but: map[string]refusal{"watch": {}}, skip: "watch"},
		{name: "LG-4 root of another tree, signed", fault: signed(func(l []string) []string { l[2] = flip(l[2], 1, 2); return l }), want: refusal{"proof checkpoint", ""}, skip: "info"},
		{name: "F35 index out of range", fault: signed(func(l []string) []string { l[1] = "1"; return l }),
			want: refusal{"not_found proof checkpoint", ""}, skip: "info find watch"},
		{name: "F11 LG-4 larger than the tiles, signed", fault: signed(func(l []string) []string { l[1] += "0"; return l }), want: refusal{"server proof checkpoint", ""}, skip: "info"},
		{name: "F11 larger than any tree, signed", fault: signed(func(l []string) []string { l[1] = "18446744073709551615"; return l }), want: refusal{"checkpoint", ""}, skip: "info"},
		{name: "K25 entries of another place", fault: tiles("entries", func(data []byte) []byte {
			n := int(data[0])<<8 | int(data[1])
			return append(append([]byte{}, data[2+n:]...), data[:2+n]...)
		}), want: proof, skip: "info"},
		{name: "LG-4 bundle cut in an entry", fault: tiles("entries", func(data []byte) []byte { return data[:len(data)-1] }), want: proof, skip: "info"},
		{name: "LG-4 bundle with an entry less", fault: tiles("entries", func(data []byte) []byte {
			n := int(data[0])<<8 | int(data[1])
			return data[2+n:]
		}), want: proof, skip: "info"},
		{name: "LG-4 hashes cut", fault: tiles("0", func(data []byte) []byte { return data[:len(data)-1] }), want: proof, skip: "info"},
		{name: "LG-4 no hashes", fault: tiles("0", func([]byte) []byte { return nil }), want: proof, skip: "info"},
		{name: "LG-4 entries missing", fault: sandbox.Path(tilePath+"entries", sandbox.Status(404)), want: missing, skip: "info"},
		{name: "LG-4 hashes missing", fault: sandbox.Path(tilePath+"0", sandbox.Status(403)), want: missing, skip: "info"},
		{name: "K35 500 for tiles", fault: sandbox.Path(tilePath, sandbox.Status(500)), want: refusal{check: "net"}, skip: "info"},
		{name: "Q14 endless tiles", fault: sandbox.Path(tilePath, endless), want: refusal{check: "limit"}, skip: "info"},
		{name: "K27 page instead of tiles", fault: sandbox.Path(tilePath, sandbox.Answer(200, "text/html", []byte("<html></html>"))), want: refusal{check: "server proof"}, skip: "info"},
		{name: "K27 tiles of another type are tiles", fault: sandbox.Path(tilePath, typed("text/plain")), skip: "watch"},
	}...)
	general := troubles()
	for i := range general {
		// What is no note is refused as such.
		if general[i].want.check == "server" {
			general[i].want.check = "server checkpoint"
		}
	}
	s.asked(t, g, questions, append(lies, general...))
}

// typed gives answers another media type.
func typed(media string) sandbox.Fault {
	return func(server http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			server.ServeHTTP(typeWriter{w, media}, r)
		})
	}
}

type typeWriter struct {
	http.ResponseWriter
	media string
}

func (w typeWriter) WriteHeader(code int) {
	w.Header().Set("Content-Type", w.media)
	w.ResponseWriter.WriteHeader(code)
}

// It lies about an entry that it just took.
func TestSign_F_K25_SecondGenerationLies(t *testing.T) {
	s := newScene(t)
	g := s.second()
	b, _ := s.sign(t, g, "another entry of mine")
	s.sign(t, g, "one more of mine")
	other := b.VerificationMaterial.TlogEntries[0]
	server := refusal{check: "server"}
	change := func(edit func(e object)) sandbox.Fault {
		return sandbox.Path("/api/v2/log/entries", editJSON(func(doc any) any { edit(doc.(object)); return doc }))
	}
	proof := func(edit func(p object)) sandbox.Fault {
		return change(func(e object) { edit(at(e, "inclusionProof")) })
	}
	add := func(in object, name string, n int64) {
		v, _ := strconv.ParseInt(fmt.Sprint(in[name]), 10, 64)
		in[name] = fmt.Sprint(v + n)
	}
	note := func(edit func(string) string) sandbox.Fault {
		return proof(func(p object) { c := at(p, "checkpoint"); c["envelope"] = edit(c["envelope"].(string)) })
	}
	f := s.forger(t, g)
	otherHashes := []any{}
	for _, h := range other.InclusionProof.Hashes {
		otherHashes = append(otherHashes, base64.StdEncoding.EncodeToString(h))
	}
	lies := []lie{
		{name: "F23 index one more", fault: change(func(e object) { add(e, "logIndex", 1) }), want: refusal{"server", "proof"}},
		{name: "F23 index one less", fault: change(func(e object) { add(e, "logIndex", -1) }), want: refusal{"server", "proof"}},
		{name: "F24 index of the proof", fault: proof(func(p object) { add(p, "logIndex", -1) }), want: refusal{"server", "proof"}},
		{name: "F24 root of the proof", fault: proof(func(p object) { p["rootHash"] = flip(p["rootHash"], 1, 2) }), want: refusal{"server", "proof"}},
		{name: "F24 size of the proof", fault: proof(func(p object) { add(p, "treeSize", 1) }), want: refusal{"server", "proof"}},
		{name: "F25 K25 other body", fault: change(func(e object) { e["canonicalizedBody"] = base64.StdEncoding.EncodeToString(other.CanonicalizedBody) }), want: refusal{"server", "not the one that was sent"}},
		{name: "F25 empty object", fault: change(func(e object) { e["canonicalizedBody"] = "e30=" }), want: server},
		{name: "F25 no body", fault: change(func(e object) { delete(e, "canonicalizedBody") }), want: server},
		{name: "F26 no kind", fault: change(func(e object) { delete(e, "kindVersion") }), want: server},
		{name: "F27 another kind", fault: change(func(e object) { e["kindVersion"] = object{"kind": "dsse", "version": "0.0.2"} }), want: refusal{"server", "dsse"}},
		{name: "F28 later version", fault: change(func(e object) { e["kindVersion"] = object{"kind": "hashedrekord", "version": "0.0.3"} }), want: refusal{"server", "0.0.3"}},
		{name: "F29 time", fault: change(func(e object) { e["integratedTime"] = "1" }), want: refusal{"server", "a time or a promise"}},
		{name: "F30 promise", fault: change(func(e object) { e["inclusionPromise"] = object{"signedEntryTimestamp": "AAAA"} }), want: refusal{"server", "a time or a promise"}},
		{name: "F32 another log", fault: change(func(e object) { at(e, "logId")["keyId"] = strings.Repeat("A", 43) + "=" }), want: server},
		{name: "K25 index beyond the tree", fault: change(func(e object) {
			e["logIndex"] = at(e, "inclusionProof")["treeSize"]
			at(e, "inclusionProof")["logIndex"] = e["logIndex"]
		}), want: refusal{"server", "proof"}},
		{name: "K25 E24 proof of another entry", fault: proof(func(p object) { p["hashes"] = otherHashes }), want: refusal{"server", "proof"}},
		{name: "E14 hash", fault: proof(func(p object) { h := p["hashes"].([]any); h[0] = flip(h[0], 1, 2) }), want: refusal{"server", "proof"}},
		{name: "E15 hash less", fault: proof(func(p object) { p["hashes"] = p["hashes"].([]any)[1:] }), want: refusal{"server", "proof"}},
		{name: "F35 checkpoint smaller than the index, signed", fault: note(f.anew(func(l []string) []string { l[1] = "1"; return l })), want: refusal{"server", "proof"}},
		{name: "F36 checkpoint of a later size, signed", fault: note(f.anew(func(l []string) []string { l[1] += "0"; return l })), want: refusal{"server", "proof"}},
		{name: "K25 no proof", fault: change(func(e object) { delete(e, "inclusionProof") }), want: refusal{"server", "proof"}},
		{name: "K27 page", fault: sandbox.Answer(201, "text/html", []byte("<html></html>")), want: server},
		{name: "K27 error in JSON", fault: sandbox.Answer(200, "application/json", []byte(`{"code":13,"message":"error"}`)), want: server},
		{name: "K27 206", fault: sandbox.Answer(206, "application/json", []byte("{}")), want: server},
	}
	s.signed(t, g, append(lies, notes2(f, note, server)...))
}
