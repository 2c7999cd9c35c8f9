package tlog

import (
	"encoding/hex"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// An entry1 is LogEntryAnon of Rekor's API v1.
type entry1 struct {
	Body           strictjson.Bytes `json:"body"`
	IntegratedTime int64            `json:"integratedTime"`
	LogID          hexBytes         `json:"logID"`
	LogIndex       int64            `json:"logIndex"`
	Verification   struct {
		SET   strictjson.Bytes `json:"signedEntryTimestamp"`
		Proof *struct {
			Checkpoint string     `json:"checkpoint"`
			Hashes     []hexBytes `json:"hashes"`
			LogIndex   int64      `json:"logIndex"`
			RootHash   hexBytes   `json:"rootHash"`
			TreeSize   int64      `json:"treeSize"`
		} `json:"inclusionProof"`
	} `json:"verification"`
}

// parse1 reads an answer of Rekor v1: a map from an id to exactly one entry
// (SG-12). The kind of the entry is left open.
func parse1(answer []byte) (Answer, error) {
	var all map[string]entry1
	if err := strictjson.UnmarshalOpen(answer, &all); err != nil {
		return Answer{}, lied(err)
	}
	if len(all) != 1 {
		return Answer{}, check.Refuse("SG-12", check.Server, "answer has %d entries, want 1", len(all))
	}
	var out Answer
	for k, a := range all {
		out.ID = k
		e := &out.Entry
		*e = bundle.Entry{
			LogIndex: a.LogIndex, LogID: a.LogID, IntegratedTime: a.IntegratedTime, Body: a.Body, Promise: a.Verification.SET,
		}
		if p := a.Verification.Proof; p != nil {
			e.Proof = &bundle.InclusionProof{
				LogIndex: p.LogIndex, TreeSize: p.TreeSize, RootHash: p.RootHash, Checkpoint: p.Checkpoint,
			}
			for _, h := range p.Hashes {
				e.Proof.Hashes = append(e.Proof.Hashes, h)
			}
		}
	}
	return out, nil
}

// hexBytes is binary data in hexadecimal.
type hexBytes []byte

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *hexBytes) UnmarshalText(text []byte) error {
	out, err := hex.DecodeString(string(text))
	if err != nil {
		return err
	}
	*b = out
	return nil
}
