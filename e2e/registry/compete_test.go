package registry

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/hallmarksign/hallmark/e2e/internal/cli"
)

const publishers = 8

// Publishers with programs of their own sign one image at once, where the
// listing of what belongs to it is a document that each of them rewrites: none
// is lost.
func TestCompete_NobodyIsLost(t *testing.T) {
	s := newScene(t)
	homes := make([]*cli.Hallmark, publishers)
	for i := range homes {
		dir := t.TempDir()
		h, err := cli.New(t.Context(), s.hallmark.Binary, dir, s.Sandbox)
		if err != nil {
			t.Fatal(err)
		}
		homes[i] = h.With("DOCKER_CONFIG=" + s.hallmark.Dir)
	}
	runs := 2
	if text := os.Getenv("HALLMARK_RUNS"); text != "" {
		var err error
		if runs, err = strconv.Atoi(text); err != nil || runs < 1 {
			t.Fatalf("HALLMARK_RUNS is %q, want a number", text)
		}
	}
	hosts := []*host{s.open(t, plainTags), s.open(t, distribution)}
	for run := range runs {
		t.Run(fmt.Sprintf("run %d", run+1), func(t *testing.T) {
			h := hosts[run%len(hosts)]
			repository := fmt.Sprintf("app%d", run)
			digest, _ := s.push(t, h, repository+":1", 1)
			s.compete(t, homes, h, repository)
			if n := len(s.bundles(t, h, repository, digest)); n != publishers {
				t.Errorf("%d signatures are attached, want %d", n, publishers)
			}
			out := s.run(t, 0, "image", "download", h.name+"/"+repository+":1").Stdout
			if n := strings.Count(out, "\n"); n != publishers {
				t.Errorf("%d signatures are downloaded, want %d", n, publishers)
			}
			for i := range homes {
				s.accepted(t, h, repository, digest, publisher(i))
			}
			s.verify(t, 0, publisher(run%publishers), h.name+"/"+repository+":1")
			s.made(t, publishers, publishers)
		})
	}
}

func publisher(i int) string { return fmt.Sprintf("publisher%d@example.com", i) }

func (s *scene) compete(t *testing.T, homes []*cli.Hallmark, h *host, repository string) {
	t.Helper()
	tokens := make([]string, len(homes))
	for i := range homes {
		tokens[i] = s.path(s.token(t, publisher(i)))
	}
	g, ctx := errgroup.WithContext(t.Context())
	for i, home := range homes {
		g.Go(func() error {
			r, err := home.Run(ctx, "sign", h.name+"/"+repository+":1", "--no-recursive", "--yes",
				"--identity-token", tokens[i], "--registry-ca", s.path("ca.pem"))
			if err != nil {
				return err
			}
			return r.Want(0)
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}
