package ctlog

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"net/http"

	"golang.org/x/crypto/cryptobyte"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/checkpoint"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/service"
	"github.com/hallmarksign/hallmark/internal/tiles"
)

// file reads a file of a log of tiles, which may be packed without being asked
// for (C2SP static-ct-api, "Log entries").
func (l *Log) file(ctx context.Context, path string, limit int64) ([]byte, error) {
	res, err := service.Ask(ctx, l.doer, fetch.Request{Path: "/" + path, MaxBody: limit, Gzip: true},
		http.StatusOK, http.StatusNotFound, http.StatusGone, http.StatusForbidden)
	if err != nil {
		return nil, err
	}
	if res.Status != http.StatusOK { // object stores forbid what does not exist
		return nil, fs.ErrNotExist
	}
	return res.Body, nil
}

// checkpoint verifies the tree head of a log of tiles.
func (l *Log) checkpoint(note string) (*Head, error) {
	c, err := checkpoint.ParseHead(note)
	if err != nil {
		return nil, err
	}
	signed, err := c.VerifyTreeHead(l.log.ID, l.log.Key)
	if err != nil {
		return nil, err
	}
	h := &Head{Size: int64(c.Size), Root: c.Root[:], Signed: signed, Served: note}
	if c.Size > 0 { // tiles.New sees that the size fits
		h.tree, err = tiles.NewOf(l.file, c.Size, c.Root, tiles.Layout{Folder: "data", Max: maxTile, Next: nextLeaf})
	}
	return h, err
}

// bundle returns leaves from first on to the end of a tile, each proved to be in
// the tree, and where it says it is.
func bundle(ctx context.Context, t *tiles.Tree, first int64) ([][]byte, error) {
	all, err := t.Bundle(ctx, first/tiles.Width)
	if err != nil {
		return nil, err
	}
	leaves := all[first%tiles.Width:]
	for i, leaf := range leaves {
		e, err := readLeaf(leaf)
		if err != nil {
			return nil, err
		}
		want := first + int64(i)
		if got, ok := leafIndex(e.extensions); !ok || got != want {
			return nil, check.Refuse("LG-4", check.Server, "entry %d has the extensions %x, want its index once", want, e.extensions)
		}
	}
	return leaves, nil
}

// A tileLeaf is an entry of a data tile (C2SP static-ct-api, "Log entries").
type tileLeaf struct {
	leaf           []byte // the MerkleTreeLeaf that it stands for
	precertificate []byte // as it was submitted; nil of a certificate
	chain          []byte // hashes of the issuers, one after the other
}

// nextLeaf is tiles.Layout.Next.
func nextLeaf(data []byte) (leaf, rest []byte, err error) {
	l, rest, err := readTileLeaf(data)
	return l.leaf, rest, err
}

func readTileLeaf(data []byte) (l tileLeaf, rest []byte, err error) {
	s := cryptobyte.String(data)
	e, ok := readEntry(&s)
	if !ok {
		return l, nil, errors.New("entry is neither a certificate nor a precertificate")
	}
	l.leaf = append([]byte{0, 0}, data[:len(data)-len(s)]...) // v1, timestamped_entry
	var pre, chain cryptobyte.String
	if e.pre && (!s.ReadUint24LengthPrefixed(&pre) || len(pre) == 0) {
		return l, nil, errors.New("entry has no precertificate, want the one that was submitted")
	}
	if !s.ReadUint16LengthPrefixed(&chain) || len(chain)%sha256.Size != 0 {
		return l, nil, errors.New("entry has no chain, want SHA-256 hashes of certificates")
	}
	l.precertificate, l.chain = pre, chain
	return l, s, nil
}

// leafIndex reads the extension of that name ("SCT Extension"); ok is false if
// it is not there once.
func leafIndex(extensions []byte) (index int64, ok bool) {
	s := cryptobyte.String(extensions)
	var seen [256]bool
	for !s.Empty() {
		var kind uint8
		var data cryptobyte.String
		if !s.ReadUint8(&kind) || !s.ReadUint16LengthPrefixed(&data) || seen[kind] {
			return 0, false
		}
		seen[kind] = true
		if kind != 0 {
			continue
		}
		if len(data) != 5 {
			return 0, false
		}
		for _, b := range data {
			index = index<<8 | int64(b)
		}
	}
	return index, seen[0]
}
