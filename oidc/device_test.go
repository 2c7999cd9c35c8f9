package oidc

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A deviceOP answers polls with a list of errors, then with a token.
type deviceOP struct {
	*op
	change func(map[string]any)
	errors []string
	polls  int
}

func newDeviceOP(t *testing.T) *deviceOP {
	d := &deviceOP{op: newOP(t)}
	d.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		r.ParseForm()
		switch r.URL.Path {
		case "/device":
			m := map[string]any{
				"device_code": "device-" + canary, "user_code": "WDJB-MJHT", "verification_uri": "https://x.example/device",
				"verification_uri_complete": "https://x.example/device?user_code=WDJB-MJHT", "expires_in": 600,
			}
			if d.change != nil {
				d.change(m)
			}
			d.auth = nil
			d.form = r.PostForm
			reply(w, 200, m)
			return true
		case "/token":
			d.polls++
			if d.polls <= len(d.errors) {
				reply(w, 400, map[string]any{"error": d.errors[d.polls-1], "error_description": r.PostForm.Encode()})
				return true
			}
		}
		return false
	}
	return d
}

func TestDevice(t *testing.T) {
	repeat := func(n int, s string) []string { return strings.Split(strings.Repeat(s+" ", n)+"x", " ")[:n] }
	set := func(name string, v any) func(map[string]any) { return func(m map[string]any) { m[name] = v } }
	seconds := func(list ...int) (out []time.Duration) {
		for _, n := range list {
			out = append(out, time.Duration(n)*time.Second)
		}
		return out
	}
	for _, tt := range []struct {
		name   string
		change func(map[string]any)
		errors []string
		waits  []time.Duration // nil: not looked at
		want   check.Check
		text   string
	}{
		{"good", nil, nil, seconds(5), "", ""},
		{"pending", nil, repeat(3, "authorization_pending"), seconds(5, 5, 5, 5), "", ""},
		{"interval 1", set("interval", 1), repeat(1, "authorization_pending"), seconds(1, 1), "", ""},
		{"L35 interval 0", set("interval", 0), nil, seconds(1), "", ""},
		{"L35 interval negative", set("interval", -7), nil, seconds(1), "", ""},
		{"L35 interval 10^9", set("interval", 1000000000), nil, seconds(60), "", ""},
		{"interval text", set("interval", "5"), nil, nil, check.OIDCToken, "JSON"},
		{"slow_down", nil, repeat(2, "slow_down"), seconds(5, 10, 15), "", ""},
		{"L35 slow_down for ever", nil, repeat(1000, "slow_down"), nil, check.OIDCToken, "ran out"},
		{"L35 user code with escape characters", set("user_code", "A\x1b[31m"), nil, nil, check.OIDCToken, `"A\x1b[31m"`},
		{"L35 user code with DEL", set("user_code", "A\x7f"), nil, nil, check.OIDCToken, `"A\x7f"`},
		{"L35 user code too long", set("user_code", strings.Repeat("A", 65)), nil, nil, check.OIDCToken, "64"},
		{"L35 user code empty", set("user_code", ""), nil, nil, check.OIDCToken, "user_code"},
		{"L35 verification URI http", set("verification_uri", "http://x.example/"), nil, nil, check.OIDCToken, "verification_uri: want an https page"},
		{"L35 verification URI javascript", set("verification_uri", "javascript:alert(1)"), nil, nil, check.OIDCToken, "verification_uri"},
		{"L35 complete URI http", set("verification_uri_complete", "http://x.example/"), nil, nil, check.OIDCToken, "verification_uri_complete"},
		{"complete URI absent", set("verification_uri_complete", ""), nil, seconds(5), "", ""},
		{"device code empty", set("device_code", ""), nil, nil, check.OIDCToken, "device code"},
		{"device code of 8192", set("device_code", strings.Repeat("x", 8192)), nil, seconds(5), "", ""},
		{"device code too long", set("device_code", strings.Repeat("x", 8193)), nil, nil, check.OIDCToken, "device code"},
		{"no life", set("expires_in", 0), nil, nil, check.OIDCToken, "expires_in"},
		{"L36 expired_token", nil, []string{"expired_token"}, seconds(5), check.OIDCToken, `"expired_token"`},
		{"L36 access_denied", nil, []string{"authorization_pending", "access_denied"}, seconds(5, 5), check.OIDCToken, `"access_denied"`},
		{"unknown error", nil, []string{"boo\x00"}, seconds(5), check.OIDCToken, `"boo\x00"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newDeviceOP(t)
			p.change, p.errors = tt.change, tt.errors
			var shown []string
			var waits []time.Duration
			elapsed := time.Duration(0)
			d := Device{
				Issuer: p.URL, Now: testNow,
				Show: func(code, uri, complete string) { shown = append(shown, code, uri, complete) },
				sleep: func(ctx context.Context, d time.Duration) error {
					waits = append(waits, d)
					if elapsed += d; elapsed > 600*time.Second {
						<-expired(ctx)
						return errors.New("over")
					}
					return nil
				},
			}
			if tt.name == "L35 slow_down for ever" {
				p.change = set("expires_in", 1) // of real time; the rest of it is waited for
			}
			got, err := d.Token(t.Context(), "sigstore")
			if tt.want != "" {
				wantCheck(t, err, tt.want, tt.text)
			} else if err != nil || got.Subject != "alice@example.com" {
				t.Errorf("got %v, %v", got, err)
			}
			if tt.waits != nil {
				if d := cmp.Diff(tt.waits, waits); d != "" {
					t.Errorf("waits (-want +got):\n%s", d)
				}
				if len(shown) != 3 || shown[0] != "WDJB-MJHT" || shown[1] != "https://x.example/device" {
					t.Errorf("shown %q", shown)
				}
			}
			for _, w := range waits {
				if w < time.Second || w > time.Minute {
					t.Errorf("waited %v", w)
				}
			}
		})
	}
}

func expired(ctx context.Context) <-chan struct{} { return ctx.Done() }

func TestDevice_NotOffered(t *testing.T) {
	p := newOP(t)
	p.discovery = func(m map[string]any) { delete(m, "device_authorization_endpoint") }
	_, err := Device{Issuer: p.URL, Show: func(string, string, string) {}}.Token(t.Context(), "sigstore")
	wantCheck(t, err, check.OIDCToken, "no device flow")
	if !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	p.discovery = func(m map[string]any) { m["device_authorization_endpoint"] = "http://x.example/" }
	_, err = Device{Issuer: p.URL, Show: func(string, string, string) {}}.Token(t.Context(), "sigstore")
	wantCheck(t, err, check.OIDCIss, "device_authorization_endpoint")
}

func TestDevice_CancelledAtOnce(t *testing.T) {
	p := newDeviceOP(t)
	ctx, cancel := context.WithCancel(t.Context())
	d := Device{Issuer: p.URL, Now: testNow, Show: func(string, string, string) { cancel() }}
	start := time.Now()
	_, err := d.Token(ctx, "sigstore")
	if !errors.Is(err, context.Canceled) || time.Since(start) > 2*time.Second {
		t.Errorf("got %v after %v", err, time.Since(start))
	}
}
