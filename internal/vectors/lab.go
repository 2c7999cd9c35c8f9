package vectors

import (
	"crypto"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/trustroot"
	"github.com/hallmarksign/hallmark/verify"
)

const predicateType = "https://example.com/predicate"

// artifact is what every good bundle is about.
func artifact() []byte { return []byte("artifact\n") }

// A lab makes the fixtures of one row, in a world of its own.
type lab struct {
	*sigtest.World
	row  string
	opts Options
	use  func(*Fixture)
	good map[string]*Case // twins by shape
	step int              // counts what may be left out of a sample

	emitted int // counts all
	between int // number of entries between those of bundles
}

// A plan says how a bundle is made and what is asked about it. A fault changes
// one thing in it; what depends on that is signed again.
type plan struct {
	*sigtest.Maker
	lab     *lab
	version bundle.Version

	cas      []*sigtest.CA
	cts      []*sigtest.CT
	logs     []*sigtest.Log
	tsas     []*sigtest.TSA
	root     func(doc map[string]any) // changes the trusted root
	rootText func([]byte) []byte      // changes its bytes
	tree     func(*node)              // changes the finished document
	text     func([]byte) []byte      // changes the finished bytes
	form     func(*sigtest.Made, *Case)
	artifact []byte
	digest   string
	empty    bool // ask about nothing
	policy   Policy
	evidence verify.Evidence
	now      time.Time
	byValue  func(*bundle.Bundle)
	byRoot   func(*trustroot.Root)
}

// A fault changes one thing.
type fault = func(*plan)

// The shapes of good bundles: generation of the log, what is signed, and the
// version of the bundle where it is not 0.3.
func shapes() map[string]fault {
	first := func(p *plan) { p.Logs = []*sigtest.Log{p.lab.Log1} }
	dsse := func(p *plan) {
		p.Statement = sigtest.Statement("artifact", artifact(), predicateType)
		p.Artifact = nil
	}
	version := func(v bundle.Version) fault { return func(p *plan) { p.version = v } }
	stamped := func(p *plan) { p.TSAs = []*sigtest.TSA{p.lab.TSA} }
	unpromised := func(p *plan) {
		p.Log.Entry = func(e *bundle.Entry) { e.Promise, e.IntegratedTime = nil, 0 }
	}
	intoto := func(p *plan) { p.Kind = "intoto 0.0.2" }
	managed := func(p *plan) {
		p.Hint = "release"
		p.policy = Policy{Keys: []Key{{PEM: publicPEM(p.lab.SignerKey().Public())}}}
	}
	return map[string]fault{
		"v2":         all(),
		"v2 dsse":    all(dsse),
		"v2 in 0.2":  all(version(bundle.V02)),
		"v1":         all(first),
		"v1 dsse":    all(first, dsse),
		"v1 intoto":  all(first, dsse, intoto),
		"v1 in 0.1":  all(first, version(bundle.V01)),
		"v1 in 0.2":  all(first, version(bundle.V02)),
		"v1 stamped": all(first, stamped),
		"v1 proof":   all(first, stamped, unpromised),
		"key":        all(managed),
		"key dsse":   all(managed, dsse),
		"key v1":     all(first, managed),
	}
}

func all(faults ...fault) fault {
	return func(p *plan) {
		for _, f := range faults {
			f(p)
		}
	}
}

// both are a bundle of each generation.
func both() []string { return []string{"v1", "v2"} }

// keyless are the shapes in which a certificate says who signed.
func keyless() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(shapes())), func(s string) bool { return s[0] == 'k' })
}

// plan starts from a shape.
func (l *lab) plan(shape string) *plan {
	who := sigtest.Alice()
	p := &plan{
		Maker: &sigtest.Maker{Artifact: artifact(), Who: &who}, lab: l, version: bundle.V03,
		cas: slices.Clone(l.CAs), cts: slices.Clone(l.CTs), logs: slices.Clone(l.Logs), tsas: slices.Clone(l.TSAs),
		artifact: artifact(),
		policy:   Policy{Identities: []Identity{{Issuer: who.Issuer, Subject: who.Subject}}},
		evidence: verify.PublicGood,
		now:      sigtest.T0.Add(time.Hour),
	}
	f, ok := shapes()[shape]
	if !ok {
		panic("no such shape: " + shape)
	}
	f(p)
	// Bundles of a row may log the same body: an entry between makes every index
	// the only one of its kind.
	for _, log := range l.Logs {
		log.Add("hashedrekord", "0.0.1", []byte(name(`{"entry":"between %d"}`, l.between)), sigtest.LogEdits{})
	}
	l.between++
	return p
}

// made makes the bundle and the question about it.
func (p *plan) made() *Case {
	m := p.lab.Make(*p.Maker)
	c := &Case{
		Bundle: m.As(p.version), Artifact: p.artifact, Digest: p.digest, Policy: p.policy, Evidence: p.evidence, Now: p.now, Nothing: p.empty,
		ByValue: p.byValue, ByRoot: p.byRoot,
	}
	if p.form != nil {
		p.form(m, c)
	}
	if p.tree != nil {
		n := parse(c.Bundle)
		p.tree(n)
		c.Bundle = n.bytes()
	}
	if p.text != nil {
		c.Bundle = p.text(c.Bundle)
	}
	c.Root = p.trustedRoot()
	return c
}

func (p *plan) trustedRoot() []byte {
	w := p.lab.World
	cas, cts, logs, tsas := w.CAs, w.CTs, w.Logs, w.TSAs
	w.CAs, w.CTs, w.Logs, w.TSAs = p.cas, p.cts, p.logs, p.tsas
	defer func() { w.CAs, w.CTs, w.Logs, w.TSAs = cas, cts, logs, tsas }()
	var edits []func(map[string]any)
	if p.root != nil {
		edits = append(edits, p.root)
	}
	root := w.TrustedRoot(edits...)
	if p.rootText != nil {
		root = p.rootText(root)
	}
	return root
}

// twin returns the good case of a shape with what the fault needs to be there.
func (l *lab) twin(shape string, needs []fault) *Case {
	if len(needs) > 0 {
		p := l.plan(shape)
		all(needs...)(p)
		return p.made()
	}
	if l.good[shape] == nil {
		l.good[shape] = l.plan(shape).made()
	}
	return l.good[shape]
}

// bad emits a fixture that one of the checks must refuse. What it needs to be
// there is in its twin as well.
func (l *lab) bad(shape, name string, want []check.Check, f fault, needs ...fault) {
	if l.skip() {
		return
	}
	p := l.plan(shape)
	all(needs...)(p)
	f(p)
	l.use(&Fixture{Row: l.row, Name: shape + ": " + name, Want: want, Bad: p.made(), Good: l.twin(shape, needs)})
}

// pass emits a fixture that must verify.
func (l *lab) pass(shape, name string, f fault) {
	l.warned(shape, name, "", f)
}

// warned is pass with a warning that the result must have.
func (l *lab) warned(shape, name, warning string, f fault) {
	if l.skip() {
		return
	}
	p := l.plan(shape)
	f(p)
	l.use(&Fixture{Row: l.row, Name: shape + ": " + name, Warning: warning, Bad: p.made()})
}

// call emits a fixture about a function: bad must refuse what good takes.
func (l *lab) call(name string, want check.Check, bad, good func() error) {
	if l.skip() {
		return
	}
	l.use(&Fixture{Row: l.row, Name: name, Want: is(want), Bad: &Case{Call: bad}, Good: &Case{Call: good}})
}

// skip reports whether the fixture at hand is left out of a sample.
func (l *lab) skip() bool {
	if l.emitted++; l.emitted == 1 {
		return false // every row has one
	}
	if l.opts.Thin > 1 && l.emitted%l.opts.Thin != 1 {
		return true
	}
	if l.step == 0 {
		return false
	}
	l.step++
	return l.opts.Every > 1 && l.step%l.opts.Every != 0
}

// many says that the fixtures that f emits are many of the same kind.
func (l *lab) many(f func()) {
	l.step = 1
	f()
	l.step = 0
}

func is(c ...check.Check) []check.Check { return c }

// then chains hooks, so that a fault does not undo the shape.
func then[T any](first, second func(T)) func(T) {
	return func(v T) {
		if first != nil {
			first(v)
		}
		second(v)
	}
}

func (p *plan) onBundle(f func(*bundle.Bundle)) { p.Maker.Bundle = then(p.Maker.Bundle, f) }
func (p *plan) onEntry(f func(*bundle.Entry))   { p.Log.Entry = then(p.Log.Entry, f) }
func (p *plan) onTree(f func(*node))            { p.tree = then(p.tree, f) }
func (p *plan) onRoot(f func(map[string]any))   { p.root = then(p.root, f) }

// bundled is a fault in the finished bundle, which nobody signs.
func bundled(f func(*bundle.Bundle)) fault { return func(p *plan) { p.onBundle(f) } }

// entered is a fault in the finished log entry.
func entered(f func(*bundle.Entry)) fault { return func(p *plan) { p.onEntry(f) } }

// rooted is a fault in the trusted root.
func rooted(f func(map[string]any)) fault { return func(p *plan) { p.onRoot(f) } }

// treed is a fault in the document.
func treed(f func(*node)) fault { return func(p *plan) { p.onTree(f) } }

// written is a fault in the bytes of the document.
func written(f func([]byte) []byte) fault {
	return func(p *plan) { p.text = f }
}

// replacedLeaf certifies the signer with what f makes of the certificate, and
// logs it.
func replacedLeaf(f func(der []byte) []byte) fault {
	return func(p *plan) {
		p.Body = then(p.Body, logCertificate(f))
		p.onBundle(func(b *bundle.Bundle) { b.Certificate = f(b.Certificate) })
	}
}

func publicPEM(key crypto.PublicKey) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: sigtest.SPKI(key)}))
}

// validFor sets the window of an instance of a list of the trusted root.
func validFor(list string, i int, start, end time.Time) fault {
	return rooted(func(doc map[string]any) {
		w := map[string]any{}
		if !start.IsZero() {
			w["start"] = start.Format(time.RFC3339Nano)
		}
		if !end.IsZero() {
			w["end"] = end.Format(time.RFC3339Nano)
		}
		instance := doc[list].([]any)[i].(map[string]any)
		if key, ok := instance["publicKey"].(map[string]any); ok {
			instance = key
		}
		instance["validFor"] = w
	})
}

func bits(b []byte) int { return 8 * len(b) }

// flip returns b with one bit changed.
func flip(b []byte, bit int) []byte {
	out := slices.Clone(b)
	out[bit/8] ^= 1 << (bit % 8)
	return out
}

func name(format string, args ...any) string { return fmt.Sprintf(format, args...) }
