package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// size asks the log how many entries it has.
func (r *trial) size() int64 {
	r.t.Helper()
	r.settle()
	if r.log.generation == 1 {
		var log struct {
			TreeSize int64 `json:"treeSize"`
		}
		r.must(json.Unmarshal(r.get(r.URL(sandbox.Rekor1)+"/api/v1/log"), &log))
		return log.TreeSize
	}
	lines := strings.Split(string(r.get(r.URL(sandbox.Rekor)+"/api/v2/checkpoint")), "\n")
	if len(lines) < 2 {
		r.t.Fatalf("checkpoint is %q", lines)
	}
	n, err := strconv.ParseInt(lines[1], 10, 64)
	r.must(err)
	return n
}

func (r *trial) get(url string) []byte {
	r.t.Helper()
	resp, err := http.Get(url)
	r.must(err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	r.must(err)
	if resp.StatusCode != http.StatusOK {
		r.t.Fatalf("%s: %s: %s", url, resp.Status, data)
	}
	return data
}

// Where a bundle may be.
const (
	placed  = "where it belongs"
	kept    = "kept"
	printed = "printed"
)

// hands says of each log entry whose bundle there is where that is.
type hands map[int64]string

// in counts those of a place.
func (h hands) in(place string) (n int) {
	for _, at := range h {
		if at == place {
			n++
		}
	}
	return n
}

// missing lists the entries of the log from a to b that have no bundle.
func (h hands) missing(a, b int64) (out []int64) {
	for i := a; i < b; i++ {
		if h[i] == "" {
			out = append(out, i)
		}
	}
	return out
}

// look finds all bundles: in files, in the registry, in what was printed.
func (r *trial) look(printedText ...string) hands {
	r.t.Helper()
	h := hands{}
	for _, text := range printedText {
		h.add(printed, text)
	}
	err := filepath.WalkDir(r.dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.Type().IsRegular() || d.Name() == filler {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		at, below := kept, strings.TrimPrefix(path, r.path("")+"/")
		if slices.Contains(r.targets, below) || strings.HasPrefix(below, filepath.Join(out, "layout")+"/") {
			at = placed
		}
		h.add(at, string(data))
		return nil
	})
	r.must(err)
	if r.image != nil && !r.bundle {
		for _, data := range r.attached() {
			h.add(placed, data)
		}
	}
	return h
}

// attached reads what refers to the image.
func (r *trial) attached() (all []string) {
	r.t.Helper()
	subject, err := name.NewDigest(r.image.String(), name.Insecure)
	r.must(err)
	index, err := remote.Referrers(subject, remote.WithContext(r.t.Context()))
	r.must(err)
	manifests, err := index.IndexManifest()
	r.must(err)
	for _, m := range manifests.Manifests {
		image, err := remote.Image(subject.Context().Digest(m.Digest.String()), remote.WithContext(r.t.Context()))
		r.must(err)
		layers, err := image.Layers()
		r.must(err)
		for _, l := range layers {
			body, err := l.Compressed()
			r.must(err)
			data, err := io.ReadAll(body)
			body.Close()
			r.must(err)
			all = append(all, string(data))
		}
	}
	return all
}

const bundleType = "application/vnd.dev.sigstore.bundle"

// add finds the bundles in a text: a JSON document, or one a line.
func (h hands) add(at, text string) {
	if !strings.Contains(text, bundleType) {
		return
	}
	for begin := strings.IndexByte(text, '{'); begin >= 0; {
		d := json.NewDecoder(bytes.NewReader([]byte(text[begin:])))
		var v any
		if d.Decode(&v) == nil {
			h.walk(at, v)
			begin += int(d.InputOffset())
		} else {
			begin++
		}
		next := strings.IndexByte(text[begin:], '{')
		if next < 0 {
			return
		}
		begin += next
	}
}

func (h hands) walk(at string, v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			h.walk(at, e)
		}
	case map[string]any:
		if s, _ := v["mediaType"].(string); strings.HasPrefix(s, bundleType) {
			material, _ := v["verificationMaterial"].(map[string]any)
			entries, _ := material["tlogEntries"].([]any)
			for _, e := range entries {
				entry, _ := e.(map[string]any)
				text, _ := entry["logIndex"].(string)
				if text == "" {
					text = "0" // left out in proto3 JSON
				}
				if index, err := strconv.ParseInt(text, 10, 64); err == nil && h[index] != placed {
					h[index] = at
				}
			}
			return
		}
		for _, e := range v {
			h.walk(at, e)
		}
	}
}

// temporary lists the names of files that are not finished.
func (r *trial) temporary() (names []string) {
	filepath.WalkDir(r.path(""), func(path string, d fs.DirEntry, err error) error {
		if err == nil && (strings.Contains(d.Name(), ".hallmark-") || strings.HasSuffix(d.Name(), ".tmp")) {
			names = append(names, strings.TrimPrefix(path, r.path("")+"/"))
		}
		return nil
	})
	return names
}
