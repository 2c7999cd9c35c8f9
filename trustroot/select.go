package trustroot

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A misfit is a service whose answers can't be verified.
type misfit struct {
	Service
	why error
}

// candidates returns the services of the highest supported version that are valid now
// and fit the trusted root, newest first; of equal starts the first in the file comes
// first. The misfits are those of the same version.
func (c *SigningConfig) candidates(field string, all []Service, highest int, fit fits, now time.Time) (out []Service, misfits []misfit, err error) {
	top := 0
	for _, s := range all {
		if s.Version < 1 || s.Version > highest || !s.Valid.Contains(now) { // SC-2
			continue
		}
		if err := fit(s.URL, now); err != nil {
			misfits = append(misfits, misfit{s, err})
			continue
		}
		out = append(out, s)
		top = max(top, s.Version)
	}
	if len(out) == 0 && len(misfits) > 0 {
		return nil, nil, reasons(misfits)
	}
	if len(out) == 0 {
		return nil, nil, check.Refuse("SC-2", check.SignCfg, "has no service of a supported version that is valid at %s",
			now.UTC().Format(time.RFC3339)).At(field).
			WithNext("check the clock of this machine, then update the signing configuration")
	}
	out = slices.DeleteFunc(out, func(s Service) bool { return s.Version != top }) // SC-3
	misfits = slices.DeleteFunc(misfits, func(m misfit) bool { return m.Version != top })
	slices.SortStableFunc(out, func(a, b Service) int { return b.Valid.Start.Compare(a.Valid.Start) })
	for _, s := range out {
		if !c.loopback && !strings.HasPrefix(s.URL, "https://") {
			return nil, nil, check.Refuse("SC-9", check.SignCfg, "%q is not https", s.URL).At(field)
		}
	}
	return out, misfits, nil
}

// reasons joins what is wrong with each service.
func reasons(misfits []misfit) error {
	if len(misfits) == 1 {
		return misfits[0].why
	}
	var all []error
	for _, m := range misfits {
		all = append(all, m.why)
	}
	return errors.Join(all...)
}

// first chooses the one service of a kind (SC-5).
func (c *SigningConfig) first(field string, all []Service, fit fits, now time.Time) (Service, error) {
	list, _, err := c.candidates(field, all, 1, fit, now)
	if err != nil {
		return Service{}, err
	}
	return list[0], nil
}

// several chooses the newest service of each operator (SC-6).
func (c *SigningConfig) several(field string, all []Service, highest int, d Demand, fit fits, now time.Time) (Selection, error) {
	list, misfits, err := c.candidates(field, all, highest, fit, now)
	if err != nil {
		return Selection{}, err
	}
	var out []Service
	for _, s := range list {
		if !slices.ContainsFunc(out, func(o Service) bool { return o.Operator == s.Operator }) {
			out = append(out, s)
		}
	}
	// What is left are operators without any service that fits.
	misfits = slices.DeleteFunc(misfits, func(m misfit) bool {
		return slices.ContainsFunc(out, func(o Service) bool { return o.Operator == m.Operator })
	})
	switch d.Selector {
	case "ALL":
		if len(misfits) > 0 {
			return Selection{}, reasons(misfits)
		}
		return Selection{out, len(out)}, nil
	case "ANY":
		return Selection{out, 1}, nil
	case "EXACT":
		if d.Count > int64(len(out)) && len(misfits) > 0 {
			return Selection{}, reasons(misfits)
		}
		if d.Count < 1 || d.Count > int64(len(out)) {
			return Selection{}, check.Refuse("SC-6", check.SignCfg, "wants exactly %d operators, want 1 to %d", d.Count, len(out)).At(field)
		}
		return Selection{out, int(d.Count)}, nil
	}
	return Selection{}, check.Refuse("SC-6", check.SignCfg, "has selector %q, want ALL, ANY or EXACT", d.Selector).At(field)
}

// serviceURL says why raw is not the URL of a service (SC-9).
func serviceURL(raw string) error {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/[]"
	u, err := url.Parse(raw)
	if err != nil {
		return errors.New("is not a URL")
	}
	if strings.ContainsFunc(raw, func(r rune) bool { return !strings.ContainsRune(plain, r) }) {
		return errors.New("has characters that the URL of a service does not need")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return errors.New("is not https")
	}
	if u.Hostname() == "" {
		return errors.New("has no host")
	}
	// An internationalised name can look like another one; what a person cannot
	// tell apart is not taken.
	if strings.HasPrefix(u.Hostname(), "xn--") || strings.Contains(u.Hostname(), ".xn--") {
		return errors.New("has an internationalised host name")
	}
	if strings.HasSuffix(u.Host, ":") {
		return errors.New("has an empty port")
	}
	if n, err := strconv.ParseUint(u.Port(), 10, 16); u.Port() != "" && (err != nil || n == 0) {
		return errors.New("has no possible port")
	}
	for _, segment := range strings.Split(u.Path, "/") {
		if segment == "." || segment == ".." {
			return errors.New("has a dot segment")
		}
	}
	return nil
}

// loopback reports whether host is a literal loopback address.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
