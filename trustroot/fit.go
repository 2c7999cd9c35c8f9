package trustroot

import (
	"net/url"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A Skipped is an instance of a trusted root that this program can't use (TR-3).
type Skipped struct {
	List      string // of the trusted root, such as "tlogs"
	URL       string
	Algorithm string // what is not known
	Valid     Window // as long as the key is said to be in use
}

// Name returns the name of a log: its base URL without scheme and without trailing
// slash (R2-7).
func (l *Log) Name() string { return nameOf(l.BaseURL) }

func nameOf(base string) string {
	if _, rest, ok := strings.Cut(base, "://"); ok {
		base = rest
	}
	return strings.TrimRight(base, "/")
}

// LogsAt returns the logs that may answer at the URL of a service at a moment: those
// named with its port, else those named without one, for the base URL of a log gives
// its name in checkpoints. It is an error if one of them has a key that can't be used:
// what that log records can't be proved.
func (r *Root) LogsAt(service string, now time.Time) ([]Log, error) {
	u, err := url.Parse(service)
	if err != nil {
		return nil, check.Refuse("SC-9", check.SignCfg, "want the URL of a log, got %q", service)
	}
	path := strings.TrimRight(u.Path, "/")
	for _, name := range []string{u.Host + path, u.Hostname() + path} {
		if s := r.skipped("tlogs", now, func(s *Skipped) bool { return nameOf(s.URL) == name }); s != nil {
			return nil, check.Refuse("TR-3", check.TlogUnknown, "log %q signs with a key of %s, which hallmark can't verify", u.Redacted(), s.Algorithm).
				WithNext("see whether a newer hallmark can, or have another log named in the signing configuration")
		}
		var logs []Log
		for i := range r.Logs {
			if r.Logs[i].Valid.Contains(now) && r.Logs[i].Name() == name {
				logs = append(logs, r.Logs[i])
			}
		}
		if len(logs) > 0 {
			return logs, nil
		}
	}
	return nil, check.Refuse("R1-1", check.TlogUnknown, "log %q is not in the trusted root, or not in use at %s",
		u.Redacted(), now.UTC().Format(time.RFC3339))
}

// skipped returns an instance of a list that would be in use at a moment.
func (r *Root) skipped(list string, now time.Time, is func(*Skipped) bool) *Skipped {
	for i := range r.Skipped {
		if s := &r.Skipped[i]; s.List == list && s.Valid.Contains(now) && is(s) {
			return s
		}
	}
	return nil
}

// fits reports by its error whether what a service signs can be verified.
type fits func(service string, now time.Time) error

func anything(string, time.Time) error { return nil }

func (r *Root) logFits(service string, now time.Time) error {
	_, err := r.LogsAt(service, now)
	return err
}

func (r *Root) certifies(service string, now time.Time) error {
	return r.authorityFits("certificate authority", "certificateAuthorities", r.Authorities, service, now)
}

func (r *Root) timestamps(service string, now time.Time) error {
	return r.authorityFits("timestamp authority", "timestampAuthorities", r.TSAs, service, now)
}

// authorityFits looks for an authority by its host. The URI in a trusted root need not
// be where the authority answers, so one that no instance names may be any of those in
// use; but one that is named only by instances that were skipped is none.
func (r *Root) authorityFits(what, list string, all []Authority, service string, now time.Time) error {
	used := false
	for i := range all {
		if !all[i].Valid.Contains(now) {
			continue
		}
		if sameHost(all[i].URI, service) {
			return nil
		}
		used = true
	}
	if s := r.skipped(list, now, func(s *Skipped) bool { return sameHost(s.URL, service) }); s != nil {
		return check.Refuse("TR-3", check.SignCfg, "%s %q can't be verified by hallmark: %s", what, service, s.Algorithm).
			WithNext("see whether a newer hallmark can, or have another one named in the signing configuration")
	}
	if !used {
		return check.Refuse("TR-3", check.TrustRoot, "has no %s that is in use at %s", what, now.UTC().Format(time.RFC3339)).At(list).
			WithNext("check the clock of this machine, then update the trusted root")
	}
	return nil
}

// sameHost reports whether an instance of a trusted root and a service have the same
// host, and the same port if the instance has one.
func sameHost(instance, service string) bool {
	i, err := url.Parse(instance)
	s, err2 := url.Parse(service)
	return err == nil && err2 == nil && i.Host != "" && (i.Host == s.Host || i.Host == s.Hostname())
}
