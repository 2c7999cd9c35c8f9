package tlog

import (
	"crypto"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/set"
	"github.com/hallmarksign/hallmark/sign"
)

func TestSG12_Append(t *testing.T) {
	for kind, statement := range map[string]string{"hashedrekord": "", "dsse": `{"_type":"https://in-toto.io/Statement/v1"}`} {
		f := newFake(t, 1)
		r := record(t, statement)
		e, err := f.writer(1, fetch.Config{}).Append(t.Context(), r)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if e.Kind != kind || e.Version != "0.0.1" || e.LogIndex != 101 || e.Proof.LogIndex != 1 || e.IntegratedTime != now.Unix() || e.Promise == nil {
			t.Errorf("got %+v", e)
		}
		got, err := entry.Parse(e.Kind, e.Version, e.Body)
		if err != nil || string(got.Signature) != string(r.Signature) || string(got.Certificate) != string(r.Certificate) {
			t.Errorf("%s: got %+v, %v", kind, got, err)
		}
	}
}

// change edits the one entry of an answer.
func change(edit func(e map[string]any)) func(*fake) {
	return func(f *fake) {
		f.lie = func(a map[string]any) {
			for _, v := range a {
				edit(v.(map[string]any))
			}
		}
	}
}

func TestSG12_LogThatLies(t *testing.T) {
	replace := func(make func(f *fake) map[string]any) func(*fake) {
		return func(f *fake) {
			f.lie = func(a map[string]any) {
				b := make(f)
				clear(a)
				for k, v := range b {
					a[k] = v
				}
			}
		}
	}
	someone := func(f *fake) []byte {
		other := must(propose(record(f.t, "")))
		return canonical1(other)
	}
	for _, tt := range []struct {
		name   string
		change func(f *fake)
		inner  check.Check
	}{
		{"K22 entry of someone else", replace(func(f *fake) map[string]any { return f.entry1(someone(f), nil) }), check.Server},
		{"K22 no entry", replace(func(f *fake) map[string]any { return nil }), check.Server},
		{"K22 two entries", replace(func(f *fake) map[string]any {
			a := f.entry1(canonical1(f.last), nil)
			for k, v := range f.entry1(someone(f), nil) {
				a[k] = v
			}
			return a
		}), check.Server},
		{"K22 two entries, both ours", replace(func(f *fake) map[string]any {
			a := f.entry1(canonical1(f.last), nil)
			for k, v := range a {
				a[k[16:]] = v // the id without the tree
				break
			}
			return a
		}), check.Server},
		{"K22 id not of the leaf", replace(func(f *fake) map[string]any {
			a := map[string]any{}
			for _, v := range f.entry1(canonical1(f.last), nil) {
				a[strings.Repeat("0", 80)] = v
			}
			return a
		}), check.Server},
		{"K22 id longer", replace(func(f *fake) map[string]any {
			a := map[string]any{}
			for k, v := range f.entry1(canonical1(f.last), nil) {
				a["00"+k] = v
			}
			return a
		}), check.Server},
		{"K22 body of another kind", replace(func(f *fake) map[string]any {
			return f.entry1(canonical1(must(propose(record(f.t, "{}")))), nil)
		}), check.Entry},
		{"K23 promise flipped", change(func(e map[string]any) {
			v := field(e, "verification")
			v["signedEntryTimestamp"] = flip(v["signedEntryTimestamp"].([]byte))
		}), check.SET},
		{"K23 promise missing", change(func(e map[string]any) { delete(field(e, "verification"), "signedEntryTimestamp") }), check.SET},
		{"K23 promise of another entry", replace(func(f *fake) map[string]any { return f.entry1(canonical1(f.last), []byte("{}")) }), check.SET},
		{"K23 another time", change(func(e map[string]any) { e["integratedTime"] = now.Unix() + 1 }), check.SET},
		{"K23 another index", change(func(e map[string]any) { e["logIndex"] = 102 }), check.SET},
		{"K23 proof missing", change(func(e map[string]any) { delete(field(e, "verification"), "inclusionProof") }), check.Proof},
		{"K23 proof wrong", change(func(e map[string]any) {
			field(e, "verification", "inclusionProof")["hashes"] = []string{strings.Repeat("0", 64)}
		}), check.Proof},
		{"K23 checkpoint of another log", func(f *fake) {
			f.note = func(s string) string {
				f.name = "other.example.com"
				return strings.Replace(s, f.origin, "other.example.com - 1", 1)
			}
			change(func(e map[string]any) {
				p := field(e, "verification", "inclusionProof")
				p["checkpoint"] = strings.Replace(p["checkpoint"].(string), "\n2\n", "\n2\n", 1)
			})(f)
			other := newFake(f.t, 1)
			f.lie = func(a map[string]any) {
				for _, v := range a {
					body := v.(map[string]any)["body"].([]byte)
					root, _ := tree(body)
					field(v.(map[string]any), "verification", "inclusionProof")["checkpoint"] = other.checkpoint(2, root)
				}
			}
		}, check.Checkpoint},
		{"R1-5 checkpoint missing", change(func(e map[string]any) { delete(field(e, "verification", "inclusionProof"), "checkpoint") }), check.Checkpoint},
		{"R1-5 signed under another name", func(f *fake) { f.name = "other.example.com" }, check.Checkpoint},
		{"R1-5 origin without tree id", func(f *fake) { f.origin = f.name }, check.Checkpoint},
		{"R1-7 index in the shard larger than the global", func(f *fake) {
			f.lie = func(a map[string]any) {
				for _, v := range a {
					e := v.(map[string]any)
					e["logIndex"] = 0
					field(e, "verification")["signedEntryTimestamp"] = f.sign(set.Message(e["body"].([]byte), now.Unix(), 0, f.log.ID))
				}
			}
		}, check.Proof},
		{"R1-1 id of another log", change(func(e map[string]any) { e["logID"] = strings.Repeat("0", 64) }), check.Server},
		{"logID not hexadecimal", change(func(e map[string]any) { e["logID"] = "x" }), check.Parse},
		{"K27 error in JSON with 201", func(f *fake) { f.answer = text(201, "application/json", `{"code":500,"message":"no"}`) }, check.Parse},
		{"K27 HTML with 201", func(f *fake) { f.answer = text(201, "text/html", "<html>") }, check.Server},
		{"K27 206", func(f *fake) { f.answer = text(206, "application/json", "{}") }, check.Server},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t, 1)
			tt.change(f)
			_, err := f.writer(1, fetch.Config{}).Append(t.Context(), record(t, ""))
			refused(t, err, tt.inner)
			if _, public := err.(*sign.SentError); !public {
				t.Errorf("got %T, want one that says that an entry may be public", err)
			}
		})
	}
}

func TestSG12_K24_EqualEntry(t *testing.T) {
	run := func(t *testing.T, location func(f *fake, id string) string) (*fake, error) {
		f := newFake(t, 1)
		f.answer = func(w http.ResponseWriter) {
			f.stored = f.entry(path1)
			id, _, _ := strings.Cut(strings.TrimPrefix(string(f.stored), `{"`), `"`)
			if l := location(f, id); l != "" {
				w.Header().Set("Location", l)
			}
			text(409, "application/json", `{"code":409,"message":"an equivalent entry already exists"}`)(w)
		}
		_, err := f.writer(1, fetch.Config{}).Append(t.Context(), record(t, ""))
		return f, err
	}
	for name, location := range map[string]func(f *fake, id string) string{
		"path":        func(f *fake, id string) string { return path1 + "/" + id },
		"same origin": func(f *fake, id string) string { return f.server.URL + path1 + "/" + id },
		"short id":    func(f *fake, id string) string { return path1 + "/" + id[16:] },
	} {
		t.Run(name, func(t *testing.T) {
			f, err := run(t, location)
			if err != nil || f.gets != 1 {
				t.Errorf("got %v after %d GETs, want success after 1", err, f.gets)
			}
		})
	}
	for name, location := range map[string]func(f *fake, id string) string{
		"K24 absent":     func(f *fake, id string) string { return "" },
		"K24 not a URL":  func(f *fake, id string) string { return "%zz" },
		"K24 other host": func(f *fake, id string) string { return "https://evil.example.com" + path1 + "/" + id },
		"K24 other port": func(f *fake, id string) string { return "http://127.0.0.1:1" + path1 + "/" + id },
		"K24 other scheme": func(f *fake, id string) string {
			return "https" + strings.TrimPrefix(f.server.URL, "http") + path1 + "/" + id
		},
		"K24 no scheme":  func(f *fake, id string) string { return "//evil.example.com" + path1 + "/" + id },
		"K24 dots":       func(f *fake, id string) string { return path1 + "/../" + id },
		"K24 dots after": func(f *fake, id string) string { return path1 + "/" + id + "/.." },
		"K24 other path": func(f *fake, id string) string { return "/api/v1/index/" + id },
		"K24 user": func(f *fake, id string) string {
			return strings.Replace(f.server.URL, "//", "//u@", 1) + path1 + "/" + id
		},
		"K24 id upper case": func(f *fake, id string) string { return path1 + "/" + strings.ToUpper(id[16:]) + "A" },
		"K24 id short":      func(f *fake, id string) string { return path1 + "/" + id[:10] },
	} {
		t.Run(name, func(t *testing.T) {
			f, err := run(t, location)
			refused(t, err, check.Server)
			if f.gets != 0 {
				t.Errorf("got %d GETs, want none", f.gets)
			}
		})
	}
	t.Run("K24 equal entry is another", func(t *testing.T) {
		f := newFake(t, 1)
		f.answer = func(w http.ResponseWriter) {
			mine := f.last
			f.last = must(propose(record(t, "")))
			f.stored = f.entry(path1)
			f.last = mine
			id, _, _ := strings.Cut(strings.TrimPrefix(string(f.stored), `{"`), `"`)
			w.Header().Set("Location", fmt.Sprintf("%s/%s", path1, id))
			w.WriteHeader(409)
		}
		_, err := f.writer(1, fetch.Config{}).Append(t.Context(), record(t, ""))
		refused(t, err, check.Server)
		if f.gets != 1 {
			t.Errorf("got %d GETs, want 1", f.gets)
		}
	})
}

func TestSG3_HashOfARecord(t *testing.T) {
	f := newFake(t, 1)
	r := record(t, "")
	r.Hash = crypto.SHA384
	if _, err := f.writer(1, fetch.Config{}).Append(t.Context(), r); check.Of(err) != check.Alg || f.posts != 0 {
		t.Errorf("got %v after %d requests, want check alg after none", err, f.posts)
	}
}
