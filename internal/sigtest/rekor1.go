package sigtest

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/dsse"
	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// treeID is what entry ids of the first generation begin with.
const treeID = "108e9186e8c5677a"

// rekor1 is what clients need of Rekor's API v1: create an entry, of kind
// hashedrekord or dsse, and get it by id or global index.
func rekor1(l *Log) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/log/entries", l.propose)
	mux.HandleFunc("GET /api/v1/log/entries", func(w http.ResponseWriter, r *http.Request) {
		i, err := strconv.Atoi(r.URL.Query().Get("logIndex"))
		l.get(w, err == nil, i-ShardOffset)
	})
	mux.HandleFunc("GET /api/v1/log/entries/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, err := hex.DecodeString(r.PathValue("id"))
		l.get(w, err == nil, l.find(id[max(0, len(id)-sha256.Size):]))
	})
	return mux
}

// find returns the index of a leaf hash, or -1.
func (l *Log) find(leaf []byte) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, h := range l.tree.leaves {
		if bytes.Equal(h, leaf) {
			return i
		}
	}
	return -1
}

func (l *Log) get(w http.ResponseWriter, ok bool, index int) {
	l.mu.Lock()
	ok = ok && 0 <= index && index < len(l.bodies)
	l.mu.Unlock()
	if !ok {
		writeJSON(w, http.StatusNotFound, object("code", 404, "message", "entry not found"))
		return
	}
	writeJSON(w, http.StatusOK, entry1Document(l.at(index, "", "", l.Edits)))
}

// propose is createLogEntry. An equal entry is a conflict.
func (l *Log) propose(w http.ResponseWriter, r *http.Request) {
	kind, version, body, err := proposal(r)
	if err != nil {
		writeJSON(w, http.StatusBadRequest, object("code", 400, "message", "error processing entry: "+err.Error()))
		return
	}
	id := treeID + hex.EncodeToString(LeafHash(body))
	if l.find(LeafHash(body)) >= 0 {
		w.Header().Set("Location", "/log1/api/v1/log/entries/"+id)
		writeJSON(w, http.StatusConflict, object("code", 409, "message", "an equivalent entry already exists in the transparency log with UUID "+id))
		return
	}
	w.Header().Set("Location", "/log1/api/v1/log/entries/"+id)
	w.Header().Set("ETag", id)
	writeJSON(w, http.StatusCreated, entry1Document(l.Add(kind, version, body, l.Edits)))
}

// proposal reads a proposed entry, verifies its signature, as the log does, and
// returns the body to write. The signature in a rekord, of PGP and others, is not
// verified here; such an entry is written as it is proposed.
func proposal(r *http.Request) (kind, version string, body []byte, err error) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return "", "", nil, err
	}
	var head struct {
		Kind    string `json:"kind"`
		Version string `json:"apiVersion"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return "", "", nil, err
	}
	if head.Kind == "rekord" {
		body, err = strictjson.Canonical(raw)
		return head.Kind, head.Version, body, err
	}
	b, err := known(raw)
	if err != nil {
		return "", "", nil, err
	}
	body, err = WriteBody(b)
	return b.Kind, b.Version, body, err
}

// known reads a proposal of the kinds that are verified.
func known(raw []byte) (*entry.Body, error) {
	var in struct {
		Kind string `json:"kind"`
		Spec struct {
			Proposed struct {
				Envelope  string   `json:"envelope"`
				Verifiers [][]byte `json:"verifiers"`
			} `json:"proposedContent"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, err
	}
	if in.Kind == "dsse" {
		return proposedEnvelope([]byte(in.Spec.Proposed.Envelope), in.Spec.Proposed.Verifiers)
	}
	// What is proposed has the form of what is logged.
	b, err := entry.Parse("hashedrekord", "0.0.1", raw)
	if err != nil {
		return nil, err
	}
	key, err := keyOf(b)
	if err != nil {
		return nil, err
	}
	return b, verify(key, b.Hash, b.Digest, b.Signature)
}

func proposedEnvelope(envelope []byte, verifiers [][]byte) (*entry.Body, error) {
	var in struct {
		Payload     []byte `json:"payload"`
		PayloadType string `json:"payloadType"`
		Signatures  []struct {
			Sig []byte `json:"sig"`
		} `json:"signatures"`
	}
	if err := json.Unmarshal(envelope, &in); err != nil {
		return nil, err
	}
	if len(in.Signatures) != 1 || len(verifiers) != 1 {
		return nil, errors.New("want one signature and one verifier")
	}
	block, _ := pem.Decode(verifiers[0])
	if block == nil {
		return nil, errors.New("verifier is not in PEM")
	}
	b := &entry.Body{Kind: "dsse", Version: "0.0.1", Hash: crypto.SHA256, Digest: sum256(in.Payload), Signature: in.Signatures[0].Sig}
	if b.Certificate = block.Bytes; block.Type == "PUBLIC KEY" {
		b.Certificate, b.PublicKey = nil, block.Bytes
	}
	key, err := keyOf(b)
	if err != nil {
		return nil, err
	}
	return b, verify(key, crypto.SHA256, sum256(dsse.PAE(in.PayloadType, in.Payload)), b.Signature)
}

// entry1Document writes an entry as Rekor v1 answers.
func entry1Document(e bundle.Entry) map[string]any {
	var hashes []string
	for _, h := range e.Proof.Hashes {
		hashes = append(hashes, hex.EncodeToString(h))
	}
	return object(treeID+hex.EncodeToString(LeafHash(e.Body)), object(
		"body", e.Body, "integratedTime", e.IntegratedTime, "logID", hex.EncodeToString(e.LogID), "logIndex", e.LogIndex,
		"verification", object(
			"signedEntryTimestamp", e.Promise,
			"inclusionProof", object(
				"checkpoint", e.Proof.Checkpoint, "hashes", hashes, "logIndex", e.Proof.LogIndex,
				"rootHash", hex.EncodeToString(e.Proof.RootHash), "treeSize", e.Proof.TreeSize))))
}
