package logs

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
	"github.com/hallmarksign/hallmark/trustroot"
)

// lies1 are the lies of a log of the first generation about its entries. other is
// an entry that is not asked for, with its id, and another log's id.
func lies1(f *forger, otherID string, other object, foreignLog string) []lie {
	server := refusal{check: "server"}
	// change changes an entry and keeps its id.
	change := func(edit func(e object)) sandbox.Fault {
		return entries1(func(id string, e object) string { edit(e); return id })
	}
	// rebuilt changes the body too, and the id with it.
	rebuilt := func(edit func(body []byte) []byte) sandbox.Fault {
		return entries1(func(id string, e object) string {
			old, _ := base64.StdEncoding.DecodeString(e["body"].(string))
			body := edit(old)
			e["body"] = base64.StdEncoding.EncodeToString(body)
			leaf := sha256.Sum256(append([]byte{0}, body...))
			return id[:16] + hex.EncodeToString(leaf[:])
		})
	}
	proof := func(edit func(p object)) sandbox.Fault {
		return change(func(e object) { edit(at(e, "verification", "inclusionProof")) })
	}
	note := func(edit func(string) string) sandbox.Fault {
		return proof(func(p object) { p["checkpoint"] = edit(p["checkpoint"].(string)) })
	}
	hashes := func(edit func(h []any) []any) sandbox.Fault {
		return proof(func(p object) { p["hashes"] = edit(p["hashes"].([]any)) })
	}
	set := func(path string, v any) sandbox.Fault {
		return change(func(e object) {
			in := e
			names := strings.Split(path, ".")
			for _, n := range names[:len(names)-1] {
				in = at(in, n)
			}
			if v == nil {
				delete(in, names[len(names)-1])
				return
			}
			in[names[len(names)-1]] = v
		})
	}
	add := func(name string, n int64) sandbox.Fault {
		return change(func(e object) {
			in := e
			for _, p := range strings.Split(name, ".")[:strings.Count(name, ".")] {
				in = at(in, p)
			}
			last := name[strings.LastIndex(name, ".")+1:]
			v, _ := in[last].(json.Number).Int64()
			in[last] = v + n
		})
	}
	const setPath, proofPath = "verification.signedEntryTimestamp", "verification.inclusionProof"
	otherProof := func() object { return at(other, "verification", "inclusionProof") }
	lies := []lie{
		{name: "E1 promise", fault: change(func(e object) {
			v := at(e, "verification")
			v["signedEntryTimestamp"] = flip(v["signedEntryTimestamp"], 3, 4)
		}), want: refusal{"server", "set"}},
		{name: "E2 time", fault: add("integratedTime", 1), want: refusal{"server", "set"}},
		{name: "E3 index", fault: add("logIndex", 1), want: server},
		{name: "E4 log id of another log", fault: set("logID", foreignLog), want: refusal{"server", "entry is in log"}},
		{name: "E5 log id of nobody", fault: set("logID", strings.Repeat("00", 32)), want: server},
		{name: "E5 no log id", fault: set("logID", ""), want: server},
		{name: "E5 short log id", fault: set("logID", strings.Repeat("00", 31)), want: server},
		{name: "E6 K22 body", fault: change(func(e object) { e["body"] = flip(e["body"], 1, 2) }), want: server},
		{name: "E6 body and id", fault: rebuilt(func(b []byte) []byte { b[len(b)/2] ^= 1; return b }), want: server},
		{name: "E7 body with white space, and id", fault: rebuilt(func(b []byte) []byte { return append(b, '\n') }), want: server},
		{name: "E11 time 0", fault: set("integratedTime", 0), want: refusal{"server", "set"}},
		{name: "E11 negative time", fault: set("integratedTime", -1), want: refusal{"server", "set"}},
		{name: "E11 time far away", fault: set("integratedTime", int64(1)<<62), want: refusal{"server", "set"}},
		{name: "E12 empty promise", fault: set(setPath, ""), want: refusal{"server", "set"}},
		{name: "E12 K23 no promise", fault: set(setPath, nil), want: refusal{"server", "set"}},
		{name: "E14 hash", fault: hashes(func(h []any) []any { h[0] = flip(h[0], 1, 2); return h }), want: refusal{"server", "proof"}},
		{name: "E15 hash less", fault: hashes(func(h []any) []any { return h[1:] }), want: refusal{"server", "proof"}},
		{name: "E15 hash more", fault: hashes(func(h []any) []any { return append(h, h[0]) }), want: refusal{"server", "proof"}},
		{name: "E15 no hashes", fault: hashes(func(h []any) []any { return []any{} }), want: refusal{"server", "proof"}},
		{name: "E16 short hash", fault: hashes(func(h []any) []any { h[0] = h[0].(string)[2:]; return h }), want: refusal{"server", "proof"}},
		{name: "E17 proof of the index after", fault: add(proofPath+".logIndex", 1), want: server},
		{name: "E17 tree size more", fault: add(proofPath+".treeSize", 1), want: refusal{"server", "proof"}},
		{name: "E17 tree size 0", fault: set(proofPath+".treeSize", 0), want: refusal{"server", "proof"}},
		{name: "E17 index behind the tree", fault: proof(func(p object) { p["logIndex"] = p["treeSize"] }), want: refusal{"server", ""}},
		{name: "E18 tree of 2^63-1", fault: proof(func(p object) {
			p["treeSize"] = int64(1<<63 - 1)
			p["hashes"] = slices.Repeat(p["hashes"].([]any)[:1], 63)
		}), want: refusal{"server", "proof"}},
		{name: "E19 root of the proof", fault: proof(func(p object) { p["rootHash"] = flip(p["rootHash"], 1, 2) }), want: refusal{"server", "proof"}},
		{name: "E19 root of the checkpoint, signed", fault: note(f.anew(func(l []string) []string { l[2] = flip(l[2], 1, 2); return l })), want: refusal{"server", "proof"}},
		{name: "E23 promise over other JSON", fault: change(func(e object) {
			m := fmt.Sprintf(`{"integratedTime":%v,"body":%q,"logIndex":%v,"logID":%q}`, e["integratedTime"], e["body"], e["logIndex"], e["logID"])
			at(e, "verification")["signedEntryTimestamp"] = base64.StdEncoding.EncodeToString(f.sign([]byte(m)))
		}), want: refusal{"server", "set"}},
		{name: "E24 K23 proof of another entry", fault: change(func(e object) { at(e, "verification")["inclusionProof"] = otherProof() }), want: server},
		{name: "E25 promise of another entry", fault: set(setPath, at(other, "verification")["signedEntryTimestamp"]), want: refusal{"server", "set"}},
		{name: "K22 entry of somebody else", fault: entries1(func(_ string, e object) string {
			clear(e)
			maps.Copy(e, other)
			return otherID
		}), want: server},
		{name: "K22 entry of somebody else under the id", fault: entries1(func(id string, e object) string {
			clear(e)
			maps.Copy(e, other)
			return id
		}), want: server},
		{name: "K22 id of another entry", fault: entries1(func(string, object) string { return otherID }), want: server},
		{name: "K22 id of another tree", fault: entries1(func(id string, _ object) string { return "0000000000000001" + id[16:] }), want: server, skip: "sign"}, // no bundle holds the id
		{name: "K22 two entries", fault: sandbox.Path("/api/v1/log/entries", editJSON(both(otherID, other))), want: server},
		{name: "K22 none", fault: sandbox.Path("/api/v1/log/entries", sandbox.Rewrite(func(b []byte) []byte {
			if b[0] == '[' {
				return []byte("[]")
			}
			return []byte("{}")
		})), want: server},
		{name: "K23 no proof", fault: set(proofPath, nil), want: refusal{"server", "proof"}},
		{name: "K23 F8 checkpoint of another log", fault: note(func(string) string {
			return "other.example - 1\n1\n" + strings.Repeat("A", 43) + "=\n\n— other.example AAAAAAAA\n"
		}), want: server},
		{name: "F1 signature", fault: note(func(n string) string { return n[:len(n)-12] + "AAAA" + n[len(n)-8:] }), want: refusal{"server", "checkpoint"}},
		{name: "F2 key hint", fault: note(hint), want: refusal{"server", "checkpoint"}},
		{name: "F4 no known signature", fault: note(func(n string) string { return strings.Replace(n, "— ", "— x", 1) }), want: refusal{"server", "checkpoint"}},
		{name: "F5 no origin", fault: note(f.anew(func(l []string) []string { return l[1:] })), want: refusal{"server", ""}},
		{name: "F9 origin of another name, signed", fault: note(f.anew(func(l []string) []string { l[0] = "other" + l[0]; return l })), want: refusal{"server", "checkpoint"}},
		{name: "F11 size with a plus", fault: note(f.anew(func(l []string) []string { l[1] = "+" + l[1]; return l })), want: refusal{"server", "checkpoint"}},
		{name: "F13 other line ends", fault: note(func(n string) string { return strings.ReplaceAll(n, "\n", "\r\n") }), want: refusal{"server", "checkpoint"}},
		{name: "F16 text behind", fault: note(func(n string) string { return n + "more\n" }), want: refusal{"server", "checkpoint"}},
		{name: "F18 bad signature before the good one", fault: note(func(n string) string {
			line := n[strings.Index(n, "— "):]
			return strings.Replace(n, line, line[:len(line)-12]+"AAAA"+line[len(line)-8:]+line, 1)
		}), want: refusal{"server", "checkpoint"}},
		{name: "F36 checkpoint of a later size", fault: note(f.anew(func(l []string) []string { l[1] += "0"; return l })), want: refusal{"server", "proof"}},
	}
	return lies
}

// both puts another entry into every answer.
func both(otherID string, other object) func(doc any) any {
	return func(doc any) any {
		switch d := doc.(type) {
		case []any:
			for i := range d {
				d[i].(object)[otherID] = other
			}
		case object:
			d[otherID] = other
		}
		return doc
	}
}

// hint changes the key id in a signature line.
func hint(note string) string {
	i := strings.LastIndex(note, " ") + 1
	return note[:i] + flip(note[i:], 0, 1)
}

// A log of the first generation lies about an entry to every command.
func TestLog_E_F_K_FirstGenerationLies(t *testing.T) {
	s := newScene(t)
	g := s.first()
	newScene(t).sign(t, g, "another entry")
	b, bundle := s.sign(t, g, "the entry")
	newScene(t).sign(t, g, "one more")
	index := fmt.Sprint(entryOf(b))
	id := lines[shown](t, s.run(t, 0, "log", "get", index, "--log", g.log, "--json").Stdout)[0].ID
	var doc map[string]object
	if err := json.Unmarshal(s.truth(t, g.service, fmt.Sprint("/api/v1/log/entries?logIndex=", entryOf(b)-1)), &doc); err != nil {
		t.Fatal(err)
	}
	otherID := slices.Collect(maps.Keys(doc))[0]
	questions := []question{
		{"get", []string{"log", "get", index, "--log", g.log}},
		{"id", []string{"log", "get", id, "--raw"}},
		{"verify", []string{"log", "verify", bundle}},
		{"find", []string{"log", "find", "--digest", "the-entry", "--log", g.log}},
		{"watch", []string{"log", "watch", "--identity", s.email, "--log", g.log}},
	}
	lies := lies1(s.forger(t, g), otherID, doc[otherID], s.otherLog(t))
	s.asked(t, g, questions, append(lies, troubles()...))
}

// otherLog is the id of the log of the other operator.
func (s *scene) otherLog(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(s.TrustedRoot())
	if err != nil {
		t.Fatal(err)
	}
	root, err := trustroot.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range root.Logs {
		if l.BaseURL == s.URL(sandbox.Rekor1Other) {
			return hex.EncodeToString(l.ID)
		}
	}
	t.Fatal("there is no other log")
	return ""
}

// It lies about an entry that it just took.
func TestSign_E_F_K_FirstGenerationLies(t *testing.T) {
	s := newScene(t)
	g := s.first()
	b, _ := s.sign(t, g, "another entry of mine")
	s.sign(t, g, "one more of mine")
	var doc map[string]object
	if err := json.Unmarshal(s.truth(t, g.service, fmt.Sprint("/api/v1/log/entries?logIndex=", entryOf(b))), &doc); err != nil {
		t.Fatal(err)
	}
	otherID := slices.Collect(maps.Keys(doc))[0]
	conflict := func(location string) sandbox.Fault {
		return func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if location != "" {
					w.Header().Set("Location", location)
				}
				w.WriteHeader(http.StatusConflict)
			})
		}
	}
	lies := lies1(s.forger(t, g), otherID, doc[otherID], s.otherLog(t))
	for name, location := range map[string]string{
		"on another host": "http://127.0.0.2:9/api/v1/log/entries/" + otherID, "with dots": "/api/v1/log/entries/../" + otherID,
		"nowhere": "", "of another entry": "/api/v1/log/entries/" + otherID,
	} {
		lies = append(lies, lie{name: "K24 equal entry " + name, fault: conflict(location), want: refusal{check: "server"}})
	}
	s.signed(t, g, append(lies, lie{name: "K27 page", fault: sandbox.Answer(201, "text/html", []byte("<html></html>")), want: refusal{check: "server"}},
		lie{name: "K27 error in JSON", fault: sandbox.Answer(200, "application/json", []byte(`{"code":500,"message":"error"}`)), want: refusal{check: "server"}}))
}
