package sandbox

import (
	"fmt"
	"os"
	"slices"

	prototrust "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// Logs says which transparency logs a signing configuration offers, and how
// many of them a signer must use.
type Logs struct {
	Versions []uint32 // generations of Rekor: 1, 2; none: all
	Selector string   // ANY, ALL or EXACT; "": ANY
	Count    uint32   // of EXACT
}

// SigningConfigFor is the signing configuration with the logs of one
// generation of Rekor only. The file SigningConfig has both, so that signers
// take Rekor v2.
func (s *Sandbox) SigningConfigFor(version uint32) ([]byte, error) {
	return s.SigningConfigOf(Logs{Versions: []uint32{version}})
}

// SigningConfigOf is the signing configuration with the logs that l says.
func (s *Sandbox) SigningConfigOf(l Logs) ([]byte, error) {
	data, err := os.ReadFile(s.SigningConfig())
	if err != nil {
		return nil, err
	}
	var c prototrust.SigningConfig
	if err := protojson.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("%s: %w", s.SigningConfig(), err)
	}
	if len(l.Versions) > 0 {
		c.RekorTlogUrls = slices.DeleteFunc(c.RekorTlogUrls, func(u *prototrust.Service) bool {
			return !slices.Contains(l.Versions, u.MajorApiVersion)
		})
	}
	if l.Selector != "" {
		n, ok := prototrust.ServiceSelector_value[l.Selector]
		if !ok {
			return nil, fmt.Errorf("there is no selector %q", l.Selector)
		}
		c.RekorTlogConfig = &prototrust.ServiceConfiguration{Selector: prototrust.ServiceSelector(n), Count: l.Count}
	}
	return protojson.MarshalOptions{Multiline: true}.Marshal(&c)
}
