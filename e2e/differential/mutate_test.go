package differential_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sort"
	"strconv"
	"strings"
)

// A spot is where a value of a JSON document is.
type spot struct {
	get  func() any
	set  func(any)
	drop func()
	name string // of the innermost member
	path string
}

// spots lists all values below v, in a fixed order.
func spots(v any) []spot { return collect(nil, v, func(any) {}, "", "") }

func collect(out []spot, v any, replace func(any), name, path string) []spot {
	switch v := v.(type) {
	case map[string]any:
		var keys []string
		for k := range v {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
			put := func(x any) { v[k] = x }
			out = append(out, spot{func() any { return v[k] }, put, func() { delete(v, k) }, k, path + "." + k})
			out = collect(out, v[k], put, k, path+"."+k)
		}
	case []any:
		for i := range v {
			put := func(x any) { v[i] = x }
			drop := func() { replace(append(append([]any{}, v[:i]...), v[i+1:]...)) }
			out = append(out, spot{func() any { return v[i] }, put, drop, name, path + "[]"})
			out = collect(out, v[i], put, name, path+"[]")
		}
	}
	return out
}

// clone copies a JSON value.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			out[k] = clone(x)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = clone(x)
		}
		return out
	}
	return v
}

// mutate changes one or two things in a document. Others are documents that
// values may be taken from. It returns what it did.
func mutate(r *rand.Rand, doc any, others []any) (any, string) {
	doc = clone(doc)
	did := ""
	for range 1 + r.IntN(4)/3 {
		all := spots(doc)
		if len(all) == 0 {
			break
		}
		s := all[r.IntN(len(all))]
		did += alter(r, s, all, others) + " at " + s.path + "; "
	}
	return doc, did
}

// alter makes one change.
func alter(r *rand.Rand, s spot, all []spot, others []any) string {
	v := s.get()
	switch n := r.IntN(20); {
	case n == 0:
		s.drop()
		return "dropped"
	case n == 1:
		s.set(nil)
		return "null"
	case n == 2:
		s.set([]any{"", []any{}, map[string]any{}, true, 7.0, "0", "AAAA"}[r.IntN(7)])
		return "replaced"
	case n == 3:
		other := all[r.IntN(len(all))]
		s.set(clone(other.get()))
		return "copied from " + other.path
	case n < 8:
		return splice(r, s, others)
	}
	switch v := v.(type) {
	case string:
		return changeText(r, s, v)
	case []any:
		return changeList(r, s, v)
	case map[string]any:
		return changeObject(r, s, v)
	}
	s.set(fmt.Sprint(v))
	return "made a string"
}

// splice takes the value at the same path of another document.
func splice(r *rand.Rand, s spot, others []any) string {
	for _, o := range spots(others[r.IntN(len(others))]) {
		if o.path == s.path {
			s.set(clone(o.get()))
			return "spliced"
		}
	}
	s.drop()
	return "dropped"
}

func changeText(r *rand.Rand, s spot, v string) string {
	if n, err := strconv.ParseInt(v, 10, 64); err == nil {
		values := []any{strconv.FormatInt(n+1, 10), strconv.FormatInt(n-1, 10), strconv.FormatInt(n+256, 10), "-" + v, "0", "0" + v, "+" + v, v + ".0", float64(n), " " + v,
			strconv.FormatInt(n^1<<uint(r.IntN(40)), 10)}
		s.set(values[r.IntN(len(values))])
		return "another number"
	}
	if raw, err := base64.StdEncoding.DecodeString(v); err == nil && len(raw) > 0 {
		return changeBinary(r, s, v, raw)
	}
	i := r.IntN(len(v) + 1)
	values := []string{v + " ", " " + v, v + "\n", strings.ToUpper(v), v[:i], v[:i] + "x" + v[i:], v + "\x00", v + v, strings.Replace(v, "\n", "\n\n", 1), strings.Replace(v, "\n", "\r\n", 1)}
	s.set(values[r.IntN(len(values))])
	return "another text"
}

func changeBinary(r *rand.Rand, s spot, v string, raw []byte) string {
	i := r.IntN(len(raw))
	flipped := append([]byte{}, raw...)
	flipped[i] ^= 1 << r.IntN(8)
	encode := base64.StdEncoding.EncodeToString
	switch r.IntN(12) {
	case 0:
		s.set(encode(raw[:i]))
		return "cut"
	case 1:
		s.set(encode(append(append([]byte{}, raw...), 0)))
		return "a byte more"
	case 2:
		s.set(strings.TrimRight(v, "="))
		return "no padding"
	case 3:
		s.set(base64.URLEncoding.EncodeToString(raw))
		return "base64url"
	case 4:
		s.set(v[:len(v)/2] + "\n" + v[len(v)/2:])
		return "line break"
	case 5:
		s.set(encode(append(append([]byte{}, raw...), raw...)))
		return "twice"
	}
	s.set(encode(flipped))
	return "bit flipped"
}

func changeList(r *rand.Rand, s spot, v []any) string {
	if len(v) == 0 {
		s.set([]any{map[string]any{}})
		return "an element"
	}
	i, j := r.IntN(len(v)), r.IntN(len(v))
	switch r.IntN(3) {
	case 0:
		s.set(append(append([]any{}, v...), clone(v[i])))
		return "element twice"
	case 1:
		v[i], v[j] = v[j], v[i]
		return "swapped"
	}
	s.set(append(append([]any{}, v[:i]...), v[i+1:]...))
	return "element dropped"
}

func changeObject(r *rand.Rand, s spot, v map[string]any) string {
	var keys []string
	for k := range v {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	if len(keys) == 0 {
		v["x"] = ""
		return "unknown member"
	}
	k := keys[r.IntN(len(keys))]
	switch r.IntN(4) {
	case 0:
		v["unknown"] = v[k]
		return "unknown member"
	case 1:
		v[strings.ToLower(k)+"_"] = v[k]
		return "another name beside"
	case 2: // the other spelling that proto3 JSON knows
		snake := strings.NewReplacer("I", "_i", "E", "_e", "P", "_p", "M", "_m", "S", "_s", "T", "_t", "H", "_h", "V", "_v", "B", "_b", "D", "_d").Replace(k)
		x := v[k]
		delete(v, k)
		if snake != k {
			v[snake] = x
		}
		return "snake case"
	}
	delete(v, k)
	return "member dropped"
}

// textual makes changes that a decoded document can't hold.
func textual(r *rand.Rand, data []byte) ([]byte, string) {
	i := r.IntN(len(data))
	switch r.IntN(8) {
	case 0:
		return append([]byte("\xef\xbb\xbf"), data...), "byte order mark"
	case 1:
		return append(append([]byte{}, data...), data...), "two documents"
	case 2:
		return append(append([]byte{}, data...), " \n"...), "spaces at the end"
	case 3:
		return data[:i], "cut"
	case 4:
		flipped := append([]byte{}, data...)
		flipped[i] ^= 1 << r.IntN(8)
		return flipped, "bit flipped"
	case 5: // a member twice, with the first or the last one good
		return append([]byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json",`), data[1:]...), "member twice"
	case 6:
		return append(append([]byte{}, data[:len(data)-1]...), `,"verificationMaterial":{}}`...), "member twice at the end"
	}
	return []byte(strings.Replace(string(data), `"signature`, `"\u0073ignature`, 1)), "escape"
}

// decode reads a document.
func decode(data []byte) (any, bool) {
	var v any
	err := json.Unmarshal(data, &v)
	return v, err == nil
}

func encode(v any) []byte {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return out
}
