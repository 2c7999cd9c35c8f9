package tuf

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// shapeJSON is the part of the metadata format that must hold before the
// library reads it: it takes the last of two equal names, reads names in any
// case, and a null in place of an object makes it stop the program.
type shapeJSON struct {
	Signed struct {
		Type        string                    `json:"_type"`
		Version     int64                     `json:"version"`
		Keys        map[string]jsontext.Value `json:"keys"`
		Roles       map[string]jsontext.Value `json:"roles"`
		Meta        map[string]jsontext.Value `json:"meta"`
		Targets     map[string]jsontext.Value `json:"targets"`
		Delegations struct {
			Keys   map[string]jsontext.Value `json:"keys"`
			Roles  []jsontext.Value          `json:"roles"`
			Others others                    `json:",embed"`
		} `json:"delegations"`
		Others others `json:",embed"`
	} `json:"signed"`
	Signatures []jsontext.Value `json:"signatures"`
	Others     others           `json:",embed"`
}

// others are the members that are not looked at.
type others map[string]jsontext.Value

// looked are the names of members that are looked at.
var looked = []string{"signed", "signatures", "_type", "version", "keys", "roles", "meta", "targets", "delegations"}

// check refuses a name that the library takes for one that was looked at.
func (o others) check(field string) error {
	for _, name := range slices.Sorted(maps.Keys(o)) {
		for _, known := range looked {
			if strings.EqualFold(name, known) {
				return check.Refuse("LM-2", check.Parse, "member is %q, want %q", strictjson.Clip(name), known).At(field)
			}
		}
	}
	return nil
}

// Bounds on the work that one file of metadata can cause.
const (
	maxKeys       = 1024 // keys of a role
	maxSignatures = 256  // signatures of a role
)

// shape refuses data that is not strict JSON of the form of role.
func shape(data []byte, role string) error {
	var s shapeJSON
	if err := strictjson.UnmarshalOpen(data, &s); err != nil {
		return err
	}
	for _, at := range []struct {
		field  string
		others others
	}{{role, s.Others}, {role + ".signed", s.Signed.Others}, {role + ".signed.delegations", s.Signed.Delegations.Others}} {
		if err := at.others.check(at.field); err != nil {
			return err
		}
	}
	if s.Signed.Type != role {
		return check.Refuse("TU-9", check.TUFSig, "is metadata of role %q, want %q", s.Signed.Type, role).At(role + ".signed._type")
	}
	if s.Signed.Version < 1 {
		return check.Refuse("LM-5", check.Parse, "is %d, want at least 1", s.Signed.Version).At(role + ".signed.version")
	}
	if len(s.Signed.Keys) > maxKeys || len(s.Signed.Delegations.Keys) > maxKeys || len(s.Signatures) > maxSignatures {
		return check.Refuse("LM-1", check.TUFLimit, "has more than %d keys or %d signatures", maxKeys, maxSignatures).At(role)
	}
	for _, m := range []struct {
		field  string
		values map[string]jsontext.Value
	}{
		{"keys", s.Signed.Keys},
		{"roles", s.Signed.Roles},
		{"meta", s.Signed.Meta},
		{"targets", s.Signed.Targets},
		{"delegations.keys", s.Signed.Delegations.Keys},
	} {
		for _, name := range slices.Sorted(maps.Keys(m.values)) {
			if kind := m.values[name].Kind(); kind != '{' {
				return check.Refuse("LM-2", check.Parse, "%q is %v, want an object", name, kind).At(role + ".signed." + m.field)
			}
		}
	}
	for i, v := range slices.Concat(s.Signed.Delegations.Roles, s.Signatures) {
		if v.Kind() != '{' {
			return check.Refuse("LM-2", check.Parse, "element %d is %v, want an object", i, v.Kind()).
				At(fmt.Sprintf("%s: signatures or delegations", role))
		}
	}
	return nil
}
