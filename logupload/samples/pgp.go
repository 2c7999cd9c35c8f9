package samples

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/google/rpmpack"
)

// config makes keys that every reader of packages knows.
func config() *packet.Config {
	return &packet.Config{Algorithm: packet.PubKeyAlgoRSA, RSABits: 2048}
}

// Entity makes an OpenPGP key with a subkey and names such as "Alice <alice@example.com>".
func Entity(names ...string) (*openpgp.Entity, error) {
	name, address := split(names[0])
	e, err := openpgp.NewEntity(name, "", address, config())
	if err != nil {
		return nil, err
	}
	for _, name := range names[1:] {
		name, address := split(name)
		if err := e.AddUserId(name, "", address, config()); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func split(name string) (person, address string) {
	person, address, _ = strings.Cut(strings.TrimSuffix(name, ">"), " <")
	return person, address
}

// PublicKey writes the public half of a key.
func PublicKey(e *openpgp.Entity, armored bool) ([]byte, error) {
	var b bytes.Buffer
	if !armored {
		err := e.Serialize(&b)
		return b.Bytes(), err
	}
	w, err := armor.Encode(&b, openpgp.PublicKeyType, nil)
	if err != nil {
		return nil, err
	}
	if err := e.Serialize(w); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}

// PGP is a detached signature.
func PGP(name string, armored bool, names ...string) (Sample, error) {
	s := Sample{Type: "pgp", Name: name, Kind: "rekord", Forms: 1, File: content()}
	for i := range names {
		s.Forms *= i + 1
	}
	e, err := Entity(names...)
	if err != nil {
		return s, err
	}
	sign := openpgp.DetachSign
	if armored {
		sign = openpgp.ArmoredDetachSign
	}
	var b bytes.Buffer
	if err := sign(&b, e, bytes.NewReader(s.File), nil); err != nil {
		return s, err
	}
	s.Signature = b.Bytes()
	s.Key, err = PublicKey(e, armored)
	return s, err
}

// Helm is the provenance file of a chart.
func Helm() (Sample, error) {
	s := Sample{Type: "helm", Kind: "helm", Forms: 1}
	e, err := Entity("Charts <charts@example.com>")
	if err != nil {
		return s, err
	}
	if s.File, err = Provenance(e, "app-1.0.tgz"); err != nil {
		return s, err
	}
	s.Key, err = PublicKey(e, true)
	return s, err
}

// Provenance states the hashes of charts, as helm package --sign does for one.
func Provenance(e *openpgp.Entity, charts ...string) ([]byte, error) {
	var b bytes.Buffer
	w, err := clearsign.Encode(&b, e.PrivateKey, config())
	if err != nil {
		return nil, err
	}
	fmt.Fprint(w, "apiVersion: v2\nname: app\nversion: \"1.0\"\n\n...\nfiles:\n")
	for _, chart := range charts {
		fmt.Fprintf(w, "  %s: sha256:%x\n", chart, sha256.Sum256(content()))
	}
	err = w.Close()
	return b.Bytes(), err
}

// RPM is a signed package.
func RPM() (Sample, error) {
	s := Sample{Type: "rpm", Kind: "rpm", Forms: 1}
	e, err := Entity("Packages <packages@example.com>")
	if err != nil {
		return s, err
	}
	r, err := rpmpack.NewRPM(rpmpack.RPMMetaData{Name: "app", Version: "1", Release: "2", Arch: "x86_64"})
	if err != nil {
		return s, err
	}
	r.SetPGPSigner(func(data []byte) ([]byte, error) {
		var b bytes.Buffer
		err := openpgp.DetachSign(&b, e, bytes.NewReader(data), config())
		return b.Bytes(), err
	})
	r.AddFile(rpmpack.RPMFile{Name: "/usr/share/app", Body: content(), Owner: "root", Group: "root"})
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		return s, err
	}
	s.File = b.Bytes()
	s.Key, err = PublicKey(e, true)
	return s, err
}
