package bundle_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
)

// repeat returns n copies of s with commas between them.
func repeat(s string, n int) string { return strings.TrimSuffix(strings.Repeat(s+",", n), ",") }

func text(n int) string { return `"` + b64(make([]byte, n)) + `"` }

// TestLM3_LM4_Limits has for every limit the largest value that is read and the
// smallest that is not.
func TestLM3_LM4_Limits(t *testing.T) {
	stampList := material + ".timestampVerificationData.rfc3161Timestamps"
	stamp := `{"signedTimestamp":"AAAA"}`
	attestation := edit(t, good03, entry0+".kindVersion.kind", `"intoto"`)
	cases := []struct {
		name, good, path string
		value            func(n int) string
		limit            int
		field            string // "" means path
	}{
		{"LM-3 entries", good03, material + ".tlogEntries", func(n int) string { return "[" + repeat(entryOf(proof), n) + "]" }, bundle.MaxEntries, ""},
		{"LM-3 timestamps", good03, stampList, func(n int) string { return "[" + repeat(stamp, n) + "]" }, bundle.MaxTimestamps, ""},
		{"LM-4 chain", good02, chain, func(n int) string { return "[" + repeat(leaf, n) + "]" }, bundle.MaxChain, ""},
		{"LM-4 proof", good03, entry0 + ".inclusionProof.hashes", func(n int) string { return "[" + repeat(`"`+hash32+`"`, n) + "]" }, bundle.MaxProof, ""},
		{"LM-4 checkpoint", good03, entry0 + ".inclusionProof.checkpoint.envelope", func(n int) string { return `"` + strings.Repeat("x", n) + `"` }, bundle.MaxCheckpoint, ""},
		{"LM-4 certificate", good03, material + ".certificate.rawBytes", text, bundle.MaxCert, ""},
		{"LM-4 certificate in chain", good02, chain + "[0].rawBytes", text, bundle.MaxCert, ""},
		{"LM-4 timestamp", good03, stampList + "[0].signedTimestamp", text, bundle.MaxTimestamp, ""},
		{"LM-4 body", good03, entry0 + ".canonicalizedBody", text, bundle.MaxBody, ""},
		{"LM-4 attestation body", attestation, entry0 + ".canonicalizedBody", text, 100 << 10, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, err := bundle.Parse([]byte(edit(t, c.good, c.path, c.value(c.limit)))); err != nil {
				t.Errorf("%d: %v", c.limit, err)
			}
			_, err := bundle.Parse([]byte(edit(t, c.good, c.path, c.value(c.limit+1))))
			wantRefusal(t, err, check.Limit, c.path)
		})
	}
}

// fill returns s with the one @ in it replaced by pieces up to bulk bytes.
func fill(s, piece string) []byte {
	before, after, _ := strings.Cut(s, "@")
	n := (bulk - len(s)) / len(piece)
	return []byte(before + strings.Repeat(piece, n) + after)
}

// TestQ_HugeBundlesAreRefusedFast gives each kind of bulk, 16 MiB of it.
func TestQ_HugeBundlesAreRefusedFast(t *testing.T) {
	cases := []struct {
		name  string
		in    []byte
		check check.Check
	}{
		{"Q1 spaces", fill("@", " "), check.Parse},
		{"Q1 digits", fill("@", "7"), check.Parse},
		{"Q1 string", fill(`"@"`, "x"), check.Parse},
		{"Q2 arrays", fill("@", "["), check.Limit},
		{"Q2 objects", fill("@", `{"a":`), check.Limit},
		{"Q2 arrays in a field", fill(`{"mediaType":@`, "["), check.Limit},
		{"Q3 number", fill(`{"mediaType":@}`, "7"), check.Parse},
		{"Q3 number for an integer", fill(swap(t, good03, `"5"`, "@"), "7"), check.Parse},
		{"Q3 integer of many digits", fill(swap(t, good03, `"5"`, `"@"`), "7"), check.Parse},
		{"Q4 members", fill(`{@"a":0}`, `"b":0,`), check.Limit},
		{"Q4 long name", fill(`{"@":0}`, "x"), check.Limit},
		{"Q5 escapes in media type", fill(`{"mediaType":"@"}`, `\u0000`), check.Limit},
		{"Q5 escapes in a name", fill(`{"@":0}`, `\u0000`), check.Limit},
		{"Q5 escapes in base64", fill(edit(t, good03, "messageSignature.signature", `"@"`), `\u0000`), check.Parse},
		{"Q6 entries", fill(edit(t, good03, material+".tlogEntries", `["@"]`), "x"), check.Parse},
		{"Q6 empty objects", fill(strings.Replace(good03, entryOf(promise, proof), "@{}", 1), "{},"), check.Limit},
		{"Q6 good entries", fill(strings.Replace(good03, `"tlogEntries":[`, `"tlogEntries":[@`, 1), entryOf(proof)+","), check.Limit},
		{"Q7 hashes", fill(strings.Replace(good03, `"hashes":[`, `"hashes":[@`, 1), `"`+hash32+`",`), check.Limit},
		{"Q8 checkpoint line", fill(strings.Replace(good03, `"envelope":"`, `"envelope":"@`, 1), "x"), check.Limit},
		{"Q8 signature lines", fill(strings.Replace(good03, `AAAAAA==\n`, `AAAAAA==\n@`, 1), `— log AAAAAA==\n`), check.Limit},
		{"Q9 body", fill(edit(t, good03, entry0+".canonicalizedBody", `"@"`), "AAAA"), check.Limit},
		{"Q10 certificates", fill(strings.Replace(good02, `"certificates":[`, `"certificates":[@`, 1), leaf+","), check.Limit},
		{"Q10 large certificate", fill(edit(t, good03, material+".certificate.rawBytes", `"@"`), "AAAA"), check.Limit},
		{"LM-3 timestamps", fill(strings.Replace(good03, `"rfc3161Timestamps":[`, `"rfc3161Timestamps":[@`, 1), `{"signedTimestamp":"AAAA"},`), check.Limit},
		{"LM-3 DSSE signatures", fill(strings.Replace(goodDSSE, `"signatures":[`, `"signatures":[@`, 1), `{"sig":"AAAA"},`), check.Limit},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if len(c.in) > bulk || len(c.in) < bulk-4096 {
				t.Fatalf("input is %d bytes", len(c.in))
			}
			var took, budget time.Duration
			var used uint64
			for range 10 { // the machine may be busy
				var err error
				took, used, err = measure(c.in)
				wantRefusal(t, err, c.check, "*")
				budget = slower * max(50*time.Millisecond, 8*walk(c.in))
				if strings.HasPrefix(c.name, "Q5") {
					budget *= 4 // no element can be refused before all of its escapes are read
				}
				if took <= budget {
					break
				}
			}
			t.Logf("%v, %d KiB", took, used>>10)
			if took > budget {
				t.Errorf("took %v, want at most %v", took, budget)
			}
			if used > 64<<20 {
				t.Errorf("allocated %d bytes, want at most 64 MiB", used)
			}
		})
	}
}

// walk says how long it takes just now to look at each byte once: about 6 ms for
// 16 MiB on an idle machine.
func walk(in []byte) time.Duration {
	start := time.Now()
	var sum byte
	for _, c := range in {
		sum ^= c
	}
	runtime.KeepAlive(sum)
	return time.Since(start)
}

// measure parses and says how long it took and how many bytes were allocated.
func measure(in []byte) (took time.Duration, used uint64, err error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	_, err = bundle.Parse(in)
	took = time.Since(start)
	runtime.ReadMemStats(&after)
	return took, after.TotalAlloc - before.TotalAlloc, err
}

// TestLM2_BigEnvelopeParses: size alone is no fault.
func TestLM2_BigEnvelopeParses(t *testing.T) {
	in := fill(edit(t, goodDSSE, "dsseEnvelope.payload", `"@"`), "AAAA")
	b, err := bundle.Parse(in)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(b.Envelope.Payload); n < bulk*2/3 {
		t.Errorf("payload is %d bytes", n)
	}
}

// endless gives b for ever and counts what was taken.
type endless struct {
	b    byte
	read int
}

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e.b
	}
	e.read += len(p)
	return len(p), nil
}

func TestLM1_Q1_A43_ReadStopsAtTheLimit(t *testing.T) {
	for _, c := range []byte{' ', '7', 0} {
		r := &endless{b: c}
		_, err := bundle.Read(r)
		wantRefusal(t, err, check.Limit, "")
		if r.read > bundle.MaxSize+1 {
			t.Errorf("read %d bytes, want at most %d", r.read, bundle.MaxSize+1)
		}
	}
	whole := good03 + strings.Repeat(" ", bundle.MaxSize-len(good03))
	if _, err := bundle.Read(strings.NewReader(whole)); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	_, err := bundle.Parse([]byte(whole + " "))
	wantRefusal(t, err, check.Limit, "")
}

func TestA43_ReadErrorsAreOfTheFileSystem(t *testing.T) {
	_, err := bundle.Read(io.MultiReader(strings.NewReader(good03), failing{os.ErrPermission}))
	wantRefusal(t, err, check.FS, "")
	if !errors.Is(err, os.ErrPermission) {
		t.Errorf("got %v, want the reader's error inside", err)
	}
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	_, err = bundle.Read(dir)
	wantRefusal(t, err, check.FS, "")
	// A reader that knows better, such as a bounded download, keeps its check.
	_, err = bundle.Read(failing{check.Refuse("LM-1", check.Net, "slow")})
	wantRefusal(t, err, check.Net, "")
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestBP12_A42_Lines(t *testing.T) {
	in := good03 + "\n" + "{}\n" + good01 + "\r\n" + "\n" + goodDSSE // no line break at the end
	var got []string
	for b, err := range bundle.ParseLines(strings.NewReader(in)) {
		switch {
		case err != nil && b == nil:
			got = append(got, string(check.Of(err)))
		case b.Envelope != nil:
			got = append(got, "envelope")
		default:
			got = append(got, "message")
		}
	}
	if s := strings.Join(got, " "); s != "message version message parse envelope" {
		t.Errorf("got %q", s)
	}
	for range bundle.ParseLines(strings.NewReader("")) {
		t.Error("a line in nothing")
	}
	for range bundle.ParseLines(strings.NewReader(in)) {
		break // must not run on
	}
}

func TestLM1_LinesAreBounded(t *testing.T) {
	full := good03 + strings.Repeat(" ", bundle.MaxSize-len(good03))
	for _, c := range []struct {
		name string
		in   io.Reader
		want string
	}{
		{"at the limit", strings.NewReader(full + "\n" + good03), "ok ok"},
		{"one more", strings.NewReader(full + " \n" + good03), "limit ok"},
		{"endless", io.MultiReader(strings.NewReader(good03+"\n"), &endless{b: ' '}), "ok limit"},
		{"reader fails", io.MultiReader(strings.NewReader(good03+"\n"), failing{io.ErrUnexpectedEOF}), "ok fs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, err := range bundle.ParseLines(c.in) {
				name := "ok"
				if err != nil {
					name = string(check.Of(err))
				}
				got = append(got, name)
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("got %q, want %q", s, c.want)
			}
		})
	}
}

func TestQ28_LinesAreStreamed(t *testing.T) {
	const lines = 20000
	line := []byte(good03 + "\n")
	r, w := io.Pipe()
	go func() {
		for range lines {
			if _, err := w.Write(line); err != nil {
				return
			}
		}
		w.Close()
	}()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n := 0
	for _, err := range bundle.ParseLines(r) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if n != lines {
		t.Errorf("got %d lines, want %d", n, lines)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("heap grew by %d bytes", grown)
	}
}

func TestParseSharesNoMemory(t *testing.T) {
	data := []byte(goodDSSE)
	b, err := bundle.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	first, err := b.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	clear(data)
	second, err := b.Marshal()
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("bundle changed with its input: %v", err)
	}
}

func TestParseAllocatesLittle(t *testing.T) {
	data, ok := readVectors(t)["happy-path-v0.3"]
	if !ok {
		t.Fatal("no vector happy-path-v0.3")
	}
	n := testing.AllocsPerRun(100, func() {
		if _, err := bundle.Parse(data); err != nil {
			t.Fatal(err)
		}
	})
	if n > 60+slack {
		t.Errorf("%v allocations, want at most %d", n, 60+slack)
	}
}
