package trustroot

import (
	"fmt"
	"math"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// SigningConfigMediaType is the one media type of signing configurations that
// is read (SC-1).
const SigningConfigMediaType = "application/vnd.dev.sigstore.signingconfig.v0.2+json"

// A Service is one place to sign with.
type Service struct {
	URL      string // https, or http at a literal loopback address; no final judgement before Select
	Version  int    // major version of its API
	Operator string // "" if none is given; two services without one have the same (SC-10)
	Valid    Window
}

// A Demand is how many operators of a kind of service must be used.
type Demand struct {
	Selector string // "ALL", "ANY" or "EXACT"; anything else is refused by Select
	Count    int64  // for EXACT
}

// A SigningConfig says which services a signer may use. Treat it as read-only.
type SigningConfig struct {
	CAs, OIDCs, Logs, TSAs []Service
	LogDemand, TSADemand   Demand
	loopback               bool
}

// A Selection is the services of one kind to sign with: one of each operator,
// the newest first. Need of them must succeed, and they should be tried in
// order; a failing one may be replaced by a later one (SC-7). The selector ANY
// thus means the newest.
type Selection struct {
	Candidates []Service
	Need       int
}

// Services is what one signing uses.
type Services struct {
	CA, OIDC   Service
	Logs, TSAs Selection
}

// The JSON form of a signing configuration (sigstore_trustroot.proto).
type (
	configJSON struct {
		MediaType string        `json:"mediaType"`
		CAs       []serviceJSON `json:"caUrls"`
		OIDCs     []serviceJSON `json:"oidcUrls"`
		Logs      []serviceJSON `json:"rekorTlogUrls"`
		TSAs      []serviceJSON `json:"tsaUrls"`
		LogDemand demandJSON    `json:"rekorTlogConfig"`
		TSADemand demandJSON    `json:"tsaConfig"`
	}
	serviceJSON struct {
		URL      string     `json:"url"`
		Version  uint32     `json:"majorApiVersion"`
		ValidFor windowJSON `json:"validFor"`
		Operator string     `json:"operator"`
	}
	demandJSON struct {
		Selector string `json:"selector"`
		Count    uint32 `json:"count"`
	}
)

// ParseSigningConfig reads a signing configuration. Its error is a *check.Error
// of check version for another media type, of check limit beyond a bound, else of
// check signcfg.
func ParseSigningConfig(data []byte) (*SigningConfig, error) {
	if len(data) > MaxSize {
		return nil, check.Refuse("LM-1", check.Limit, "has %d bytes, want at most %d", len(data), MaxSize)
	}
	var in configJSON
	if err := strictjson.UnmarshalOpen(data, &in); check.Of(err) == check.Limit {
		return nil, err
	} else if err != nil {
		return nil, recheck(err, check.SignCfg)
	}
	if in.MediaType != SigningConfigMediaType {
		return nil, check.Refuse("SC-1", check.Version, "is %q, want %q", in.MediaType, SigningConfigMediaType).At("mediaType")
	}
	c := &SigningConfig{
		LogDemand: Demand{in.LogDemand.Selector, int64(in.LogDemand.Count)},
		TSADemand: Demand{in.TSADemand.Selector, int64(in.TSADemand.Count)},
	}
	for _, list := range []struct {
		field string
		in    []serviceJSON
		out   *[]Service
	}{
		{"caUrls", in.CAs, &c.CAs},
		{"oidcUrls", in.OIDCs, &c.OIDCs},
		{"rekorTlogUrls", in.Logs, &c.Logs},
		{"tsaUrls", in.TSAs, &c.TSAs},
	} {
		var err error
		if *list.out, err = services(list.field, list.in); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func services(field string, in []serviceJSON) ([]Service, error) {
	if len(in) > MaxInstances {
		return nil, check.Refuse("LM-1", check.Limit, "has %d elements, want at most %d", len(in), MaxInstances).At(field)
	}
	var out []Service
	for i, s := range in {
		at := fmt.Sprintf("%s[%d]", field, i)
		valid, err := s.ValidFor.window(at + ".validFor")
		if err != nil {
			return nil, recheck(err, check.SignCfg)
		}
		if err := serviceURL(s.URL); err != nil {
			return nil, check.Refuse("SC-9", check.SignCfg, "%q %v", s.URL, err).At(at + ".url")
		}
		out = append(out, Service{
			URL:      s.URL,
			Version:  int(min(s.Version, math.MaxInt32)),
			Operator: s.Operator,
			Valid:    valid,
		})
	}
	return out, nil
}

// AllowLoopback returns a copy of c whose Select also takes plain http at a
// literal loopback address, such as http://127.0.0.1:8080: a sandbox on this
// machine. Other hosts need https all the same.
func (c *SigningConfig) AllowLoopback() *SigningConfig {
	out := *c
	out.loopback = true
	return &out
}

// Select chooses the services for a signing at a moment (SC-2..SC-8). A service whose
// answers could not be verified by the trusted root is passed over: what a log with an
// unknown key records is public, and proves nothing. Its errors name the check signcfg,
// tlog_unknown or trustroot.
func (c *SigningConfig) Select(root *Root, now time.Time) (*Services, error) {
	s := &Services{}
	var err error
	if s.CA, err = c.first("caUrls", c.CAs, root.certifies, now); err != nil {
		return nil, err
	}
	if s.OIDC, err = c.first("oidcUrls", c.OIDCs, anything, now); err != nil {
		return nil, err
	}
	if s.Logs, err = c.several("rekorTlogUrls", c.Logs, 2, c.LogDemand, root.logFits, now); err != nil {
		return nil, err
	}
	if len(c.TSAs) > 0 {
		if s.TSAs, err = c.several("tsaUrls", c.TSAs, 1, c.TSADemand, root.timestamps, now); err != nil {
			return nil, err
		}
	}
	// Rekor v2 gives no time (SG-9): without a timestamp authority nothing it
	// logs could ever be verified.
	if s.Logs.Candidates[0].Version >= 2 && s.TSAs.Need == 0 {
		return nil, check.Refuse("SC-8", check.SignCfg, "is empty, want a timestamp authority beside a log of version 2").At("tsaUrls").
			WithNext("ask whoever runs this instance to add a timestamp authority to its signing configuration")
	}
	return s, nil
}
