package tlog

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/sign"
)

func TestSG11_Append(t *testing.T) {
	for _, statement := range []string{"", `{"_type":"https://in-toto.io/Statement/v1"}`} {
		f := newFake(t, 2)
		r := record(t, statement)
		e, err := f.writer(2, fetch.Config{}).Append(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind != "hashedrekord" || e.Version != "0.0.2" || e.LogIndex != 1 || e.Proof.TreeSize != 2 || e.Promise != nil {
			t.Errorf("got %+v", e)
		}
		got, err := entry.Parse(e.Kind, e.Version, e.Body)
		if err != nil {
			t.Fatal(err)
		}
		want := &entry.Body{
			Kind: "hashedrekord", Version: "0.0.2", Hash: r.Hash, Digest: r.Digest, Signature: r.Signature,
			Certificate: r.Certificate, KeyDetails: "PKIX_ECDSA_P256_SHA_256",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("entry differs (-want +got):\n%s", diff)
		}
	}
}

func TestSG10_SG11_Request(t *testing.T) {
	f := newFake(t, 2)
	r := record(t, "")
	if _, err := f.writer(2, fetch.Config{}).Append(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	b64 := base64.StdEncoding.EncodeToString
	want := `{"hashedRekordRequestV002":{"digest":"` + b64(r.Digest) + `","signature":{"content":"` + b64(r.Signature) +
		`","verifier":{"x509Certificate":{"rawBytes":"` + b64(r.Certificate) + `"},"keyDetails":"PKIX_ECDSA_P256_SHA_256"}}}}`
	if string(f.last) != want {
		t.Errorf("got  %s\nwant %s", f.last, want)
	}
}

func TestSG11_K25_LogThatLies(t *testing.T) {
	other := record(t, "")
	for _, tt := range []struct {
		name   string
		change func(f *fake)
		inner  check.Check // of the reason inside
	}{
		{"K25 body of another entry, proved", func(f *fake) {
			f.lie = func(a map[string]any) {
				clear(a)
				for k, v := range f.entry2([]byte(strings.Replace(string(canonical2(f.last)), "SHA2_256", "SHA2_512", 1))) {
					a[k] = v
				}
			}
		}, check.Server},
		{"K25 body missing", func(f *fake) { f.lie = func(a map[string]any) { delete(a, "canonicalizedBody") } }, check.Server},
		{"K25 index beyond the size", func(f *fake) {
			f.lie = func(a map[string]any) { a["logIndex"] = "2"; field(a, "inclusionProof")["logIndex"] = "2" }
		}, check.Proof},
		{"K25 proof of another index", func(f *fake) { f.lie = func(a map[string]any) { field(a, "inclusionProof")["logIndex"] = "0" } }, check.Proof},
		{"K25 proof of another entry", func(f *fake) {
			f.lie = func(a map[string]any) { field(a, "inclusionProof")["hashes"] = [][]byte{make([]byte, 32)} }
		}, check.Proof},
		{"K25 proof missing", func(f *fake) { f.lie = func(a map[string]any) { delete(a, "inclusionProof") } }, check.Proof},
		{"R2-6 size differs from the checkpoint", func(f *fake) {
			// Size 4 would need two hashes.
			f.lie = func(a map[string]any) { field(a, "inclusionProof")["treeSize"] = "4" }
		}, check.Proof},
		{"R2-6 checkpoint of a later size", func(f *fake) { f.note = func(s string) string { return strings.Replace(s, "\n2\n", "\n3\n", 1) } }, check.Proof},
		{"R2-6 checkpoint of another root", func(f *fake) {
			f.note = func(s string) string {
				return f.origin + "\n2\n" + base64.StdEncoding.EncodeToString(make([]byte, 32)) + "\n"
			}
		}, check.Proof},
		{"R2-7 origin of another log", func(f *fake) { f.origin = "other.example.com" }, check.Checkpoint},
		{"R2-7 signed under another name", func(f *fake) { f.name = "other.example.com" }, check.Checkpoint},
		{"R2-7 key of another log", func(f *fake) { f.key = newFake(f.t, 2).key }, check.Checkpoint},
		{"R2-7 checkpoint missing", func(f *fake) { f.lie = func(a map[string]any) { field(a, "inclusionProof")["checkpoint"] = nil } }, check.Checkpoint},
		{"R1-1 id of another log", func(f *fake) { f.lie = func(a map[string]any) { field(a, "logId")["keyId"] = make([]byte, 32) } }, check.Server},
		{"R2-1 kind dsse", func(f *fake) { f.lie = func(a map[string]any) { field(a, "kindVersion")["kind"] = "dsse" } }, check.Server},
		{"R2-1 version 0.0.3", func(f *fake) { f.lie = func(a map[string]any) { field(a, "kindVersion")["version"] = "0.0.3" } }, check.Server},
		{"R2-5 time set", func(f *fake) { f.lie = func(a map[string]any) { a["integratedTime"] = "1700000000" } }, check.Server},
		{"R2-5 promise set", func(f *fake) {
			f.lie = func(a map[string]any) {
				a["inclusionPromise"] = map[string]any{"signedEntryTimestamp": other.Signature}
			}
		}, check.Server},
		{"R2-5 promise empty", func(f *fake) { f.lie = func(a map[string]any) { a["inclusionPromise"] = map[string]any{} } }, check.Server},
		{"LM-5 index a number", func(f *fake) { f.lie = func(a map[string]any) { a["logIndex"] = 1 } }, check.Parse},
		{"LM-5 index negative", func(f *fake) {
			f.lie = func(a map[string]any) { a["logIndex"] = "-1"; field(a, "inclusionProof")["logIndex"] = "-1" }
		}, check.Proof},
		{"LM-4 64 hashes", func(f *fake) {
			f.lie = func(a map[string]any) {
				field(a, "inclusionProof")["hashes"] = slices.Repeat([][]byte{make([]byte, 32)}, 64)
			}
		}, check.Limit},
		{"K27 error in JSON with 200", func(f *fake) { f.answer = text(200, "application/json", `{"code":3,"message":"no"}`) }, check.Server},
		{"K27 HTML with 201", func(f *fake) { f.answer = text(201, "text/html", "<html>") }, check.Server},
		{"K27 206", func(f *fake) { f.answer = text(206, "application/json", "{}") }, check.Server},
		{"K27 304", func(f *fake) { f.answer = text(304, "application/json", "") }, check.Server},
		{"K27 400", func(f *fake) { f.answer = text(400, "application/json", `{"message":"invalid"}`) }, check.Server},
		{"K27 409", func(f *fake) { f.answer = text(409, "application/json", `{"message":"exists"}`) }, check.Server},
		{"K27 empty", func(f *fake) { f.answer = text(201, "application/json", "") }, check.Parse},
		{"K27 array", func(f *fake) { f.answer = text(201, "application/json", "[]") }, check.Parse},
		{"K27 two values", func(f *fake) { f.answer = text(201, "application/json", "{}{}") }, check.Parse},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t, 2)
			tt.change(f)
			_, err := f.writer(2, fetch.Config{}).Append(t.Context(), record(t, ""))
			refused(t, err, tt.inner)
			said := tt.name == "K27 304" || tt.name == "K27 400" // that it took nothing
			if _, public := err.(*sign.SentError); public == said {
				t.Errorf("got %T, an entry may be public: %v", err, !said)
			}
		})
	}
}

// refused checks that err blames the server, for a reason.
func refused(t *testing.T, err error, inner check.Check) {
	t.Helper()
	if check.Of(err) != check.Server {
		t.Fatalf("got %v, want check server", err)
	}
	if inner == check.Server {
		return
	}
	e, _ := errors.AsType[*check.Error](err)
	if check.Of(e.Err) != inner {
		t.Errorf("got reason %v, want check %s", e.Err, inner)
	}
}

func TestLM4_K18_AnswerTooLong(t *testing.T) {
	f := newFake(t, 2)
	f.answer = text(201, "application/json", strings.Repeat(" ", maxAnswer+1))
	_, err := f.writer(2, fetch.Config{}).Append(t.Context(), record(t, ""))
	if check.Of(err) != check.Limit {
		t.Errorf("got %v, want check limit", err)
	}
}

func TestSG11_K26_SlowLog(t *testing.T) {
	slow := func(f *fake, d time.Duration) {
		f.answer = func(w http.ResponseWriter) {
			time.Sleep(d)
			w.WriteHeader(201)
			w.Write(f.entry("/api/v2/log/entries"))
		}
	}
	t.Run("K26 answers before the limit", func(t *testing.T) {
		f := newFake(t, 2)
		slow(f, 190*time.Millisecond) // a hundredth of 19 s
		if _, err := f.writer(2, fetch.Config{Timeout: Timeout / 10}).Append(t.Context(), record(t, "")); err != nil {
			t.Error(err)
		}
	})
	t.Run("K26 never answers", func(t *testing.T) {
		f := newFake(t, 2)
		slow(f, 300*time.Millisecond)
		_, err := f.writer(2, fetch.Config{Timeout: 50 * time.Millisecond}).Append(t.Context(), record(t, ""))
		if check.Of(err) != check.Net {
			t.Errorf("got %v, want check net", err)
		}
	})
	t.Run("Q31 cancelled", func(t *testing.T) {
		f := newFake(t, 2)
		slow(f, 600*time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		begin := time.Now()
		_, err := f.writer(2, fetch.Config{}).Append(ctx, record(t, ""))
		if d := time.Since(begin); d > 500*time.Millisecond || check.Of(err) != check.Net {
			t.Errorf("got %v after %v, want check net at once", err, d)
		}
	})
}

func TestSG11_K35_Retries(t *testing.T) {
	f := newFake(t, 2)
	var n atomic.Int32
	f.answer = func(w http.ResponseWriter) {
		if n.Add(1) == 1 {
			w.WriteHeader(503)
			return
		}
		w.WriteHeader(201)
		w.Write(f.entry("/api/v2/log/entries"))
	}
	if _, err := f.writer(2, fetch.Config{Retries: 1}).Append(t.Context(), record(t, "")); err != nil {
		t.Error(err)
	}
	if n.Load() != 2 {
		t.Errorf("got %d requests, want 2", n.Load())
	}
}

func TestSG11_RecordThatCannotBeLogged(t *testing.T) {
	f := newFake(t, 2)
	r := record(t, "")
	r.Certificate = []byte("x")
	if _, err := f.writer(2, fetch.Config{}).Append(t.Context(), r); check.Of(err) != check.Internal {
		t.Errorf("got %v, want check internal", err)
	}
	r = record(t, "")
	r.Digest = r.Digest[:31]
	if _, err := f.writer(2, fetch.Config{}).Append(t.Context(), r); check.Of(err) != check.Entry {
		t.Errorf("got %v, want check entry", err)
	}
	if f.posts != 0 {
		t.Errorf("got %d requests, want none", f.posts)
	}
}
