package logs

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// logged returns the index in the log of certificates that TesseraCT promised in
// the timestamp of a certificate (C2SP static-ct-api, "SCT Extension").
func logged(t *testing.T, b *protobundle.Bundle) (index int64) {
	t.Helper()
	cert, err := x509.ParseCertificate(b.VerificationMaterial.GetCertificate().GetRawBytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range cert.Extensions {
		if !e.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}) {
			continue
		}
		if _, after, ok := bytes.Cut(e.Value, []byte{0, 8, 0, 0, 5}); ok {
			for _, b := range after[:5] {
				index = index<<8 | int64(b)
			}
			return index
		}
	}
	t.Fatal("the timestamp has no index")
	return 0
}

// tree returns the checkpoint of the log of certificates, of at least some size.
func (s *scene) tree(t *testing.T, least int64) string {
	t.Helper()
	for range 100 {
		res, err := http.Get(s.URL(sandbox.CTLog) + "/checkpoint")
		if err != nil {
			t.Fatal(err)
		}
		note, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if size, err := strconv.ParseInt(strings.Split(string(note)+"\n\n", "\n")[1], 10, 64); err == nil && size >= least {
			return string(note)
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("the log does not reach %d entries", least)
	return ""
}

// certificate signs something and waits until its certificate is in the tree.
func (s *scene) certificate(t *testing.T, content string) (index int64, bundle string) {
	t.Helper()
	b, bundle := s.sign(t, s.second(), content)
	index = logged(t, b)
	s.tree(t, index+1)
	return index, bundle
}

// certificates looks for those of the user; in a log that this user never wrote
// to nothing else is found.
func (s *scene) certificates(more ...string) []string {
	return append([]string{"log", "watch", "--identity", s.email, "--log", s.first().log, "--certificates", "--json"}, more...)
}

// Certificates in a log of tiles that are not known are news, once.
func TestLG_WatchCertificates(t *testing.T) {
	s := newScene(t)
	watch := func(status int, more ...string) []shown {
		t.Helper()
		return lines[shown](t, s.run(t, status, s.certificates(more...)...).Stdout)
	}
	if got := watch(0); len(got) != 0 {
		t.Errorf("nothing was issued: got %+v", got)
	}
	one, _ := s.certificate(t, "first")
	got := watch(10)
	if len(got) != 1 || got[0].Kind != "certificate" || got[0].Index != one || got[0].Subject != s.email || got[0].Issuer != s.Issuer() || got[0].Authority == "" ||
		got[0].Log != s.URL(sandbox.CTLog) || got[0].Time == nil || time.Since(*got[0].Time).Abs() > time.Hour {
		t.Errorf("got %+v, want the certificate at %d", got, one)
	}
	if got := watch(0); len(got) != 0 {
		t.Errorf("a second time: got %+v", got)
	}
	two, mine := s.certificate(t, "second")
	three, _ := s.certificate(t, "third")
	if got := watch(10, "--known", mine); len(got) != 1 || got[0].Index != three {
		t.Errorf("got %+v, want only the certificate at %d, not that at %d", got, three, two)
	}
	// A user who was not here before sees all.
	other := newScene(t)
	other.email = s.email
	if got := lines[shown](t, other.run(t, 10, other.certificates()...).Stdout); len(got) != 3 || got[0].Index != one || got[2].Index != three {
		t.Errorf("another machine: got %+v", got)
	}
	for since, want := range map[string]int{"2020-01-01": 3, "2100-01-01": 0} {
		other = newScene(t)
		other.email = s.email
		status := map[bool]int{true: 10}[want > 0]
		if got := lines[shown](t, other.run(t, status, other.certificates("--since", since)...).Stdout); len(got) != want {
			t.Errorf("since %s: got %+v", since, got)
		}
	}
}

// A log of tiles that lies is caught, and what it said before is kept.
func TestLG_CertificatesOfALogThatLies(t *testing.T) {
	s := newScene(t)
	s.certificate(t, "before")
	old := s.tree(t, 1)
	s.certificate(t, "after")
	s.run(t, 10, s.certificates()...)
	for _, tt := range []struct {
		name  string
		fault sandbox.Fault
		fresh bool
		want  refusal
	}{
		{"LG-2 went back", sandbox.Path("/checkpoint", answered(old)), false, refusal{"checkpoint", "went back"}},
		{"WN-4 another origin", sandbox.Path("/checkpoint", answered(strings.Replace(old, "ctlog.", "other.", 1))), true, refusal{"checkpoint", "no signature by"}},
		{"WN-4 another size", sandbox.Path("/checkpoint", answered(strings.Replace(old, "\n", "\n1", 1))), true, refusal{"checkpoint", "does not verify"}},
		{"LG-4 no data", sandbox.Path("/tile/data/", sandbox.Answer(404, "text/plain", nil)), true, refusal{"server", "is missing"}},
		{"LG-4 other data", sandbox.Path("/tile/data/", answered("data")), true, refusal{"proof", "tile/data/"}},
		{"LG-4 other hashes", sandbox.Path("/tile/0/", answered("hashes")), true, refusal{"proof", "tile/0/"}},
		{"LG-4 neither of the two kinds", sandbox.Answer(404, "text/plain", nil), true, refusal{"net", "neither a checkpoint"}},
		{"LG-4 no answer", sandbox.Answer(503, "text/plain", nil), true, refusal{"net", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			who := s
			if tt.fresh {
				who = newScene(t)
			}
			s.Fault(sandbox.CTLog, tt.fault)
			defer s.Fault(sandbox.CTLog, nil)
			args := who.certificates()
			r := who.refused(t, tt.want, args[:len(args)-1]...) // without --json, where failures are printed
			if !strings.Contains(r.Stderr, s.URL(sandbox.CTLog)) {
				t.Errorf("the log is not named: %s", r.Stderr)
			}
			if strings.Contains(tt.name, "went back") && !strings.Contains(r.Stderr, "kept in") {
				t.Errorf("no evidence is named: %s", r.Stderr)
			}
		})
	}
	s.run(t, 0, s.certificates()...) // and it goes on where it was
}

func answered(body string) sandbox.Fault { return sandbox.Answer(200, "text/plain", []byte(body)) }
