package tlog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strconv"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/logproof"
	"github.com/hallmarksign/hallmark/internal/service"
	"github.com/hallmarksign/hallmark/internal/strictjson"
	"github.com/hallmarksign/hallmark/sign"
	"github.com/hallmarksign/hallmark/trustroot"
)

// A v2 writes to a log of the second generation (rekor-tiles), SG-11.
type v2 struct {
	doer fetch.Doer
	logs []trustroot.Log
}

// Append records r as hashedrekord 0.0.2, envelopes too.
func (l *v2) Append(ctx context.Context, r sign.Record) (bundle.Entry, error) {
	receipt, err := l.Upload(ctx, r)
	var exists *ExistsError
	if errors.As(err, &exists) {
		return bundle.Entry{}, exists.Err
	}
	return receipt.Entry, err
}

// Upload implements Writer. That the log had an equal entry before is an
// *ExistsError: its answer does not hold that entry.
func (l *v2) Upload(ctx context.Context, r sign.Record) (Receipt, error) {
	details, err := detailsOf(r)
	if err != nil {
		return Receipt{}, err
	}
	want, err := entry.HashedRekord2(&entry.Body{
		Hash: r.Hash, Digest: r.Digest, Signature: r.Signature, Certificate: r.Certificate, PublicKey: r.PublicKey, KeyDetails: details,
	})
	if err != nil {
		return Receipt{}, err
	}
	body, err := json.Marshal(request2(r, details))
	if err != nil {
		return Receipt{}, check.Refuse("SG-11", check.Internal, "%v", err)
	}
	res, err := service.Ask(ctx, l.doer, fetch.Request{
		Method:      "POST",
		Path:        "/api/v2/log/entries",
		Body:        body,
		ContentType: "application/json",
		Accept:      "application/json",
		MaxBody:     maxAnswer,
	}, 200, 201, http.StatusConflict)
	if err != nil {
		return Receipt{}, err
	}
	if res.Status == http.StatusConflict {
		return Receipt{}, exists2(res, want)
	}
	e, err := l.check(res.Body, want)
	return Receipt{Entry: e}, err
}

// An ExistsError says that a log of the second generation claims to have an equal
// entry. Nothing is proved yet.
type ExistsError struct {
	Index int64  // where it claims to have it
	Body  []byte // what that entry must be
	Err   *check.Error
}

func (e *ExistsError) Error() string { return e.Err.Error() }
func (e *ExistsError) Unwrap() error { return e.Err }

var existsAt = regexp.MustCompile(`already exists in the transparency log with index (0|[1-9][0-9]*)\b`)

// exists2 reads the answer to a conflict, which has the index in its text only.
func exists2(res *fetch.Response, want []byte) error {
	refused := check.Refuse("SG-11", check.Server, "want status [200 201], got 409: %s", fetch.Excerpt(res.Body))
	found := existsAt.FindSubmatch(res.Body)
	if found == nil {
		return refused
	}
	index, err := strconv.ParseInt(string(found[1]), 10, 64)
	if err != nil {
		return refused
	}
	return &ExistsError{Index: index, Body: want, Err: refused}
}

// check returns the entry of an answer if it is the wanted one and in the log.
func (l *v2) check(answer, want []byte) (bundle.Entry, error) {
	e, err := parse2(answer)
	if err != nil {
		return bundle.Entry{}, err
	}
	if !logproof.Second(&e) {
		return bundle.Entry{}, check.Refuse("R2-1", check.Server, "entry is %q %q, want hashedrekord 0.0.2", e.Kind, e.Version)
	}
	if e.IntegratedTime != 0 || e.Promise != nil {
		return bundle.Entry{}, check.Refuse("R2-5", check.Server, "entry has a time or a promise, which this kind of log does not give")
	}
	if !bytes.Equal(e.Body, want) {
		return bundle.Entry{}, check.Refuse("R2-3", check.Server, "entry is not the one that was sent")
	}
	log, err := byID(l.logs, &e)
	if err != nil {
		return bundle.Entry{}, err
	}
	if _, err := logproof.Included(&e, log); err != nil {
		return bundle.Entry{}, lied(err)
	}
	return e, nil
}

// A createEntry is CreateEntryRequest of Rekor's API v2.
type createEntry struct {
	Request struct {
		Digest    []byte     `json:"digest"`
		Signature signature2 `json:"signature"`
	} `json:"hashedRekordRequestV002"`
}

type signature2 struct {
	Content  []byte `json:"content"`
	Verifier struct {
		Certificate *raw2  `json:"x509Certificate,omitempty"`
		PublicKey   *raw2  `json:"publicKey,omitempty"`
		KeyDetails  string `json:"keyDetails"`
	} `json:"verifier"`
}

type raw2 struct {
	RawBytes []byte `json:"rawBytes"`
}

// request2 holds the leaf alone, never a chain (SG-10).
func request2(r sign.Record, keyDetails string) createEntry {
	var c createEntry
	c.Request.Digest = r.Digest
	c.Request.Signature.Content = r.Signature
	if r.Certificate != nil {
		c.Request.Signature.Verifier.Certificate = &raw2{r.Certificate}
	} else {
		c.Request.Signature.Verifier.PublicKey = &raw2{r.PublicKey}
	}
	c.Request.Signature.Verifier.KeyDetails = keyDetails
	return c
}

// parse2 reads a TransparencyLogEntry in proto3 JSON. What is too long or too
// much is refused by what verifies it.
func parse2(answer []byte) (bundle.Entry, error) {
	var a struct {
		LogIndex strictjson.Int64 `json:"logIndex"`
		LogID    struct {
			KeyID strictjson.Bytes `json:"keyId"`
		} `json:"logId"`
		KindVersion struct {
			Kind    string `json:"kind"`
			Version string `json:"version"`
		} `json:"kindVersion"`
		IntegratedTime strictjson.Int64 `json:"integratedTime"`
		Promise        *struct {
			SET strictjson.Bytes `json:"signedEntryTimestamp"`
		} `json:"inclusionPromise"`
		Proof *struct {
			LogIndex   strictjson.Int64   `json:"logIndex"`
			RootHash   strictjson.Bytes   `json:"rootHash"`
			TreeSize   strictjson.Int64   `json:"treeSize"`
			Hashes     []strictjson.Bytes `json:"hashes"`
			Checkpoint struct {
				Envelope string `json:"envelope"`
			} `json:"checkpoint"`
		} `json:"inclusionProof"`
		Body strictjson.Bytes `json:"canonicalizedBody"`
	}
	if err := strictjson.UnmarshalOpen(answer, &a); err != nil {
		return bundle.Entry{}, lied(err)
	}
	e := bundle.Entry{
		LogIndex: int64(a.LogIndex), LogID: a.LogID.KeyID, Kind: a.KindVersion.Kind, Version: a.KindVersion.Version,
		IntegratedTime: int64(a.IntegratedTime), Body: a.Body,
	}
	if a.Promise != nil {
		e.Promise = append([]byte{}, a.Promise.SET...)
	}
	if p := a.Proof; p != nil {
		e.Proof = &bundle.InclusionProof{
			LogIndex: int64(p.LogIndex), TreeSize: int64(p.TreeSize), RootHash: p.RootHash, Checkpoint: p.Checkpoint.Envelope,
		}
		for _, h := range p.Hashes {
			e.Proof.Hashes = append(e.Proof.Hashes, h)
		}
	}
	return e, nil
}
