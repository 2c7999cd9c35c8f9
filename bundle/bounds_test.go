package bundle_test

import (
	"crypto"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
)

// Bounds of TestLM3_LM4_Limits: maxAttestationBody.
// Bounds of TestDetached: maxDetached.
// Bounds of TestLM4_Identifiers: maxText.
// Bounds of TestHashes_OfManySubjects: maxSubjects, maxDigests.
// Bounds of TestIsDocument: maxFirstLine.

// A counter counts what is read of something without an end.
type counter struct {
	r io.Reader
	n int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

func TestLM1_SizeOfLines(t *testing.T) {
	line := strings.Repeat(" ", 1<<20-1) + "\n"
	full := strings.Repeat(line, bundle.MaxLinesSize>>20)
	for _, c := range []struct {
		name  string
		after io.Reader
		lines int
		want  error
	}{
		{"at the bound", strings.NewReader(""), 64, bundle.ErrBlank},
		{"one byte more", strings.NewReader("x"), 65, nil},
		{"endless", &endless{b: ' '}, 65, nil},
		{"line breaks without end", &endless{b: '\n'}, 65, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &counter{r: io.MultiReader(strings.NewReader(full), c.after)}
			var last error
			n := 0
			for _, last = range bundle.ParseLines(r) {
				n++
			}
			if want := map[bool]check.Check{true: check.Parse, false: check.Limit}[c.want != nil]; n != c.lines || check.Of(last) != want {
				t.Errorf("%d lines and %v, want %d and check %s", n, last, c.lines, want)
			}
			if r.n > bundle.MaxLinesSize+64<<10 {
				t.Errorf("read %d bytes", r.n)
			}
		})
	}
}

func TestLM1_NumberOfLines(t *testing.T) {
	for extra, want := range map[int]check.Check{0: check.Parse, 1: check.Limit, 1000: check.Limit} {
		n, last := 0, error(nil)
		for _, last = range bundle.ParseLines(strings.NewReader(strings.Repeat("\n", bundle.MaxLines+extra))) {
			n++
		}
		if check.Of(last) != want || n != bundle.MaxLines+min(extra, 1) {
			t.Errorf("%d lines more: %d answers, the last is %v, want check %s", extra, n, last, want)
		}
	}
}

func TestLM4_Identifiers(t *testing.T) {
	for n, want := range map[int]check.Check{4096: check.Version, 4097: check.Limit} {
		_, err := bundle.Parse([]byte(`{"mediaType":"` + strings.Repeat("x", n) + `"}`))
		if check.Of(err) != want {
			t.Errorf("media type of %d bytes: got %v, want check %s", n, err, want)
		}
	}
}

// What is beyond the bounds of a statement is refused by verify, and adds nothing here.
func TestHashes_OfManySubjects(t *testing.T) {
	subjects := func(n int) string {
		return `{"subject":[` + strings.Repeat(`{"digest":{"sha256":""}},`, n-1) + `{"digest":{"sha512":""}}]}`
	}
	digests := func(n int) string {
		var all []string
		for i := range n - 1 {
			all = append(all, fmt.Sprintf(`"%d":""`, i))
		}
		return `{"subject":[{"digest":{` + strings.Join(append(all, `"sha512":""`), ",") + `}}]}`
	}
	for _, c := range []struct {
		text string
		want bool
	}{{subjects(1024), true}, {subjects(1025), false}, {digests(32), true}, {digests(33), false}} {
		b := &bundle.Bundle{Envelope: &bundle.Envelope{Payload: []byte(c.text)}}
		if got := slices.Contains(b.Hashes(), crypto.SHA512); got != c.want {
			t.Errorf("%.60s: found %v, want %v", c.text, got, c.want)
		}
	}
}

func TestIsDocument(t *testing.T) {
	long := func(n int) string { return `{"a":"` + strings.Repeat("x", n-6-1) + "\"\n}" }
	for _, c := range []struct {
		text string
		want bool
	}{
		{"{\n}", true}, {"\n{\n\"a\": [1,\n2]}\n\n", true}, {"[\r\n]", true}, {"{\"a\":1,\"a\":\n2}", true},
		{"", false}, {"{}", false}, {"{}\n", false}, {"\n\n{}", false}, {"{}\n{}", false}, {"{\n}\n{}", false}, {"{\n}x", false}, {"{\n", false},
		{"x\n", false}, {"{\"a\n\":1}", false}, {"\n", false},
		{long(64 << 10), true}, {long(200 << 10), false},
	} {
		if got := bundle.IsDocument(strings.NewReader(c.text)); got != c.want {
			t.Errorf("%.40q, %d bytes: got %v, want %v", c.text, len(c.text), got, c.want)
		}
	}
	// It reads no further than it must.
	r := &counter{r: io.MultiReader(strings.NewReader("{}\n"), &endless{b: '\n'})}
	if bundle.IsDocument(&counter{r: io.LimitReader(&endless{b: '7'}, 1<<30)}) || bundle.IsDocument(r) || r.n > 64<<10 {
		t.Errorf("read %d bytes", r.n)
	}
	for _, text := range []string{"{\n\"a\":\"", "[\n\"a\",\""} {
		r := &counter{r: io.MultiReader(strings.NewReader(text), io.LimitReader(&endless{b: 'x'}, 4*bundle.MaxSize))}
		if !bundle.IsDocument(r) || r.n > 2*bundle.MaxSize {
			t.Errorf("%q and a long string: read %d bytes, or took it for lines", text, r.n)
		}
	}
}

// FuzzLines: every line gets one answer, the same as alone.
func FuzzLines(f *testing.F) {
	f.Add([]byte(good03 + "\n\n{}\r\n" + goodDSSE))
	f.Add([]byte("{\n}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
		n := 0
		for b, err := range bundle.ParseLines(strings.NewReader(string(data))) {
			if err != nil {
				checkRefusal(t, err)
			}
			alone, reason := bundle.Parse([]byte(strings.TrimSuffix(lines[n], "\r")))
			if (err == nil) != (reason == nil) || (b == nil) != (alone == nil) {
				t.Fatalf("line %d: %v, alone %v", n+1, err, reason)
			}
			n++
		}
		if want := len(lines); n != want && len(data) > 0 {
			t.Fatalf("%d answers for %d lines", n, want)
		}
		bundle.IsDocument(strings.NewReader(string(data)))
	})
}
