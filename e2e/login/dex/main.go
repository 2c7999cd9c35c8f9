// Command dex is an OpenID provider for the browser tests, of the make that
// Sigstore's own issuer is: people with passwords behind one connector, and
// another that lets everybody in. It prints its issuer in one line and ends with
// its standard input. It is a module of its own for the sake of its many
// dependencies.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/dexidp/dex/server"
	"github.com/dexidp/dex/server/signer"
	"github.com/dexidp/dex/storage"
	"github.com/dexidp/dex/storage/memory"
	"golang.org/x/crypto/bcrypt"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "dex:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	issuer := "http://" + listener.Addr().String()
	provider, err := newProvider(ctx, issuer)
	if err != nil {
		return err
	}
	s := &http.Server{Handler: escapedOnce(provider), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		s.Close()
	}()
	fmt.Println(issuer)
	if err := s.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// escapedOnce mends the way to a connector whose name is a URL: dex escapes it
// twice when it sends a browser there, and undoes it once.
func escapedOnce(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw := strings.ReplaceAll(r.URL.EscapedPath(), "%25", "%")
		if path, err := url.PathUnescape(raw); err == nil {
			r.URL.Path, r.URL.RawPath = path, raw
		}
		next.ServeHTTP(w, r)
	})
}

func newProvider(ctx context.Context, issuer string) (http.Handler, error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	store, err := people(ctx, memory.New(log))
	if err != nil {
		return nil, err
	}
	keys, err := (&signer.LocalConfig{KeysRotationPeriod: "6h"}).Open(ctx, store, time.Hour, time.Now, log)
	if err != nil {
		return nil, err
	}
	keys.Start(ctx)
	refresh, err := server.NewRefreshTokenPolicy(log, false, "", "", "")
	if err != nil {
		return nil, err
	}
	return server.NewServer(ctx, server.Config{
		Issuer:             issuer,
		Storage:            store,
		Signer:             keys,
		RefreshTokenPolicy: refresh,
		SkipApprovalScreen: false,
		IDTokensValidFor:   time.Minute,
		Logger:             log,
	})
}

// people fills the store: a public client without addresses to return to, which
// stands for any port of the loopback interface, a person, and two ways in. The
// name of the second is a URL, as in Sigstore's.
func people(ctx context.Context, s storage.Storage) (storage.Storage, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte("any password"), bcrypt.DefaultCost)
	if err != nil {
		return nil, err
	}
	everybody, err := json.Marshal(map[string]string{})
	if err != nil {
		return nil, err
	}
	return s, errors.Join(
		s.CreateClient(ctx, storage.Client{ID: "sigstore", Name: "sigstore", Public: true}),
		s.CreatePassword(ctx, storage.Password{Email: "bob@example.com", Hash: hash, Username: "bob", UserID: "1"}),
		s.CreateConnector(ctx, storage.Connector{ID: server.LocalConnector, Type: server.LocalConnector, Name: "Password"}),
		s.CreateConnector(ctx, storage.Connector{ID: "https://accounts.google.com", Type: "mockCallback", Name: "Google", Config: everybody}),
	)
}
