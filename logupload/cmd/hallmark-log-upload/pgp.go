package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/sigstore/rekor/pkg/pki/pgp"
	"github.com/sigstore/rekor/pkg/types/helm"
)

func entities(key []byte) (openpgp.EntityList, error) {
	k, err := pgp.NewPublicKey(bytes.NewReader(key))
	if err != nil {
		return nil, err
	}
	return k.Entities()
}

// publicPGP refuses secret keys, which rekor's packages read as public ones.
func publicPGP(key []byte) error {
	list, err := entities(key)
	if err != nil {
		return err
	}
	for _, e := range list {
		if e.PrivateKey != nil {
			return errSecret
		}
		for _, sub := range e.Subkeys {
			if sub.PrivateKey != nil {
				return errSecret
			}
		}
	}
	return nil
}

const maxOrders = 5040 // forms of one entry: those of seven names

// orders returns every body that the log may write instead of this one. Rekor
// writes the names of an OpenPGP key in an order that is another one each time, so
// that an entry with several names has several forms.
func orders(body, key []byte) ([][]byte, error) {
	list, err := entities(key)
	if err != nil {
		return nil, err
	}
	keys := [][]byte{nil}
	for _, e := range list {
		forms, err := entityOrders(e, maxOrders/len(keys))
		if err != nil {
			return nil, err
		}
		var longer [][]byte
		for _, k := range keys {
			for _, f := range forms {
				longer = append(longer, slices.Concat(k, f))
			}
		}
		keys = longer
	}
	texts := make([][]byte, len(keys))
	var mine []byte // as it is in body
	for i, k := range keys {
		if texts[i], err = armored(k); err != nil {
			return nil, err
		}
		if bytes.Count(body, texts[i]) == 1 {
			mine = texts[i]
		}
	}
	if mine == nil {
		return nil, errors.New("the key is written in a form that is not understood")
	}
	for i, text := range texts {
		texts[i] = bytes.Replace(body, mine, text, 1)
	}
	return texts, nil
}

// entityOrders returns one key with its names in every order.
func entityOrders(e *openpgp.Entity, most int) ([][]byte, error) {
	bare := openpgp.Entity{PrimaryKey: e.PrimaryKey, Revocations: e.Revocations, Signatures: e.Signatures}
	head, err := serialised(bare)
	if err != nil {
		return nil, err
	}
	withSubkeys := bare
	withSubkeys.Subkeys = e.Subkeys
	tail, err := serialised(withSubkeys)
	if err != nil {
		return nil, err
	}
	tail = tail[len(head):]
	var names [][]byte
	for _, name := range slices.Sorted(maps.Keys(e.Identities)) {
		one := bare
		one.Identities = map[string]*openpgp.Identity{name: e.Identities[name]}
		text, err := serialised(one)
		if err != nil {
			return nil, err
		}
		names = append(names, text[len(head):])
	}
	total := 1
	for i := range names {
		if total *= i + 1; total > most {
			return nil, fmt.Errorf("the key has too many names (%d in key %X): the log writes them in any order, so that its entry could not be told from another; export it with one name", len(names), e.PrimaryKey.KeyId)
		}
	}
	var out [][]byte
	permute(names, 0, func(order [][]byte) {
		out = append(out, slices.Concat(head, bytes.Join(order, nil), tail))
	})
	return out, nil
}

func serialised(e openpgp.Entity) ([]byte, error) {
	var b bytes.Buffer
	err := e.Serialize(&b)
	return b.Bytes(), err
}

// permute calls f with every order of list, which it changes on the way.
func permute(list [][]byte, from int, f func([][]byte)) {
	if from >= len(list)-1 {
		f(list)
		return
	}
	for i := from; i < len(list); i++ {
		list[from], list[i] = list[i], list[from]
		permute(list, from+1, f)
		list[from], list[i] = list[i], list[from]
	}
}

// armored returns a key as it is in the body of an entry.
func armored(key []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := armor.Encode(&b, openpgp.PublicKeyType, nil)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(key); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return base64.StdEncoding.AppendEncode(nil, b.Bytes()), nil
}

// oneChart refuses a provenance file with several charts, of which rekor's package
// would take any.
func oneChart(provenance []byte) error {
	var p helm.Provenance
	if err := p.Unmarshal(bytes.NewReader(provenance)); err != nil {
		return err
	}
	if p.SumCollection == nil || len(p.SumCollection.Files) != 1 {
		return errors.New("want the provenance of one chart")
	}
	return nil
}
