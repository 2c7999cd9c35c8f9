package samples

import (
	"encoding/json"
	"time"

	"github.com/theupdateframework/go-tuf/data"
	"github.com/theupdateframework/go-tuf/pkg/keys"
	"github.com/theupdateframework/go-tuf/sign"
)

// TUF is the timestamp metadata of a repository; its key is the root metadata.
func TUF() (Sample, error) {
	s := Sample{Type: "tuf", Kind: "tuf", Forms: 1}
	key, err := keys.GenerateEd25519Key()
	if err != nil {
		return s, err
	}
	root := data.NewRoot()
	root.Version = 1
	root.Expires = time.Now().Add(24 * time.Hour).UTC().Truncate(time.Second)
	root.AddKey(key.PublicData())
	for _, role := range []string{"root", "targets", "snapshot", "timestamp"} {
		root.Roles[role] = &data.Role{KeyIDs: key.PublicData().IDs(), Threshold: 1}
	}
	signedRoot, err := sign.Marshal(root, key)
	if err != nil {
		return s, err
	}
	timestamp := data.NewTimestamp()
	timestamp.Version = 1
	timestamp.Expires = root.Expires
	signed, err := sign.Marshal(timestamp, key)
	if err != nil {
		return s, err
	}
	if s.Key, err = json.Marshal(signedRoot); err != nil {
		return s, err
	}
	s.File, err = json.Marshal(signed)
	return s, err
}
