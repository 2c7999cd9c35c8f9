package oci

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

const canary = "canary-password-7f3a"

// fixed is a keychain with one entry.
type fixed map[string]Credential

func (f fixed) Credential(_ context.Context, registry, _ string) (Credential, error) {
	return f[registry], nil
}

// leaks says whether a request shows the canary in any form.
func leaks(r *http.Request) bool {
	var b strings.Builder
	r.Header.Write(&b)
	text := b.String() + r.URL.String()
	return strings.Contains(text, canary) || strings.Contains(text, "secret-token") ||
		strings.Contains(text, base64.StdEncoding.EncodeToString([]byte("me:"+canary))) || r.Header.Get("Authorization") != ""
}

func TestOC6_Redirects(t *testing.T) {
	rows := []struct {
		from, to, method string
		home             bool
		ok               bool
	}{
		{"https://r.io/v2/a", "https://r.io/v2/b", "GET", false, true},
		{"https://r.io/v2/a", "https://cdn.example/b", "GET", false, true},
		{"https://r.io/v2/a", "https://cdn.example/b", "HEAD", false, true},
		{"https://r.io/v2/a", "https://cdn.example/b", "POST", false, false},
		{"https://r.io/v2/a", "https://r.io/b", "PUT", false, false},
		{"https://r.io/v2/a", "http://r.io/b", "GET", false, false},       // O27
		{"https://r.io/v2/a", "ftp://cdn.example/b", "GET", false, false}, // Q18
		{"https://r.io/v2/a", "https://u:p@cdn.example/b", "GET", false, false},
		{"https://r.io/v2/a", "https://169.254.169.254/b", "GET", true, false}, // Q19
		{"https://r.io/v2/a", "https://10.0.0.1/b", "GET", false, false},
		{"https://10.0.0.2/v2/a", "https://10.0.0.1/b", "GET", true, true},
		{"https://r.io/v2/a", "https://[::ffff:127.0.0.1]/b", "GET", false, false},
		{"https://r.io/v2/a", "https://2130706433/b", "GET", false, false},
		{"https://r.io/v2/a", "https://0x7f.1/b", "GET", true, false},
		{"https://r.io/v2/a", "https://0.0.0.0/b", "GET", true, false},
		{"http://127.0.0.1:1/v2/a", "http://127.0.0.1:2/b", "GET", true, true},
		{"http://127.0.0.1:1/v2/a", "https://cdn.example/b", "GET", true, true},
		{"http://127.0.0.1:1/v2/a", "ftp://cdn.example/b", "GET", true, false}, // Q18
	}
	for _, row := range rows {
		from, to := must(url.Parse(row.from))(t), must(url.Parse(row.to))(t)
		err := allowRedirect(from, to, row.method, row.home)
		if (err == nil) != row.ok {
			t.Errorf("OC-6 %s from %s to %s, home %v: got %v, want allowed %v", row.method, row.from, row.to, row.home, err, row.ok)
		}
		if err != nil && check.Of(err) != check.Net {
			t.Errorf("got check %q, want net", check.Of(err))
		}
	}
}

func TestOC6_RedirectsAreCounted(t *testing.T) {
	hop := &http.Request{Method: "GET", URL: must(url.Parse("https://r.io/v2/"))(t)}
	for n, want := range map[int]check.Check{maxRedirects: "", maxRedirects + 1: check.Net} {
		if err := checkRedirect(hop, slices.Repeat([]*http.Request{hop}, n)); check.Of(err) != want {
			t.Errorf("%d hops: got %v, want check %q", n, err, want)
		}
	}
	_, err := guard{http.DefaultTransport}.RoundTrip(hop)
	refused(t, err, check.Internal) // on nobody's behalf
}

func TestOC6_TokenServers(t *testing.T) {
	rows := []struct {
		registry, realm string
		listed          []string
		ok, trusted     bool
	}{
		{"https://r.io", "https://r.io/token", nil, true, true},
		{"https://r.io", "https://r.io:443/token", nil, true, true},
		{"https://r.io", "https://r.io:444/token", nil, true, false},
		{"https://r.io", "http://r.io/token", nil, false, false},
		{"https://r.io", "https://auth.r.io/token", nil, true, false},
		{"https://r.io", "https://auth.r.io/token", []string{"auth.r.io"}, true, true},
		{"https://r.io", "http://auth.r.io/token", []string{"auth.r.io"}, false, false},
		{"https://r.io", "https://r.io.evil/token", nil, true, false}, // O28
		{"https://r.io", "https://R.IO/token", nil, true, false},
		{"https://index.docker.io", "https://auth.docker.io/token", nil, true, true},
		{"https://index.docker.io.evil", "https://auth.docker.io/token", nil, true, false},
		{"https://registry.gitlab.com", "https://gitlab.com/jwt/auth", nil, true, true},
		// O23
		{"https://r.io", "https://169.254.169.254/token", nil, false, false},
		{"https://r.io", "https://[::ffff:169.254.169.254]/token", nil, false, false},
		{"https://r.io", "https://2852039166/token", nil, false, false},
		{"https://r.io", "https://0xa9.0xfe.0xa9.0xfe/token", nil, false, false},
		{"https://r.io", "https://8.8.8.8/token", nil, false, false},
		{"http://127.0.0.1:5000", "http://127.0.0.1:5000/token", nil, true, true},
		{"http://127.0.0.1:5000", "http://127.0.0.1:5001/token", nil, false, false},
		{"https://r.io", "https://u:p@r.io/token", nil, false, false},
		{"https://r.io", "https://r.io/token#x", nil, false, false},
		{"https://r.io", "https:///token", nil, false, false},
		{"https://r.io", "https:r.io/token", nil, false, false},
		{"https://r.io", "/token", nil, false, false},
		{"https://r.io", "://", nil, false, false},
		{"https://r.io", "file:///etc/passwd", nil, false, false},
	}
	for _, row := range rows {
		got, err := allowRealm(row.realm, must(url.Parse(row.registry))(t), row.listed)
		if (err == nil) != row.ok || got.trusted != row.trusted {
			t.Errorf("OC-6 realm %s of %s: got trusted %v, %v, want allowed %v, trusted %v", row.realm, row.registry, got.trusted, err, row.ok, row.trusted)
		}
		if err != nil && check.Of(err) != check.Net {
			t.Errorf("got check %q, want net", check.Of(err))
		}
	}
}

func TestO30_UploadLocations(t *testing.T) {
	request := must(url.Parse("https://r.io/v2/a/blobs/uploads/"))(t)
	rows := map[string]string{
		"/v2/a/blobs/uploads/1?x=y": "https://r.io/v2/a/blobs/uploads/1?x=y",
		"1":                         "https://r.io/v2/a/blobs/uploads/1",
		"https://r.io/x":            "https://r.io/x",
		"https://evil.example/x":    "",
		"//evil.example/x":          "",
		"http://r.io/x":             "",
		"https://r.io:444/x":        "",
		"https://u:p@r.io/x":        "",
		"":                          "",
		"https://%zz":               "",
	}
	for location, want := range rows {
		got, err := allowUpload(location, request)
		if want == "" {
			if check.Of(err) != check.OCI {
				t.Errorf("O30 %q: got %v, %v, want a refusal of check oci", location, got, err)
			}
		} else if err != nil || got.String() != want {
			t.Errorf("O30 %q: got %v, %v, want %s", location, got, err, want)
		}
	}
}

func TestO23_AddressesAreCheckedWhenConnected(t *testing.T) {
	rows := []struct {
		registry, asked, actual string
		home, ok                bool
	}{
		{"r.io", "r.io:443", "8.8.8.8:443", false, true},
		{"r.io", "r.io:443", "10.0.0.1:443", false, true}, // the user named it
		{"r.io", "r.io:443", "169.254.169.254:443", false, false},
		{"r.io", "r.io:443", "0.0.0.0:443", false, false},
		{"r.io", "auth.example:443", "8.8.8.8:443", false, true},
		{"r.io", "auth.example:443", "10.0.0.1:443", false, false},
		{"r.io", "auth.example:443", "127.0.0.1:443", false, false},
		{"r.io", "auth.example:443", "[::1]:443", false, false},
		{"r.io", "auth.example:443", "[::ffff:10.0.0.1]:443", false, false},
		{"r.io", "auth.example:443", "[fd00::1]:443", false, false},
		{"r.io", "auth.example:443", "[fe80::1]:443", true, false},
		{"r.io", "auth.example:443", "10.0.0.1:443", true, true},
		{"r.io", "auth.example:443", "169.254.169.254:443", true, false},
		{"127.0.0.1:5000", "127.0.0.1:5000", "127.0.0.1:5000", false, true},
		{"r.io", "r.io:443", "nonsense", false, false},
	}
	for _, row := range rows {
		b := &binding{registry: row.registry}
		b.home.Store(row.home)
		err := owner{binding: b}.allowAddress(row.asked, row.actual)
		if (err == nil) != row.ok {
			t.Errorf("O23 %s at %s for %s, home %v: got %v, want allowed %v", row.asked, row.actual, row.registry, row.home, err, row.ok)
		}
	}
	b := &binding{registry: "r.io"}
	if err := (owner{binding: b}).allowAddress("r.io:443", "10.0.0.1:443"); err != nil || !b.home.Load() {
		t.Errorf("a registry at 10.0.0.1: got %v, home %v, want it to be inside", err, b.home.Load())
	}
	if special(netip.MustParseAddr("8.8.8.8")) || isNumeric("a.b") || isNumeric("") || isNumeric("a.1b") || !isNumeric("a.1.") {
		t.Error("got a public address or a name taken as special")
	}
}

// basic demands a password, and bearer a token of a realm.
func basic(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != canary {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func mine(h *host) func(*Config) {
	return func(c *Config) { c.Credentials = fixed{h.name: {Username: "me", Password: canary, Source: "a file"}} }
}

func TestOC6_BasicCredentialsAfterTheChallenge(t *testing.T) {
	inner := newHost(t)
	pushImage(t, newClient(t), inner, "app", "1", "x")
	h := serve(t, basic(inner.Config.Handler), httptest.NewServer)
	c := newClient(t, mine(h))
	resolved(t, c, h.name+"/app:1")
	if got := h.requests(); len(got) != 2 || got[0].Header.Get("Authorization") != "" || got[1].Header.Get("Authorization") == "" {
		t.Errorf("got %d requests, want one without and one with credentials", len(got))
	}
	h.forget()
	resolved(t, c, h.name+"/app:1")
	if got := h.requests(); len(got) != 1 {
		t.Errorf("got %d requests in the same session, want 1", len(got))
	}
	_, err := newClient(t).Resolve(t.Context(), h.name+"/app:1")
	refused(t, err, check.Net)
	wrong := newClient(t, func(c *Config) { c.Credentials = fixed{h.name: {Username: "me", Password: "x", Source: "file 7"}} })
	_, err = wrong.Resolve(t.Context(), h.name+"/app:1")
	refused(t, err, check.Net)
	if e, ok := err.(*check.Error); !ok || !strings.Contains(e.Next, "file 7") {
		t.Errorf("got %#v, want the file of the credentials named", err)
	}
}

// tokens is a registry with a token server at realm; it counts its tokens.
func tokens(next http.Handler, realm func() string, count *int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			user, password, ok := r.BasicAuth()
			if ok && (user != "me" || password != canary) {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			*count++
			who := "anonymous"
			if ok || r.FormValue("refresh_token") == canary {
				who = "me"
			}
			scopes := r.Form["scope"]
			if len(scopes) == 0 {
				scopes = r.URL.Query()["scope"]
			}
			json.NewEncoder(w).Encode(map[string]string{"token": "secret-token-" + who + "-" + strings.NewReplacer(":", "_", ",", "_", "/", "_").Replace(strings.Join(scopes, "+"))})
			return
		}
		if token := r.Header.Get("Authorization"); !strings.HasPrefix(token, "Bearer secret-token-me-repository_app_pull") ||
			r.Method != "GET" && r.Method != "HEAD" && !strings.Contains(token, "push") {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s",service="s",scope="repository:app:pull"`, realm()))
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func TestOC6_TokenOncePerScope(t *testing.T) {
	inner := newHost(t)
	pushImage(t, newClient(t), inner, "app", "1", "x")
	for name, cred := range map[string]Credential{
		"password": {Username: "me", Password: canary}, "identity token": {Identity: canary},
	} {
		t.Run(name, func(t *testing.T) {
			count := 0
			var h *host
			h = serve(t, tokens(inner.Config.Handler, func() string { return h.URL + "/token" }, &count), httptest.NewServer)
			c := newClient(t, func(c *Config) { c.Credentials = fixed{h.name: cred} })
			a := resolved(t, c, h.name+"/app:1")
			must(c.Tree(t.Context(), a))(t)
			if count != 1 {
				t.Errorf("asked for %d tokens to read, want 1", count)
			}
			data := []byte(name)
			must(a.extras.(*repository).writeBlob(t.Context(), descriptor{Digest: sum(data), Size: int64(len(data))}, nil, inMemory(data)))(t)
			if count != 2 {
				t.Errorf("asked for %d tokens to read and write, want 2", count)
			}
		})
	}
}

// Many images at once share one session.
func TestManyImagesAtOnce(t *testing.T) {
	inner := newHost(t)
	pushImage(t, newClient(t), inner, "app", "1", "x")
	var mu sync.Mutex
	count := 0
	var h *host
	handler := tokens(inner.Config.Handler, func() string { return h.URL + "/token" }, &count)
	h = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		handler.ServeHTTP(w, r)
	}), httptest.NewServer)
	c := newClient(t, mine(h))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := c.Resolve(t.Context(), h.name+"/app:1"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if count != 1 {
		t.Errorf("asked for %d tokens, want 1", count)
	}
}

// A registry that says 404 to strangers is asked by a ping how to log in.
func TestPingWhereStrangersSeeNothing(t *testing.T) {
	inner := newHost(t)
	pushImage(t, newClient(t), inner, "app", "1", "x")
	secure := basic(inner.Config.Handler)
	h := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" && r.URL.Path != "/v2/" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		secure.ServeHTTP(w, r)
	}), httptest.NewServer)
	resolved(t, newClient(t, mine(h)), h.name+"/app:1")
	_, err := newClient(t).Resolve(t.Context(), h.name+"/app:1")
	refused(t, err, check.Net)
}

// O24: a challenge has one reading or is refused, and why is said.
func TestO24_Challenges(t *testing.T) {
	one := func(field string) []string { return []string{field} }
	long := `Bearer realm="` + strings.Repeat("x", maxChallenge)
	for name, row := range map[string]struct {
		fields []string
		want   *challenge
		text   string
	}{
		"none":                         {nil, nil, ""},
		"unknown":                      {one("Negotiate"), nil, ""},
		"basic":                        {one(`Basic realm="x"`), &challenge{}, ""},
		"bearer":                       {one(`Bearer realm="https://a/",service="b c",scope="d"`), &challenge{true, "https://a/", "b c", "d"}, ""},
		"bearer after basic":           {[]string{"Basic", "BEARER Realm = a , service=b, x=y"}, &challenge{true, "a", "b", ""}, ""},
		"escaped quote":                {one(`Bearer realm="a\"b\\"`), &challenge{true, `a"b\`, "", ""}, ""},
		"as many as may be":            {append(slices.Repeat(one("Negotiate"), maxChallenges-1), "Bearer realm=a"), &challenge{true, "a", "", ""}, ""},
		"O24 too many":                 {slices.Repeat(one("Negotiate"), maxChallenges+1), nil, "sent 17 challenges"},
		"O24 as long as may be":        {one(long[:maxChallenge-1] + `"`), &challenge{true, strings.Repeat("x", maxChallenge-15), "", ""}, ""},
		"O24 too long":                 {one(long[:maxChallenge] + `"`), nil, "of 8193 bytes"},
		"O24 no realm":                 {one(`Bearer service="x"`), nil, "without realm"},
		"O24 realm empty":              {one(`Bearer realm=""`), nil, "without realm"},
		"O24 realm twice":              {one(`Bearer realm="a",Realm="b"`), nil, `"realm" twice`},
		"O24 no value":                 {one(`Bearer realm`), nil, "not key=value"},
		"O24 key of two words":         {one(`Bearer re alm="a"`), nil, "not key=value"},
		"O24 no key":                   {one(`Bearer ="a"`), nil, "not key=value"},
		"O24 no comma":                 {one(`Bearer realm="a" service="b"`), nil, "not key=value"},
		"O24 text after the quote":     {one(`Bearer realm="a"b`), nil, "not key=value"},
		"O24 open quote":               {one(`Bearer realm="a`), nil, "not key=value"},
		"O24 open escape":              {one(`Bearer realm="a\`), nil, "not key=value"},
		"O24 control character quoted": {one("Bearer realm=\"a\x1f\""), nil, "not key=value"},
		"O24 DEL quoted":               {one("Bearer realm=\"a\x7f\""), nil, "not key=value"},
		"O24 control character":        {one("Bearer realm=a\x1f"), nil, "not key=value"},
		"O24 DEL":                      {one("Bearer realm=a\x7f"), nil, "not key=value"},
		"O24 quote within":             {one(`Bearer realm=a"b`), nil, "not key=value"},
		"O24 backslash within":         {one(`Bearer realm=a\b`), nil, "not key=value"},
		"O24 two challenges":           {one(`Bearer realm=a, Basic realm=b`), nil, "not key=value"},
	} {
		got, err := readChallenge(http.Header{"Www-Authenticate": row.fields})
		if row.text != "" {
			if check.Of(err) != check.Net || !strings.Contains(err.Error(), row.text) {
				t.Errorf("%s: got %+v, %v, want check net with %q", name, got, err, row.text)
			}
			continue
		}
		if err != nil || (got == nil) != (row.want == nil) || got != nil && *got != *row.want {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, row.want)
		}
	}
}

// O24: a registry can't choose, by the address of its token server, what a token
// is for.
func TestO24_RealmThatAsksItself(t *testing.T) {
	for query, ok := range map[string]bool{"": true, "?x=y": true, "?scope=a": false, "?service=a": false, "?account=a": false, "?x=y&scope=": false} {
		_, err := tokenRequest(t.Context(), must(url.Parse("https://r.io/token"+query))(t), "s", pull("app"), Credential{})
		if (err == nil) != ok || err != nil && (check.Of(err) != check.Net || !strings.Contains(err.Error(), "want a token server without")) {
			t.Errorf("%q: got %v, want allowed %v", query, err, ok)
		}
	}
}

// A token in an answer that is none counts for nothing.
func TestOC6_TokenServerThatRefuses(t *testing.T) {
	var h *host
	h = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/token" {
			if r.Header.Get("Authorization") != "" {
				t.Errorf("%s %s was sent a token", r.Method, r.URL)
			}
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+h.URL+`/token"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"token":"t"}`)
	}), httptest.NewServer)
	_, err := newClient(t, mine(h)).Resolve(t.Context(), h.name+"/app:1")
	refused(t, err, check.Net)
}

// O23, O24, O25: whatever a registry says, no other host sees credentials.
func TestO23_RealmsOnOtherHosts(t *testing.T) {
	listener := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"token":"t"}`)
	}), httptest.NewServer)
	port := listener.name[strings.LastIndexByte(listener.name, ':'):]
	big := strings.Repeat(`x="y",`, 10000)
	rows := map[string][]string{
		"O23 http on another port":  {`Bearer realm="` + listener.URL + `/token"`},
		"O23 https on another port": {`Bearer realm="https://` + listener.name + `/token"`},
		"O23 mapped address":        {`Bearer realm="https://[::ffff:127.0.0.1]` + port + `/token"`},
		"O23 decimal address":       {`Bearer realm="https://2130706433` + port + `/token"`},
		"O23 name of an address":    {`Bearer realm="https://localhost` + port + `/token"`},
		"O23 link-local":            {`Bearer realm="http://169.254.169.254/token"`},
		"O24 no realm":              {`Bearer service="x"`},
		"O24 realm twice":           {`Bearer realm="https://r.io",realm="` + listener.URL + `"`},
		"O24 open quote":            {`Bearer realm="https://r.io`},
		"O24 many parameters":       {`Bearer ` + big},
		"O24 many challenges":       slices.Repeat([]string{`Negotiate`}, 10000),
		"O24 line break":            {"Bearer realm=\"a\\\x01b\""},
	}
	for name, fields := range rows {
		t.Run(name, func(t *testing.T) {
			listener.forget()
			h := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header()["WWW-Authenticate"] = fields
				w.WriteHeader(http.StatusUnauthorized)
			}), httptest.NewServer)
			_, err := newClient(t, mine(h), func(c *Config) { c.Retries = -1 }).Resolve(t.Context(), h.name+"/app:1")
			refused(t, err, check.Net)
			for _, r := range append(listener.requests(), h.requests()...) {
				if leaks(r) {
					t.Errorf("%s %s was shown credentials", r.Method, r.Host)
				}
			}
		})
	}
}

func TestO24_ScopeInjected(t *testing.T) {
	var h *host
	h = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+h.URL+`/token?scope=repository:other:delete"`)
		w.WriteHeader(http.StatusUnauthorized)
	}), httptest.NewServer)
	_, err := newClient(t, mine(h)).Resolve(t.Context(), h.name+"/app:1")
	refused(t, err, check.Net)
	if got := wanted(&challenge{scope: "repository:other:delete"}, pull("app")); !slices.Equal(got, pull("app")) {
		t.Errorf("O24 got scopes %q, want those of the request", got)
	}
}

func TestO25_TokenServerRedirects(t *testing.T) {
	listener := serve(t, http.NotFoundHandler(), httptest.NewServer)
	var h *host
	h = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			http.Redirect(w, r, listener.URL+"/token", http.StatusTemporaryRedirect)
			return
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+h.URL+`/token"`)
		w.WriteHeader(http.StatusUnauthorized)
	}), httptest.NewServer)
	_, err := newClient(t, mine(h)).Resolve(t.Context(), h.name+"/app:1")
	refused(t, err, check.Net)
	if n := len(listener.requests()); n != 0 {
		t.Errorf("the other host got %d requests, want none", n)
	}
}

func TestOC8_TokenAnswers(t *testing.T) {
	for name, row := range map[string]struct {
		body string
		want check.Check
	}{
		"good":         {`{"token":"t"}`, ""},
		"access token": {`{"access_token":"t"}`, ""},
		"too long":     {`{"token":"` + strings.Repeat("t", maxSmallBody) + `"}`, check.Limit},
		"token long":   {`{"token":"` + strings.Repeat("t", maxToken+1) + `"}`, check.Net},
		"empty":        {`{}`, check.Net},
		"HTML":         {`<html>` + canary, check.Net},
		"line break":   {`{"token":"a\r\nb"}`, check.Net},
		"twice":        {`{"token":"a","token":"b"}`, check.Net},
	} {
		token, err := readToken(strings.NewReader(row.body), "h")
		if check.Of(err) != row.want || (err == nil) != (token != "") {
			t.Errorf("OC-8 %s: got %v, want check %q", name, err, row.want)
		}
		if err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("M3 %s: the answer is repeated in %v", name, err)
		}
	}
}

// O26: the store that delivers blobs gets no credentials, nor does the registry
// when the store sends back to it.
func TestO26_BlobRedirects(t *testing.T) {
	inner := newHost(t)
	plain := newClient(t)
	pushImage(t, plain, inner, "app", "1", "x")
	var h *host
	back := false
	store := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if back {
			http.Redirect(w, r, h.URL+"/back"+r.URL.Path, http.StatusFound)
			return
		}
		inner.Config.Handler.ServeHTTP(w, r)
	}), httptest.NewServer)
	secure := basic(inner.Config.Handler)
	h = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path, ok := strings.CutPrefix(r.URL.Path, "/back"); ok {
			r.URL.Path = path
			inner.Config.Handler.ServeHTTP(w, r)
			return
		}
		if strings.Contains(r.URL.Path, "/blobs/sha256") && r.Method == "GET" && r.Header.Get("Authorization") != "" {
			http.Redirect(w, r, store.URL+r.URL.Path, http.StatusTemporaryRedirect)
			return
		}
		secure.ServeHTTP(w, r)
	}), httptest.NewServer)
	for _, back = range []bool{false, true} {
		c := newClient(t, mine(h))
		a := resolved(t, c, h.name+"/app:1")
		doc := must(a.source.manifest(t.Context(), a.Digest))(t)
		must(read(t.Context(), a.source, *doc.Config, 1000))(t)
		for _, r := range append(store.requests(), h.requests()...) {
			if r.Host != h.name && leaks(r) || strings.HasPrefix(r.URL.Path, "/back") && leaks(r) {
				t.Errorf("O26 %s %s was shown credentials", r.Host, r.URL.Path)
			}
		}
	}
	if len(store.requests()) != 2 {
		t.Errorf("the store got %d requests, want 2", len(store.requests()))
	}
}

func TestO30_UploadElsewhere(t *testing.T) {
	listener := serve(t, http.NotFoundHandler(), httptest.NewServer)
	h := newHost(t)
	h.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		w.Header().Set("Location", listener.URL+"/upload")
		w.WriteHeader(http.StatusAccepted)
		return true
	})
	c := newClient(t)
	_, err := c.repository(h.name, "app").writeBlob(t.Context(), descriptor{Digest: emptyDigest, Size: 2}, nil, inMemory([]byte("{}")))
	refused(t, err, check.OCI)
	if n := len(listener.requests()); n != 0 {
		t.Errorf("the other host got %d requests, want none", n)
	}
}

func TestO28_EntriesByExactHost(t *testing.T) {
	h := newHost(t)
	h.set(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	name, _, _ := strings.Cut(h.name, ":")
	for _, entry := range []string{name, h.name + "0", "x" + h.name, strings.ToUpper(h.name) + "."} {
		c := newClient(t, func(c *Config) { c.Credentials = fixed{entry: {Username: "me", Password: canary}} })
		_, err := c.Resolve(t.Context(), h.name+"/app:1")
		refused(t, err, check.Net)
	}
	for _, r := range h.requests() {
		if leaks(r) {
			t.Error("O28 credentials of another entry were shown")
		}
	}
}

func TestOC7_PlainHTTP(t *testing.T) {
	h := newHost(t)
	pushImage(t, newClient(t), h, "app", "1", "x")
	_, port, _ := strings.Cut(h.name, ":")
	named := "localhost:" + port
	_, err := newClient(t, func(c *Config) { c.Retries = -1 }).Resolve(t.Context(), named+"/app:1")
	refused(t, err, check.Net)
	resolved(t, newClient(t, func(c *Config) { c.AllowHTTP = true }), named+"/app:1")
	resolved(t, newClient(t), h.name+"/app:1")
}

func TestO37_Certificates(t *testing.T) {
	inner := newHost(t)
	pushImage(t, newClient(t), inner, "app", "1", "x")
	h := serve(t, inner.Config.Handler, httptest.NewTLSServer)
	_, err := newClient(t, func(c *Config) { c.Retries = -1 }).Resolve(t.Context(), h.name+"/app:1")
	refused(t, err, check.Net)
	// Plain http being allowed does not make a bad certificate good.
	_, err = newClient(t, func(c *Config) { c.Retries, c.AllowHTTP = -1, true }).Resolve(t.Context(), h.name+"/app:1")
	refused(t, err, check.Net)
	pool := x509.NewCertPool()
	pool.AddCert(h.Certificate())
	resolved(t, newClient(t, func(c *Config) { c.CAs = pool }), h.name+"/app:1")
}

func TestM3_ErrorsRepeatNoSecrets(t *testing.T) {
	h := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `{"errors":[{"code":"DENIED","message":"no %s %s, \u001b[31m"}]}`, canary, r.Header.Get("Authorization"))
	}), httptest.NewServer)
	_, err := newClient(t, mine(h)).Resolve(t.Context(), h.name+"/app:1")
	refused(t, err, check.Net)
	text := err.Error()
	if strings.Contains(text, canary) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte("me:"+canary))) {
		t.Errorf("M3 got %q with credentials", text)
	}
	if strings.Contains(text, "\x1b") || !strings.Contains(text, "DENIED") {
		t.Errorf("N22 got %q, want the code and no control characters", text)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if got := fmt.Sprintf(format, Credential{Password: canary, Identity: canary, Token: canary}); strings.Contains(got, canary) || strings.Contains(got, "63616e617279") {
			t.Errorf("M4 %s prints %q", format, got)
		}
	}
	if got := must(json.Marshal(Credential{Password: canary}))(t); strings.Contains(string(got), canary) {
		t.Errorf("M4 JSON is %s", got)
	}
}

func FuzzChallenge(f *testing.F) {
	f.Add(`Bearer realm="https://r.io/token",service="r.io",scope="repository:a:pull"`)
	f.Add(`Basic realm="x"`)
	f.Add(`Bearer realm=a,x="\""`)
	f.Fuzz(func(t *testing.T, field string) {
		c, err := readChallenge(http.Header{"Www-Authenticate": {field}})
		if err != nil || c == nil || !c.bearer {
			return
		}
		quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace
		again, err := readChallenge(http.Header{"Www-Authenticate": {
			fmt.Sprintf(`Bearer realm="%s", service="%s",scope="%s"`, quote(c.realm), quote(c.service), quote(c.scope))}})
		if err != nil && len(field) < maxChallenge/3 || err == nil && *again != *c {
			t.Fatalf("%q is %+v, written again %+v, %v", field, c, again, err)
		}
	})
}
