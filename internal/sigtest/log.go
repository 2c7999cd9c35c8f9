package sigtest

import (
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/set"
	"github.com/hallmarksign/hallmark/trustroot"
)

// ShardOffset is what a global index of a first-generation log is larger by than
// the index in its tree.
const ShardOffset = 1000

// A Log is a transparency log of the first or second generation.
type Log struct {
	Generation int
	Key        crypto.Signer
	Name       string // of signature lines; base URL without scheme
	Origin     string // first line of checkpoints
	Operator   string
	Valid      trustroot.Window
	Edits      LogEdits // of what its server answers

	clock  *Clock
	mu     sync.Mutex
	tree   tree
	bodies [][]byte
}

// NewLog makes a log that no trusted root lists yet. It holds three entries.
func (w *World) NewLog(name string, generation int) *Log {
	l := &Log{
		Generation: generation, Name: w.Host + "/" + name, Operator: w.Host, Valid: w.window(), clock: w.Clock,
	}
	l.Origin = l.Name
	if generation == 1 {
		l.Key = ECDSA(elliptic.P256(), l.Name)
		l.Origin += " - 1193050959916656506"
	} else {
		l.Key = Ed25519(l.Name)
	}
	for i := range 3 {
		l.append(fmt.Appendf(nil, `{"entry":%d}`, i))
	}
	return l
}

// ID is the log id: of the key alone for the first generation, of name and key
// for the second.
func (l *Log) ID() []byte {
	if pub, ok := l.Key.Public().(ed25519.PublicKey); ok && l.Generation == 2 {
		return sum256([]byte(l.Name+"\n\x01"), pub)
	}
	return sum256(SPKI(l.Key.Public()))
}

func (l *Log) append(body []byte) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tree.add(body)
	l.bodies = append(l.bodies, body)
	return len(l.bodies) - 1
}

// LogEdits change an entry, stage by stage; each stage signs what comes out of
// the ones before it.
type LogEdits struct {
	Body     func([]byte) []byte           // before it goes into the tree
	Proof    func(*bundle.InclusionProof)  // before the checkpoint is made of its size and root
	Note     func(text string) string      // before the log signs it
	Envelope func(note string) string      // the signed note
	Promise  func(*Promise)                // before the log signs it, first generation
	Message  func(canonical []byte) []byte // what the log signs as promise instead
	Entry    func(*bundle.Entry)           // the finished entry
}

// A Promise is what a signed entry timestamp says.
type Promise struct {
	Body                     []byte
	IntegratedTime, LogIndex int64
	LogID                    []byte
}

// Add puts an entry into the log.
func (l *Log) Add(kind, version string, body []byte, e LogEdits) bundle.Entry {
	if e.Body != nil {
		body = e.Body(body)
	}
	return l.at(l.append(body), kind, version, e)
}

// at returns the entry at an index of the tree as it is now.
func (l *Log) at(index int, kind, version string, e LogEdits) bundle.Entry {
	l.mu.Lock()
	leaves := l.tree.leaves[:len(l.tree.leaves):len(l.tree.leaves)]
	body := l.bodies[index]
	l.mu.Unlock()
	out := bundle.Entry{LogIndex: int64(index), LogID: l.ID(), Kind: kind, Version: version, Body: body}
	out.Proof = &bundle.InclusionProof{
		LogIndex: int64(index), TreeSize: int64(len(leaves)), RootHash: root(leaves), Hashes: path(index, leaves),
	}
	if e.Proof != nil {
		e.Proof(out.Proof)
	}
	out.Proof.Checkpoint = l.checkpoint(out.Proof.TreeSize, out.Proof.RootHash, e)
	if l.Generation == 1 {
		l.promise(&out, e)
	}
	if e.Entry != nil {
		e.Entry(&out)
	}
	return out
}

func (l *Log) checkpoint(size int64, root []byte, e LogEdits) string {
	text := fmt.Sprintf("%s\n%d\n%s\n", l.Origin, size, base64.StdEncoding.EncodeToString(root))
	if e.Note != nil {
		text = e.Note(text)
	}
	note := text + "\n" + l.Line(text)
	if e.Envelope != nil {
		note = e.Envelope(note)
	}
	return note
}

// Checkpoint returns a signed note over the tree as it is now.
func (l *Log) Checkpoint() string {
	l.mu.Lock()
	leaves := l.tree.leaves[:len(l.tree.leaves):len(l.tree.leaves)]
	l.mu.Unlock()
	return l.checkpoint(int64(len(leaves)), root(leaves), l.Edits)
}

// Line returns the log's signature line over a text.
func (l *Log) Line(text string) string {
	return NoteLine(l.Name, l.ID()[:4], signAsLog(l.Key, []byte(text)))
}

// NoteLine returns a signature line of a note.
func NoteLine(name string, id, signature []byte) string {
	blob := append(append([]byte{}, id...), signature...)
	return "\u2014 " + name + " " + base64.StdEncoding.EncodeToString(blob) + "\n"
}

// promise signs an entry timestamp over the entry with its global index.
func (l *Log) promise(out *bundle.Entry, e LogEdits) {
	p := &Promise{
		Body: out.Body, IntegratedTime: l.clock.Now().Unix(), LogIndex: out.LogIndex + ShardOffset, LogID: out.LogID,
	}
	if e.Promise != nil {
		e.Promise(p)
	}
	out.IntegratedTime, out.LogIndex = p.IntegratedTime, p.LogIndex
	message := set.Message(p.Body, p.IntegratedTime, p.LogIndex, p.LogID)
	if e.Message != nil {
		message = e.Message(message)
	}
	out.Promise = signAsLog(l.Key, message)
}

// A Witness cosigns checkpoints (C2SP tlog-cosignature).
type Witness struct {
	Name string
	Key  ed25519.PrivateKey
}

// Line returns the witness's signature line over a text.
func (w *Witness) Line(text string, at time.Time) string {
	seconds := binary.BigEndian.AppendUint64(nil, uint64(at.Unix()))
	signature := ed25519.Sign(w.Key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at.Unix(), text))
	id := sum256([]byte(w.Name+"\n\x04"), w.Key.Public().(ed25519.PublicKey))
	return NoteLine(w.Name, id[:4], append(seconds, signature...))
}
