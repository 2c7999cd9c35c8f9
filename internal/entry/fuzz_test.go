package entry

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmarksign/hallmark/internal/check"
)

// FuzzParse: what is accepted names the kind that was asked for, has what the
// kind must have, and is rebuilt from what was read: byte for byte for
// hashedrekord 0.0.2, by parsing again for the others (targets 13 to 16).
func FuzzParse(f *testing.F) {
	for kind, body := range map[string]string{
		"hashedrekord 0.0.1": goodRekord1(), "hashedrekord 0.0.2": goodRekord2(),
		"dsse 0.0.1": dsse1(dsseSig()), "intoto 0.0.2": intoto2(intotoSig()),
	} {
		f.Add(kind, []byte(body))
	}
	f.Fuzz(func(t *testing.T, kind string, in []byte) {
		k, v, _ := strings.Cut(kind, " ")
		b, err := Parse(k, v, in)
		if err != nil {
			if c := check.Of(err); c != check.Entry && c != check.Parse && c != check.Limit {
				t.Errorf("check is %q: %v", c, err)
			}
			return
		}
		if len(b.Digest) != b.Hash.Size() || len(b.Signature) == 0 || (len(b.Certificate) == 0) == (len(b.PublicKey) == 0) {
			t.Errorf("accepted %+v", b)
		}
		if kind == "hashedrekord 0.0.2" {
			out, err := HashedRekord2(b)
			if err != nil || !bytes.Equal(out, in) {
				t.Errorf("rebuilt as %s, %v", out, err)
			}
			return
		}
		var doc any
		if err := json.Unmarshal(in, &doc); err != nil {
			t.Fatalf("encoding/json says %v", err)
		}
		out, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(k, v, out)
		if err != nil && check.Of(err) != check.Limit {
			t.Fatalf("not accepted when written by encoding/json: %v", err)
		}
		if diff := cmp.Diff(b, again); err == nil && diff != "" {
			t.Error(diff)
		}
	})
}
