package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/logupload/samples"
)

// store writes the files of a sample and returns the command line for it.
func store(t *testing.T, s samples.Sample) []string {
	t.Helper()
	dir := t.TempDir()
	args := []string{"--type", s.Type}
	for _, part := range []struct {
		flag string
		data []byte
	}{{"signature", s.Signature}, {"key", s.Key}, {"file", s.File}} {
		path := filepath.Join(dir, part.flag)
		if part.data == nil {
			continue
		}
		if err := os.WriteFile(path, part.data, 0o600); err != nil {
			t.Fatal(err)
		}
		if part.flag != "file" {
			args = append(args, "--"+part.flag, path)
		} else {
			args = append(args, "--", path)
		}
	}
	return args
}

// attempt runs the program; the answer is nil if it refuses, with the reason.
func attempt(t *testing.T, args ...string) (*answer, string) {
	t.Helper()
	var out, errs bytes.Buffer
	if status := run(t.Context(), args, &out, &errs); status != 0 {
		if out.Len() > 0 {
			t.Errorf("refuses and prints %q", out.String())
		}
		reason := errs.String()
		if len(reason) < 2 || strings.Count(reason, "\n") != 1 {
			t.Errorf("reason is %q, want one line", reason)
		}
		return nil, reason
	}
	var a answer
	d := json.NewDecoder(&out)
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		t.Fatal(err)
	}
	return &a, ""
}

// The log writes one of the bodies that were announced, whatever way it takes.
func TestEntries(t *testing.T) {
	all, err := samples.All()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, s := range all {
		seen[s.Type] = true
		t.Run(strings.TrimSpace(s.Type+" "+s.Name), func(t *testing.T) {
			a, reason := attempt(t, store(t, s)...)
			if a == nil {
				t.Fatal(reason)
			}
			if a.Schema != 1 || a.Kind != s.Kind || a.Version != "0.0.1" || len(a.Bodies) != s.Forms {
				t.Errorf("got schema %d, %s %s with %d bodies, want %s with %d", a.Schema, a.Kind, a.Version, len(a.Bodies), s.Kind, s.Forms)
			}
			if want := fmt.Sprintf("sha256:%x", sha256.Sum256(s.File)); a.File != want {
				t.Errorf("file is %q, want %q", a.File, want)
			}
			wrote := map[string]bool{}
			for range 20 * s.Forms {
				_, body, err := written(t.Context(), a.Proposed)
				if err != nil {
					t.Fatal(err)
				}
				sum := sha256.Sum256(body)
				wrote[hex.EncodeToString(sum[:])] = true
				if !slices.Contains(a.Bodies, hex.EncodeToString(sum[:])) {
					t.Fatalf("the log may write %s, which is not announced", body)
				}
			}
			if len(wrote) < min(s.Forms, 2) {
				t.Errorf("the log wrote %d forms, want several of %d", len(wrote), s.Forms)
			}
		})
	}
	if len(seen) != len(forms()) {
		t.Errorf("samples of %d types, want %d", len(seen), len(forms()))
	}
}

// One changed byte of the file, the signature or the key, and another's key: no entry.
func TestRefusesWhatDoesNotVerify(t *testing.T) {
	all, err := samples.All()
	if err != nil {
		t.Fatal(err)
	}
	others, err := samples.All()
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range all {
		name := strings.TrimSpace(s.Type + " " + s.Name)
		changed := s
		changed.File = flip(s)
		refuses(t, name+" file", changed)
		if s.Signature != nil {
			changed = s
			changed.Signature = others[i].Signature
			refuses(t, name+" signature", changed)
		}
		if s.Key != nil {
			changed = s
			changed.Key = others[i].Key
			refuses(t, name+" key", changed)
		}
	}
}

func refuses(t *testing.T, name string, s samples.Sample) {
	t.Helper()
	if a, _ := attempt(t, store(t, s)...); a != nil {
		t.Errorf("%s: makes an entry", name)
	}
}

// flip changes the file of a sample where it is signed.
func flip(s samples.Sample) []byte {
	at := len(s.File) - 8
	switch s.Type {
	case "helm":
		at = bytes.Index(s.File, []byte("sha256:")) + 9
	case "cose": // the signature is at the end, the content before it
		at = len(s.File) - 80
	case "jar":
		at = bytes.Index(s.File, []byte("app/App.class")) + 40
	case "tuf":
		at = bytes.Index(s.File, []byte(`"version"`)) + 10
	case "rfc3161":
		at = len(s.File) - 20
	}
	out := bytes.Clone(s.File)
	out[at] ^= 1
	return out
}

// A secret is never part of an entry: the log would publish it.
func TestRefusesSecrets(t *testing.T) {
	e, err := samples.Entity("Alice <alice@example.com>")
	if err != nil {
		t.Fatal(err)
	}
	e.Subkeys = nil // else rekor's packages see it themselves
	var binary bytes.Buffer
	if err := e.SerializePrivate(&binary, nil); err != nil {
		t.Fatal(err)
	}
	good, err := samples.PGP("", true, "Alice <alice@example.com>")
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string][]byte{
		"binary OpenPGP": binary.Bytes(),
		"armored":        []byte("-----BEGIN PGP PRIVATE KEY BLOCK-----\n"),
		"SSH":            []byte("-----BEGIN OPENSSH PRIVATE KEY-----\n"),
		"minisign":       []byte("untrusted comment: minisign encrypted secret key\n"),
		"beside":         append(bytes.Clone(good.Key), "\n-----BEGIN PRIVATE KEY-----\n"...),
	} {
		s := good
		s.Key = key
		if a, reason := attempt(t, store(t, s)...); a != nil || !strings.Contains(reason, "holds a private key") {
			t.Errorf("%s: got %v, %q", name, a, reason)
		}
	}
}

// What would make the entry ambiguous is refused.
func TestRefusesAmbiguity(t *testing.T) {
	e, err := samples.Entity("a", "b", "c", "d", "e", "f", "g", "h")
	if err != nil {
		t.Fatal(err)
	}
	s, err := samples.Helm()
	if err != nil {
		t.Fatal(err)
	}
	if s.Key, err = samples.PublicKey(e, true); err != nil {
		t.Fatal(err)
	}
	if s.File, err = samples.Provenance(e, "a-1.tgz"); err != nil {
		t.Fatal(err)
	}
	if a, reason := attempt(t, store(t, s)...); a != nil || !strings.Contains(reason, "too many names (8 in key") {
		t.Errorf("eight names: got %v, %q", a, reason)
	}
	if s.File, err = samples.Provenance(e, "a-1.tgz", "b-1.tgz"); err != nil {
		t.Fatal(err)
	}
	if a, reason := attempt(t, store(t, s)...); a != nil || !strings.Contains(reason, "want the provenance of one chart") {
		t.Errorf("two charts: got %v, %q", a, reason)
	}
}

// Several keys in one file, each with names in any order.
func TestSeveralKeys(t *testing.T) {
	var key bytes.Buffer
	for _, names := range [][]string{{"Bob <bob@example.com>", "Bob <bob@example.org>"}, {"Eve", "Eva", "Evi"}} {
		e, err := samples.Entity(names...)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Serialize(&key); err != nil {
			t.Fatal(err)
		}
	}
	s, err := samples.PGP("", false, "Alice <alice@example.com>")
	if err != nil {
		t.Fatal(err)
	}
	s.Key = append(s.Key, key.Bytes()...)
	a, reason := attempt(t, store(t, s)...)
	if a == nil {
		t.Fatal(reason)
	}
	if len(a.Bodies) != 12 {
		t.Errorf("%d bodies, want 12", len(a.Bodies))
	}
	if got := strings.Join(a.Subjects, " "); got != "alice@example.com bob@example.com bob@example.org" {
		t.Errorf("subjects are %q", got)
	}
	for range 100 {
		_, body, err := written(t.Context(), a.Proposed)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(body); !slices.Contains(a.Bodies, hex.EncodeToString(sum[:])) {
			t.Fatal("the log may write a body that is not announced")
		}
	}
}

func TestArguments(t *testing.T) {
	dir := t.TempDir()
	file, empty := filepath.Join(dir, "file"), filepath.Join(dir, "empty")
	large := filepath.Join(dir, "large")
	for path, size := range map[string]int64{file: 5, empty: 0, large: maxFile + 1} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ args, want string }{
		{"--type jar", "want one file, got 0"},
		{"--type jar " + file + " " + file, "want one file, got 2"},
		{"--type zip " + file, `type is "zip", want one of alpine`},
		{"--wrong " + file, "usage: hallmark-log-upload"},
		{"--type jar --key " + file + " " + file, "type jar has no --key"},
		{"--type rpm " + file, "type rpm needs --key"},
		{"--type pgp --key " + file + " " + file, "type pgp needs --signature"},
		{"--type rpm --key " + file + " --signature " + file + " " + file, "type rpm has no --signature"},
		{"--type jar " + empty, "is empty"},
		{"--type jar " + large, "is larger than 33554432 bytes"},
		{"--type jar " + file + "x", "no such file"},
		{"--type jar http://127.0.0.1:1/x", "no such file"},
		{"--type jar " + file, "zip"},
	} {
		if a, reason := attempt(t, strings.Fields(tt.args)...); a != nil || !strings.Contains(reason, tt.want) {
			t.Errorf("%s: got %v, %q, want %q in it", tt.args, a, reason, tt.want)
		}
	}
}
