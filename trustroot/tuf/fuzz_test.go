package tuf

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/hallmarksign/hallmark/internal/check"
)

// FuzzMetadata gives bytes to each step of the client. Whatever is accepted must
// say what the holders of the keys signed; nothing may stop the program.
func FuzzMetadata(f *testing.F) {
	r := newRepo(&testing.T{})
	pinned, err := pin(r.roots[1])
	if err != nil {
		f.Fatal(err)
	}
	originals := map[string][]byte{
		metadata.ROOT:      canonical(f, r.root.Signed),
		metadata.TIMESTAMP: canonical(f, r.timestamp.Signed),
		metadata.SNAPSHOT:  canonical(f, r.snapshot.Signed),
		metadata.TARGETS:   canonical(f, r.targets.Signed),
	}
	for _, path := range []string{"/1.root.json", "/timestamp.json", "/1.snapshot.json", "/1.targets.json"} {
		f.Add(r.files[path])
	}
	f.Add([]byte(publicRoot))
	f.Add([]byte(`{"signed":{"_type":"targets","version":1,"targets":{"a":null}},"signatures":[]}`))
	f.Add([]byte(`{"signed":{"_type":"targets","version":1,"targetS":{"a":null}},"signatures":[]}`))
	f.Add([]byte(`{"signed":{"_type":"root","version":1,"keys":{"a":{"keytype":"ed25519","keyval":{"public":""}}},"roles":{"root":{"keyids":["a"],"threshold":1}}},"signatures":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = pin(data) // may be anybody's
		tr := &trusted{ref: day, pinned: 1, root: pinned}
		if err := tr.nextRoot(data); err == nil || check.Of(err) == check.Internal {
			t.Fatalf("a successor of the root that nobody signed, or %v", err)
		}
		if tr.newTimestamp(data, nil) == nil {
			same(t, tr.timestamp.Signed, originals[metadata.TIMESTAMP])
		}
		tr.timestamp = r.timestamp
		if tr.newSnapshot(data, r.snapshot) == nil {
			same(t, tr.snapshot.Signed, originals[metadata.SNAPSHOT])
		}
		tr.snapshot = r.snapshot
		if tr.newTargets(data) == nil {
			same(t, tr.targets.Signed, originals[metadata.TARGETS])
		}
	})
}

func canonical(t testing.TB, v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func same(t *testing.T, v any, want []byte) {
	if got := canonical(t, v); !bytes.Equal(got, want) {
		t.Fatalf("accepted %s, signed was %s", got, want)
	}
}
