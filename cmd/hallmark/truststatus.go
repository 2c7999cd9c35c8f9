package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/trustroot"
	"github.com/hallmarksign/hallmark/trustroot/tuf"
)

// A trustStatus is what is known of the trust data of one instance.
type trustStatus struct {
	instance string
	tuf      tuf.Status
	hosts    []string
	left     []unfinishedJSON
}

func (t *trustFlags) status(ctx context.Context, e *env) (*trustStatus, error) {
	client, err := t.client(e)
	if err != nil {
		return nil, err
	}
	s := &trustStatus{instance: t.name(e), left: unfinished(e)}
	if s.tuf, err = client.Status(ctx); err != nil {
		return nil, err
	}
	if u, err := url.Parse(s.tuf.Mirror); err == nil {
		s.hosts = append(s.hosts, u.Host)
	}
	if root, err := client.Root(ctx); err == nil {
		s.hosts = append(s.hosts, root.Hosts()...)
	}
	if config, err := client.Services(ctx); err == nil {
		for _, list := range [][]trustroot.Service{config.CAs, config.OIDCs, config.Logs, config.TSAs} {
			for _, service := range list {
				s.hosts = append(s.hosts, host(service.URL))
			}
		}
	}
	slices.Sort(s.hosts)
	s.hosts = slices.Compact(s.hosts)
	return s, nil
}

func (s *trustStatus) writeText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "instance  %s\nmirror    %s\nsource    %s\n", s.instance, printable(s.tuf.Mirror, 256), s.tuf.Source)
	if !s.tuf.Fetched.IsZero() {
		fmt.Fprintf(&b, "fetched   %s (%s ago)\n", s.tuf.Fetched.UTC().Format(time.RFC3339), s.tuf.Age.Round(time.Second))
	}
	for _, r := range s.tuf.Roles {
		fmt.Fprintf(&b, "role      %-9s version %d, expires %s\n", r.Name, r.Version, r.Expires.UTC().Format(time.RFC3339))
	}
	if s.tuf.RootThreshold > 0 {
		fmt.Fprintf(&b, "keys      %d of %d sign the next root\n", s.tuf.RootThreshold, len(s.tuf.RootKeys))
		for _, id := range s.tuf.RootKeys {
			fmt.Fprintf(&b, "  %s\n", printable(id, 128))
		}
	}
	for _, t := range s.tuf.Targets {
		fmt.Fprintf(&b, "file      %s, %d bytes, sha256:%x\n", printable(t.Name, 256), t.Size, t.SHA256)
	}
	fmt.Fprintf(&b, "hosts     %s\n", printable(strings.Join(s.hosts, " "), 4096))
	if s.tuf.Expired != nil {
		fmt.Fprintf(&b, "expired   %s\n", reason(s.tuf.Expired, 1024))
	}
	for _, warning := range s.tuf.Warnings {
		fmt.Fprintf(&b, "warning   %s\n", printable(warning, 1024))
	}
	if err := writeUnfinished(&b, s.left, "%s %s\n"); err != nil {
		return err
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (s *trustStatus) writeJSON(w io.Writer) error {
	type roleJSON struct {
		Name    string    `json:"name"`
		Version int64     `json:"version"`
		Expires time.Time `json:"expires"`
	}
	type fileJSON struct {
		Name   string `json:"name"`
		Size   int    `json:"size"`
		Digest string `json:"digest"`
	}
	out := struct {
		Schema     int              `json:"schema"`
		Instance   string           `json:"instance"`
		Mirror     string           `json:"mirror"`
		Source     string           `json:"source"`
		Fetched    *time.Time       `json:"fetched,omitempty"`
		Age        int64            `json:"age_seconds"`
		Roles      []roleJSON       `json:"roles"`
		Threshold  int              `json:"root_threshold"`
		Keys       []string         `json:"root_keys"`
		Files      []fileJSON       `json:"files"`
		Hosts      []string         `json:"hosts"`
		Expired    string           `json:"expired,omitempty"`
		Warnings   []string         `json:"warnings"`
		Unfinished []unfinishedJSON `json:"unfinished"`
	}{
		Schema: schema, Instance: s.instance, Mirror: s.tuf.Mirror, Source: s.tuf.Source, Age: int64(s.tuf.Age.Seconds()),
		Roles: []roleJSON{}, Threshold: s.tuf.RootThreshold, Keys: append([]string{}, s.tuf.RootKeys...),
		Files: []fileJSON{}, Hosts: s.hosts, Warnings: append([]string{}, s.tuf.Warnings...),
		Unfinished: s.left,
	}
	if !s.tuf.Fetched.IsZero() {
		fetched := s.tuf.Fetched.UTC()
		out.Fetched = &fetched
	}
	for _, r := range s.tuf.Roles {
		out.Roles = append(out.Roles, roleJSON{r.Name, r.Version, r.Expires.UTC()})
	}
	for _, t := range s.tuf.Targets {
		out.Files = append(out.Files, fileJSON{t.Name, t.Size, fmt.Sprintf("sha256:%x", t.SHA256)})
	}
	if s.tuf.Expired != nil {
		out.Expired = reason(s.tuf.Expired, 1024)
	}
	return writeJSON(w, out)
}
