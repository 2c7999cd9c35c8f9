package tuf

import (
	"testing"
	"time"
)

func TestTU_HappyPath(t *testing.T) {
	r, c := newRepo(t), &clock{day}
	dir := t.TempDir()
	cl := client(t, r.config(dir, c))
	root, err := cl.Root(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(root.Logs) != 2 || len(cl.Warnings()) != 0 {
		t.Fatalf("got %d logs, warnings %q", len(root.Logs), cl.Warnings())
	}
	if _, err := cl.Services(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := cl.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Source != "network" || len(s.Roles) != 4 || s.RootThreshold != 2 || len(s.RootKeys) != 3 || len(s.Targets) != 2 || s.Expired != nil {
		t.Fatalf("got %+v", s)
	}

	t.Run("TU-15 young cache asks nothing", func(t *testing.T) {
		c.now = c.now.Add(23 * time.Hour)
		cfg := r.config(dir, c)
		cfg.HTTP = noNetwork{t}
		if err := fetchRoot(t, cfg); err != nil {
			t.Fatal(err)
		}
		cl := client(t, cfg)
		s, err := cl.Status(t.Context())
		if err != nil || s.Source != "cache" || s.Age != 23*time.Hour {
			t.Fatalf("got %+v, %v", s, err)
		}
	})
	t.Run("TU-15 old cache is refreshed", func(t *testing.T) {
		c.now = day.Add(25 * time.Hour)
		r.requests = nil
		if err := fetchRoot(t, r.config(dir, c)); err != nil {
			t.Fatal(err)
		}
		if len(r.requests) != 2 { // 2.root.json and timestamp.json
			t.Fatalf("asked for %q, want two files", r.requests)
		}
	})
}
