// Package wire holds what the sandbox program and its driver say to each
// other: one JSON object per line on standard input and output. The program
// ends when its standard input ends, so a driver that dies leaves nothing.
package wire

import "time"

// A Service names one server of the sandbox.
type Service string

// The servers of the sandbox.
const (
	Fulcio   Service = "fulcio"   // certificate authority
	CTLog    Service = "ctlog"    // certificate transparency log
	Rekor    Service = "rekor"    // transparency log, Rekor v2
	Rekor1   Service = "rekor1"   // transparency log, Rekor v1
	TSA      Service = "tsa"      // timestamp authority
	OIDC     Service = "oidc"     // OpenID provider for people
	Actions  Service = "actions"  // OpenID provider for workflows
	TUF      Service = "tuf"      // trust root
	Registry Service = "registry" // OCI registry
)

// Rekor1Other is a second Rekor v1, of another operator. It is there on demand.
const Rekor1Other Service = "rekor1-other"

// Services lists all servers, in the order in which they are printed.
func (s *Setup) Services() []Service {
	all := []Service{Fulcio, CTLog, Rekor, Rekor1, TSA, OIDC, Actions, TUF, Registry}
	if s.SecondOperator {
		all = append(all, Rekor1Other)
	}
	return all
}

// Setup is the first line the driver writes.
type Setup struct {
	Dir                string             `json:"dir"`                 // holds keys and logs; must exist
	Temporary          bool               `json:"temporary,omitempty"` // remove Dir at the end
	Public             map[Service]string `json:"public"`              // base URLs clients see; missing: the server's own
	CheckpointInterval time.Duration      `json:"checkpointInterval,omitempty"`
	TimestampLife      time.Duration      `json:"timestampLife,omitempty"` // of TUF timestamp.json
	Issuers            map[string]string  `json:"issuers,omitempty"`       // further issuers Fulcio believes, and the type of each
	SecondOperator     bool               `json:"secondOperator,omitempty"`
	FirstGeneration    bool               `json:"firstGeneration,omitempty"` // offer logs of the first generation only
	Trillian           string             `json:"trillian,omitempty"`        // host:port of the log server behind Rekor v1; "": one in memory
}

// Backends is the first line the program writes: where each server listens.
type Backends struct {
	Addresses map[Service]string `json:"addresses"` // host:port
}

// Info is the second line the program writes, when all servers answer.
type Info struct {
	PID           int                `json:"pid"`
	URLs          map[Service]string `json:"urls"` // what clients use
	Dir           string             `json:"dir"`
	TUFRoot       string             `json:"tufRoot"`       // file
	TrustedRoot   string             `json:"trustedRoot"`   // file
	SigningConfig string             `json:"signingConfig"` // file: all logs, so the newest generation is used
	Rekor1Config  string             `json:"rekor1Config"`  // file: Rekor v1 only
	ActionsToken  string             `json:"actionsToken"`  // bearer token of the Actions token endpoint
	ActionsURL    string             `json:"actionsURL"`    // ACTIONS_ID_TOKEN_REQUEST_URL
	Millis        int64              `json:"millis"`        // from start to ready
}

// ActionsEnv is the environment a workflow on GitHub finds.
func (i *Info) ActionsEnv() []string {
	return []string{
		"GITHUB_ACTIONS=true",
		"GITHUB_SERVER_URL=" + i.URLs[Actions], // a server of one's own, which clients may ask
		"ACTIONS_ID_TOKEN_REQUEST_URL=" + i.ActionsURL,
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN=" + i.ActionsToken,
	}
}
