package tlog

import (
	"bytes"
	"context"
	"encoding/json"
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
	doer     fetch.Doer
	logs     []trustroot.Log
	existing func(ctx context.Context, log *trustroot.Log, index int64) (bundle.Entry, error)
	patience
}

// Append records r as hashedrekord 0.0.2, envelopes too.
func (l *v2) Append(ctx context.Context, r sign.Record) (bundle.Entry, error) {
	receipt, err := l.Upload(ctx, r)
	return receipt.Entry, err
}

// Upload implements Writer.
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
		return Receipt{}, sent(err)
	}
	if res.Status == http.StatusConflict {
		return l.equal(ctx, res, want)
	}
	e, err := parse2(res.Body)
	if err != nil {
		return Receipt{}, public(nil, err)
	}
	if err := l.check(&e, want); err != nil {
		return Receipt{}, public(&e, err)
	}
	return Receipt{Entry: e}, nil
}

// equal returns the entry that the answer to a conflict points to, once the log shows
// it.
func (l *v2) equal(ctx context.Context, res *fetch.Response, want []byte) (Receipt, error) {
	index, ok := existsAt(res.Body)
	if !ok || l.existing == nil {
		return Receipt{}, public(nil, check.Refuse("SG-11", check.Server, "want status [200 201], got 409: %s", fetch.Excerpt(res.Body)))
	}
	var seen *bundle.Entry
	r, err := l.wait(ctx, promised, func() (Receipt, error) {
		e, err := l.at(ctx, index)
		if err != nil {
			return Receipt{}, err
		}
		seen = &e
		return Receipt{Entry: e, Existing: !res.Repeated}, l.check(&e, want)
	})
	if check.Of(err) == check.NotFound {
		return Receipt{}, public(nil, check.Refuse("SG-11", check.Net, "log %q says that it has an equal entry as number %d, but does not show it yet", l.logs[0].Name(), index))
	}
	if err != nil {
		return Receipt{}, public(seen, located(err, "entry "+strconv.FormatInt(index, 10)))
	}
	return r, nil
}

// at returns the entry at an index of the log at this address. If the trusted root has
// several there, it is the one whose key signed.
func (l *v2) at(ctx context.Context, index int64) (bundle.Entry, error) {
	var reason error
	for i := range l.logs {
		e, err := l.existing(ctx, &l.logs[i], index)
		if err == nil {
			return e, nil
		}
		if check.Of(reason) != check.NotFound { // else it will show
			reason = err
		}
	}
	return bundle.Entry{}, reason
}

var existsText = regexp.MustCompile(`already exists in the transparency log with index (0|[1-9][0-9]*)\b`)

// existsAt reads the answer to a conflict, which has the index in its text only.
func existsAt(answer []byte) (index int64, ok bool) {
	found := existsText.FindSubmatch(answer)
	if found == nil {
		return 0, false
	}
	index, err := strconv.ParseInt(string(found[1]), 10, 64)
	return index, err == nil
}

// check refuses an entry that is not the wanted one, or not in the log.
func (l *v2) check(e *bundle.Entry, want []byte) error {
	if !bytes.Equal(e.Body, want) {
		return check.Refuse("R2-3", check.Server, "entry is not the one that was sent")
	}
	if !logproof.Second(e) {
		return check.Refuse("R2-1", check.Server, "entry is %q %q, want hashedrekord 0.0.2", e.Kind, e.Version)
	}
	if e.IntegratedTime != 0 || e.Promise != nil {
		return check.Refuse("R2-5", check.Server, "entry has a time or a promise, which this kind of log does not give")
	}
	log, err := byID(l.logs, e)
	if err != nil {
		return err
	}
	if _, err := logproof.Included(e, log); err != nil {
		return lied(err)
	}
	return nil
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
