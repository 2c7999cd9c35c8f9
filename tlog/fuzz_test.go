package tlog

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
)

// What is accepted, written again and read again is the same.

func FuzzParse2(f *testing.F) {
	f.Add([]byte(`{"logIndex":"1","logId":{"keyId":"AA=="},"kindVersion":{"kind":"hashedrekord","version":"0.0.2"},"integratedTime":"0",` +
		`"inclusionPromise":null,"inclusionProof":{"logIndex":"1","rootHash":"AA==","treeSize":"2","hashes":["AA=="],"checkpoint":{"envelope":"x"}},"canonicalizedBody":"e30="}`))
	f.Add([]byte(`{"inclusionPromise":{"signedEntryTimestamp":""}}`))
	f.Add([]byte(`{"logIndex":"9223372036854775808"}`))
	write := func(e bundle.Entry) []byte {
		doc := map[string]any{
			"logIndex": strconv.FormatInt(e.LogIndex, 10), "integratedTime": strconv.FormatInt(e.IntegratedTime, 10),
			"logId": map[string]any{"keyId": e.LogID}, "kindVersion": map[string]any{"kind": e.Kind, "version": e.Version},
			"canonicalizedBody": e.Body,
		}
		if e.Promise != nil {
			doc["inclusionPromise"] = map[string]any{"signedEntryTimestamp": e.Promise}
		}
		if p := e.Proof; p != nil {
			doc["inclusionProof"] = map[string]any{
				"logIndex": strconv.FormatInt(p.LogIndex, 10), "treeSize": strconv.FormatInt(p.TreeSize, 10),
				"rootHash": p.RootHash, "hashes": p.Hashes, "checkpoint": map[string]any{"envelope": p.Checkpoint},
			}
		}
		out, _ := json.Marshal(doc)
		return out
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		e, err := parse2(answer)
		if err != nil {
			if check.Of(err) != check.Server {
				t.Errorf("got %v, want check server", err)
			}
			return
		}
		again, err := parse2(write(e))
		if diff := cmp.Diff(e, again, cmpopts.EquateEmpty()); err != nil || diff != "" || (e.Promise == nil) != (again.Promise == nil) {
			t.Errorf("%v\n%s", err, diff)
		}
	})
}

func FuzzParse1(f *testing.F) {
	f.Add([]byte(`{"00":{"body":"e30=","integratedTime":1,"logID":"00","logIndex":2,"verification":{"signedEntryTimestamp":"AA==",` +
		`"inclusionProof":{"checkpoint":"x","hashes":["00"],"logIndex":1,"rootHash":"00","treeSize":2}}}}`))
	f.Add([]byte(`{"a":{},"b":{}}`))
	f.Add([]byte(`{"a":{"logIndex":1e3}}`))
	write := func(id string, e bundle.Entry) []byte {
		v := map[string]any{"signedEntryTimestamp": e.Promise}
		if p := e.Proof; p != nil {
			hashes := []string{}
			for _, h := range p.Hashes {
				hashes = append(hashes, hex.EncodeToString(h))
			}
			v["inclusionProof"] = map[string]any{
				"checkpoint": p.Checkpoint, "hashes": hashes, "logIndex": p.LogIndex, "rootHash": hex.EncodeToString(p.RootHash), "treeSize": p.TreeSize,
			}
		}
		out, _ := json.Marshal(map[string]any{id: map[string]any{
			"body": e.Body, "integratedTime": e.IntegratedTime, "logID": hex.EncodeToString(e.LogID), "logIndex": e.LogIndex, "verification": v,
		}})
		return out
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		a, err := parse1(answer)
		if err != nil {
			if check.Of(err) != check.Server {
				t.Errorf("got %v, want check server", err)
			}
			return
		}
		again, err := parse1(write(a.ID, a.Entry))
		if diff := cmp.Diff(a, again, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	})
}
