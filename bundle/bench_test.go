package bundle_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hallmarksign/hallmark/bundle"
)

func BenchmarkParse(b *testing.B) {
	for _, name := range []string{"happy-path-v0.1", "happy-path-v0.3", "happy-path-intoto-in-dsse-v3", "rekor2-happy-path"} {
		b.Run(name, func(b *testing.B) {
			data, err := os.ReadFile(filepath.Join(vectors, name, "bundle.sigstore.json"))
			if err != nil {
				b.Skip("no vectors:", err)
			}
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bundle.Parse(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
