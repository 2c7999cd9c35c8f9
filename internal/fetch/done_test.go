package fetch

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

// script answers each request with the next status; 0 closes the connection when the
// request was read.
func script(t *testing.T, statuses ...int) *httptest.Server {
	next := make(chan int, len(statuses))
	for _, s := range statuses {
		next <- s
	}
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		switch s := <-next; s {
		case 0:
			panic(http.ErrAbortHandler)
		case http.StatusSeeOther, http.StatusTemporaryRedirect:
			http.Redirect(w, r, "/elsewhere", s)
		default:
			w.WriteHeader(s)
		}
	})
}

func post(ctx context.Context, c *Client) (*Response, error) {
	return c.Do(ctx, Request{Method: "POST", Body: []byte("{}"), MaxBody: 1 << 10, Idempotent: true, AcceptStatus: []int{409}})
}

func TestSG11_NotDone_Answers(t *testing.T) {
	for _, tt := range []struct {
		name     string
		statuses []int
		want     bool
	}{
		{"400", []int{400}, true},
		{"429 at each attempt", []int{429, 429, 429}, true},
		{"redirect", []int{307}, true},
		{"redirect to what came of it", []int{303}, false},
		{"500", []int{500, 500, 500}, false},
		{"503 once, then 400", []int{503, 400}, false},
		{"no answer", []int{0, 0, 0}, false},
		{"no answer once, then 400", []int{0, 400}, false},
		{"no answer once, then 429", []int{0, 429, 429}, false},
	} {
		_, err := post(t.Context(), client(t, script(t, tt.statuses...).URL, Config{Retries: 2}))
		if err == nil || NotDone(err) != tt.want {
			t.Errorf("%s: got %v, not done %v, want %v", tt.name, err, NotDone(err), tt.want)
		}
	}
}

func TestSG11_Repeated(t *testing.T) {
	for _, tt := range []struct {
		name     string
		statuses []int
		want     bool
	}{
		{"at once", []int{200}, false},
		{"after 429", []int{429, 200}, false},
		{"after 502", []int{502, 200}, true},
		{"after no answer", []int{0, 409}, true},
	} {
		res, err := post(t.Context(), client(t, script(t, tt.statuses...).URL, Config{Retries: 2}))
		if err != nil || res.Repeated != tt.want {
			t.Errorf("%s: got %+v, %v, want repeated %v", tt.name, res, err, tt.want)
		}
	}
}

func TestSG11_NotDone_Connections(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	l.Close()
	unknown := httptest.NewUnstartedServer(http.NotFoundHandler())
	unknown.Config.ErrorLog = log.New(io.Discard, "", 0)
	unknown.StartTLS()
	t.Cleanup(unknown.Close)
	for _, tt := range []struct {
		name string
		base string
		c    Config
		want bool
	}{
		{"nobody listens", closed, Config{Retries: 1}, true},
		{"certificate of nobody known", unknown.URL, Config{}, true},
		{"transport that does not say what it wrote", "https://a.example", Config{Transport: refuse{}}, false},
	} {
		_, err := post(t.Context(), client(t, tt.base, tt.c))
		if err == nil || NotDone(err) != tt.want {
			t.Errorf("%s: got %v, not done %v, want %v", tt.name, err, NotDone(err), tt.want)
		}
	}
	if _, err := (Offline{}).Do(t.Context(), Request{}); !NotDone(err) {
		t.Errorf("offline: got %v", err)
	}
}

func TestSG11_NotDone_Stopped(t *testing.T) {
	why := errors.New("stopped by the user")
	before, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if _, err := post(before, client(t, script(t).URL, Config{})); !NotDone(err) {
		t.Errorf("before it was sent: got %v, want one that says that nothing was done", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		cancel(why)
		<-r.Context().Done()
	})
	if _, err := post(ctx, client(t, s.URL, Config{})); err == nil || NotDone(err) || check.Of(err) != check.Net || !errors.Is(err, why) {
		t.Errorf("after it was sent: got %v", err)
	}
}
