package hashname

import (
	"crypto"
	"testing"
)

func TestNames(t *testing.T) {
	for name, h := range map[string]crypto.Hash{"SHA2_256": crypto.SHA256, "SHA2_384": crypto.SHA384, "SHA2_512": crypto.SHA512} {
		if OfProto(name) != h || ProtoName(h) != name {
			t.Errorf("%s is %v, %v is %q", name, OfProto(name), h, ProtoName(h))
		}
	}
	for _, name := range []string{"", "SHA3_256", "sha2_256", "SHA256", "HASH_ALGORITHM_UNSPECIFIED"} {
		if h := OfProto(name); h != 0 {
			t.Errorf("%q is %v, want none", name, h)
		}
	}
	if name := ProtoName(crypto.SHA1); name != "" {
		t.Errorf("SHA-1 is %q, want none", name)
	}
}

func TestPlainNames(t *testing.T) {
	for name, h := range map[string]crypto.Hash{"sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512} {
		if Of(name) != h || Name(h) != name {
			t.Errorf("%s is %v, %v is %q", name, Of(name), h, Name(h))
		}
	}
	for _, name := range []string{"", "sha1", "SHA256", "SHA2_256"} {
		if h := Of(name); h != 0 {
			t.Errorf("%q is %v, want none", name, h)
		}
	}
	if name := Name(crypto.SHA1); name != "" {
		t.Errorf("SHA-1 is %q, want none", name)
	}
}
