package protohash

import (
	"crypto"
	"testing"
)

func TestNames(t *testing.T) {
	for name, h := range map[string]crypto.Hash{"SHA2_256": crypto.SHA256, "SHA2_384": crypto.SHA384, "SHA2_512": crypto.SHA512} {
		if Of(name) != h || Name(h) != name {
			t.Errorf("%s is %v, %v is %q", name, Of(name), h, Name(h))
		}
	}
	for _, name := range []string{"", "SHA3_256", "sha2_256", "SHA256", "HASH_ALGORITHM_UNSPECIFIED"} {
		if h := Of(name); h != 0 {
			t.Errorf("%q is %v, want none", name, h)
		}
	}
	if name := Name(crypto.SHA1); name != "" {
		t.Errorf("SHA-1 is %q, want none", name)
	}
}
