// Package agent keeps the key and the certificate of a login in the memory of a
// process of its own, so that several runs of a signing program need one login.
//
// A key is made in the agent and never leaves it: a client gets its public half,
// has it certified, gives the certificate back, and asks for signatures of
// digests. A key is dropped when its certificate runs out, and the agent ends
// with the last one. Nothing is written but a socket.
//
// The socket is in a folder that only its owner may enter, and both sides ask the
// system who the other one is: another user is refused, also one that made a
// socket in this one's name. Programs of the same user can have signatures made
// while the agent runs, as they could start a login themselves. Where the system
// does not say who the other side is there is no agent: on Windows, and on Unix
// systems other than Linux and macOS.
package agent

import (
	"bufio"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// An Error says why an agent refused, or was refused.
type Error = check.Error

// ErrNone says that no agent runs.
var ErrNone = errors.New("no agent is running")

// ErrRunning says that one runs already.
var ErrRunning = errors.New("an agent is running already")

const (
	version    = 1
	socketName = "agent.sock"
	maxMessage = 256 << 10       // bytes of a message of the agent
	maxLeaf    = 32 << 10        // bytes of a certificate (LM-4)
	maxScope   = 4 << 10         // bytes of a scope
	maxKeys    = 16              // keys that the agent holds
	maxAtOnce  = 16              // connections at a time
	talkTime   = 5 * time.Second // for one question and its answer

	pendingLife = 5 * time.Minute // of a key without a certificate: a login takes that long
	maxLife     = time.Hour       // however long a certificate lives
)

// A request is what a client asks, one in a connection.
type request struct {
	Version int    `json:"version"`
	Do      string `json:"do"` // "status", "turn", "key", "hold", "sign" or "stop"
	Key     string `json:"key,omitempty"`
	Digest  []byte `json:"digest,omitempty"`
	Leaf    []byte `json:"leaf,omitempty"`
	Scope   string `json:"scope,omitempty"`
}

// A response is the answer. Exactly one member besides Refused fits a request.
type response struct {
	Refused   string `json:"refused,omitempty"`
	Public    []byte `json:"public,omitempty"` // subject public key info
	Signature []byte `json:"signature,omitempty"`
	Held      []Held `json:"held,omitempty"`
}

// Held is a certificate whose key is in the agent.
type Held struct {
	Scope  string    `json:"scope"` // what the client said: services and way of the login
	Leaf   []byte    `json:"leaf"`  // DER
	Key    string    `json:"key"`
	Expiry time.Time `json:"expiry"` // when the agent drops it
}

// keyID names a key: SHA-256 of its subject public key info, in hex.
func keyID(public crypto.PublicKey) (string, []byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", nil, check.Refuse("SG-5", check.Internal, "public key: %v", err)
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:]), der, nil
}

// send writes one message, a line.
func send(w io.Writer, message any) error {
	data, err := json.Marshal(message)
	if err != nil {
		return check.Refuse("SG-5", check.Internal, "message: %v", err)
	}
	if _, err := w.Write(append(data, '\n')); err != nil {
		return check.Refuse("SG-5", check.FS, "agent: %v", err)
	}
	return nil
}

// receive reads one message, which ends where the line or the stream does.
func receive(r io.Reader, message any) error {
	data, err := bufio.NewReader(io.LimitReader(r, maxMessage+1)).ReadBytes('\n')
	if err != nil && err != io.EOF {
		return check.Refuse("SG-5", check.FS, "agent: %v", err)
	}
	if len(data) > maxMessage {
		return check.Refuse("LM-1", check.Limit, "want a message of at most %d bytes, got more", maxMessage)
	}
	if err := strictjson.Unmarshal(data, message); err != nil {
		return check.Refuse("SG-5", check.Server, "agent: want a message of version %d: %v", version, err)
	}
	return nil
}
