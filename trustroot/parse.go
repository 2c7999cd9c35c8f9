package trustroot

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// Limits of what is read (LM-1, LM-4).
const (
	MaxSize      = 4 << 20  // bytes of one trusted root or signing configuration
	MaxInstances = 128      // instances in each list of a trusted root or signing configuration
	MaxChain     = 10       // certificates of one authority
	MaxCert      = 32 << 10 // bytes of one certificate of an authority
	MaxKey       = 4 << 10  // bytes of a key of a log
)

// mediaTypes are those of TR-1. The last one is what public TUF repositories
// have served since 2022.
func mediaTypes() []string {
	return []string{
		"application/vnd.dev.sigstore.trustedroot.v0.2+json",
		"application/vnd.dev.sigstore.trustedroot.v0.1+json",
		"application/vnd.dev.sigstore.trustedroot+json;version=0.1",
	}
}

// The JSON form of a trusted root (sigstore_trustroot.proto).
type (
	rootJSON struct {
		MediaType   string          `json:"mediaType"`
		Logs        []logJSON       `json:"tlogs"`
		Authorities []authorityJSON `json:"certificateAuthorities"`
		CTLogs      []logJSON       `json:"ctlogs"`
		TSAs        []authorityJSON `json:"timestampAuthorities"`
	}
	logJSON struct {
		BaseURL         string  `json:"baseUrl"`
		HashAlgorithm   string  `json:"hashAlgorithm"`
		PublicKey       keyJSON `json:"publicKey"`
		LogID           idJSON  `json:"logId"`
		CheckpointKeyID idJSON  `json:"checkpointKeyId"`
		Operator        string  `json:"operator"`
	}
	keyJSON struct {
		RawBytes   strictjson.Bytes `json:"rawBytes"`
		KeyDetails string           `json:"keyDetails"`
		ValidFor   windowJSON       `json:"validFor"`
	}
	idJSON struct {
		KeyID strictjson.Bytes `json:"keyId"`
	}
	authorityJSON struct {
		URI       string `json:"uri"`
		CertChain struct {
			Certificates []struct {
				RawBytes strictjson.Bytes `json:"rawBytes"`
			} `json:"certificates"`
		} `json:"certChain"`
		ValidFor windowJSON `json:"validFor"`
		Operator string     `json:"operator"`
	}
	windowJSON struct {
		Start *string `json:"start"`
		End   *string `json:"end"`
	}
)

// Parse reads a trusted root. Unknown fields are ignored, for later minor
// versions add some; everything else is strict. An instance with a key type or
// algorithm that this version does not know is skipped with a warning (TR-3);
// any other fault makes the whole file unusable. Its error is a *check.Error of
// check trustroot.
func Parse(data []byte) (*Root, error) {
	if len(data) > MaxSize {
		return nil, check.Refuse("LM-1", check.TrustRoot, "has %d bytes, want at most %d", len(data), MaxSize)
	}
	var in rootJSON
	if err := strictjson.UnmarshalOpen(data, &in); err != nil {
		return nil, recheck(err, check.TrustRoot)
	}
	if !slices.Contains(mediaTypes(), in.MediaType) {
		return nil, check.Refuse("TR-1", check.TrustRoot, "is %q, want %q", in.MediaType, mediaTypes()[0]).At("mediaType")
	}
	r := &Root{MediaType: in.MediaType, Digest: sha256.Sum256(data)}
	steps := []func() error{
		func() (err error) { r.Logs, err = logs(r, "tlogs", in.Logs, true); return },
		func() (err error) { r.CTLogs, err = logs(r, "ctlogs", in.CTLogs, false); return },
		func() (err error) {
			r.Authorities, err = authorities(r, "certificateAuthorities", in.Authorities, forCode)
			return
		},
		func() (err error) { r.TSAs, err = authorities(r, "timestampAuthorities", in.TSAs, forTime); return },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// logs reads one list of logs.
func logs(r *Root, field string, in []logJSON, notes bool) ([]Log, error) {
	if len(in) > MaxInstances {
		return nil, check.Refuse("LM-1", check.TrustRoot, "has %d elements, want at most %d", len(in), MaxInstances).At(field)
	}
	var out []Log
	for i := range in {
		at := fmt.Sprintf("%s[%d]", field, i)
		kind, known := keyKinds()[in[i].PublicKey.KeyDetails]
		if !known { // TR-3
			r.Warnings = append(r.Warnings, fmt.Sprintf("%s: skipped: keyDetails is %q", at, in[i].PublicKey.KeyDetails))
			r.Skipped = append(r.Skipped, in[i].skipped(field, at))
			continue
		}
		l, err := in[i].log(at, kind, notes)
		if err != nil {
			return nil, err
		}
		out = append(out, *l)
	}
	return out, nil
}

// skipped describes a log with a key of an unknown kind. If its window can't be read it
// counts as in use.
func (in *logJSON) skipped(list, at string) Skipped {
	valid, err := in.PublicKey.ValidFor.window(at)
	if err != nil {
		valid = Window{Start: time.Unix(0, 0)}
	}
	return Skipped{List: list, URL: in.BaseURL, Algorithm: strconv.Quote(in.PublicKey.KeyDetails), Valid: valid}
}

// log reads one log with a key of a known kind.
func (in *logJSON) log(at string, kind keyKind, notes bool) (*Log, error) {
	if in.HashAlgorithm != "SHA2_256" {
		return nil, check.Refuse("TR-4", check.TrustRoot, "is %q, want %q", in.HashAlgorithm, "SHA2_256").At(at + ".hashAlgorithm")
	}
	valid, err := in.PublicKey.ValidFor.window(at + ".publicKey.validFor")
	if err != nil {
		return nil, err
	}
	raw := in.PublicKey.RawBytes
	if len(raw) > MaxKey {
		return nil, check.Refuse("LM-4", check.TrustRoot, "has %d bytes, want at most %d", len(raw), MaxKey).At(at + ".publicKey.rawBytes")
	}
	key, spki, err := parseKey(raw, kind)
	if err != nil {
		return nil, check.Refuse("TR-4", check.TrustRoot, "%v, want a key of %s", err, in.PublicKey.KeyDetails).At(at + ".publicKey.rawBytes")
	}
	l := &Log{
		BaseURL:    in.BaseURL,
		Operator:   in.Operator,
		Key:        key,
		SPKI:       spki,
		KeyDetails: in.PublicKey.KeyDetails,
		Valid:      valid,
	}
	if !l.identify(in.LogID.KeyID, in.CheckpointKeyID.KeyID, notes) {
		return nil, check.Refuse("TR-4", check.TrustRoot, "log id is %x and checkpoint key id %x, want what the key gives, such as %x",
			[]byte(in.LogID.KeyID), []byte(in.CheckpointKeyID.KeyID), l.logIDs(notes)[0].id).At(at)
	}
	return l, nil
}

// window reads a closed interval. Its start is required (TR-4, decision 16).
func (w windowJSON) window(at string) (Window, error) {
	if w.Start == nil {
		return Window{}, check.Refuse("TR-4", check.TrustRoot, "is missing, want a time").At(at + ".start")
	}
	start, err := instant(*w.Start)
	if err != nil {
		return Window{}, check.Refuse("TM-5", check.TrustRoot, "is %q, want a time of RFC 3339", *w.Start).At(at + ".start")
	}
	if w.End == nil {
		return Window{Start: start}, nil
	}
	end, err := instant(*w.End)
	if err != nil {
		return Window{}, check.Refuse("TM-5", check.TrustRoot, "is %q, want a time of RFC 3339", *w.End).At(at + ".end")
	}
	return Window{Start: start, End: end}, nil
}

// instant reads a time of RFC 3339. The zero time is refused: in a Window it
// would mean that nothing was given.
func instant(s string) (time.Time, error) {
	var t time.Time
	// UnmarshalText, unlike time.Parse, keeps to the letter of RFC 3339.
	if err := t.UnmarshalText([]byte(s)); err != nil {
		return time.Time{}, err
	}
	if t.IsZero() {
		return time.Time{}, errors.New("is the zero time")
	}
	return t.UTC(), nil
}

// recheck gives a refusal of strictjson the check of the file it is about.
func recheck(err error, c check.Check) error {
	var e *check.Error
	if !errors.As(err, &e) {
		return check.Refuse("LM-2", c, "%v", err)
	}
	out := *e
	out.Check = c
	return &out
}

// Hosts returns the hosts that the trusted root names, sorted, without
// duplicates. They are names to show, not addresses to trust.
func (r *Root) Hosts() []string {
	var hosts []string
	add := func(raw string) {
		if u, err := url.Parse(raw); err == nil && u.Host != "" {
			hosts = append(hosts, u.Host)
		}
	}
	for _, l := range slices.Concat(r.Logs, r.CTLogs) {
		add(l.BaseURL)
	}
	for _, a := range slices.Concat(r.Authorities, r.TSAs) {
		add(a.URI)
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}
