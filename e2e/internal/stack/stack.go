// Package stack runs a whole Sigstore in one process, on the loopback
// interface: the real Fulcio, TesseraCT, Rekor v2, Rekor v1 (with Trillian) and
// timestamp authority as libraries, two OpenID providers, a TUF repository and
// an OCI registry.
//
// Three of the servers live on global state, so there is one stack for each
// process. It is for tests and trials: everyone is who they say they are.
package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	prototrust "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"

	"github.com/hallmarksign/hallmark/e2e/internal/wire"
)

// A Stack is a running Sigstore.
type Stack struct {
	setup     wire.Setup
	keys      keyring
	listeners map[wire.Service]net.Listener
	servers   []*http.Server
	urls      map[wire.Service]string
	stopCT    func(context.Context) error
	rekor     *rekorServer
	rekor1    *rekor1Server
	other     *rekor1Process // nil unless there is a second operator
}

// state is what a folder remembers besides keys and logs.
type state struct {
	Since     time.Time               `json:"since"`
	Addresses map[wire.Service]string `json:"addresses"`
}

// Listen takes the ports, the ones of the last time when they are free.
func Listen(setup wire.Setup) (*Stack, error) {
	if setup.CheckpointInterval == 0 {
		setup.CheckpointInterval = 200 * time.Millisecond
	}
	if setup.TimestampLife == 0 {
		setup.TimestampLife = 30 * 24 * time.Hour
	}
	dir, err := filepath.Abs(setup.Dir)
	if err != nil {
		return nil, err
	}
	setup.Dir = dir
	s := &Stack{setup: setup, keys: keyring{filepath.Join(dir, "keys")}, listeners: map[wire.Service]net.Listener{}, urls: map[wire.Service]string{}}
	if err := os.MkdirAll(s.keys.dir, 0o700); err != nil {
		return nil, err
	}
	before, err := s.load()
	if err != nil {
		return nil, err
	}
	for _, service := range setup.Services() {
		l, err := listen(before.Addresses[service])
		if err != nil {
			s.closeListeners()
			return nil, err
		}
		s.listeners[service] = l
		s.urls[service] = "http://" + l.Addr().String()
	}
	before.Addresses = s.Addresses()
	maps.Copy(s.urls, setup.Public)
	return s, s.save(before)
}

// listen takes an address of before if it is free, or any on the loopback interface.
func listen(before string) (net.Listener, error) {
	if strings.HasPrefix(before, "127.0.0.1:") {
		if l, err := net.Listen("tcp", before); err == nil {
			return l, nil
		}
	}
	return net.Listen("tcp", "127.0.0.1:0")
}

// Addresses says where each server listens.
func (s *Stack) Addresses() map[wire.Service]string {
	out := map[wire.Service]string{}
	for service, l := range s.listeners {
		out[service] = l.Addr().String()
	}
	return out
}

func (s *Stack) path(elem ...string) string {
	return filepath.Join(append([]string{s.setup.Dir}, elem...)...)
}

func (s *Stack) load() (*state, error) {
	st := &state{Since: time.Now().UTC().Truncate(time.Second).Add(-time.Hour)}
	data, err := os.ReadFile(s.path("state.json"))
	if errors.Is(err, os.ErrNotExist) {
		return st, nil
	}
	if err != nil {
		return nil, err
	}
	return st, json.Unmarshal(data, st)
}

func (s *Stack) save(st *state) error {
	data, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(s.path("state.json"), data, 0o600)
}

// Start runs all servers and returns when all of them answer.
func (s *Stack) Start(ctx context.Context) (*wire.Info, error) {
	begin := time.Now()
	quiet()
	st, err := s.load()
	if err != nil {
		return nil, err
	}
	ca, err := s.keys.fulcioCA()
	if err != nil {
		return nil, err
	}
	// Rekor v2 is last: it reads the global configuration that the others write.
	logs, err := s.startRekor1()
	if err != nil {
		return nil, err
	}
	stamps, err := s.startTSA()
	if err != nil {
		return nil, err
	}
	if err := s.startLogs(ctx, ca); err != nil {
		return nil, err
	}
	token, err := s.startIssuers()
	if err != nil {
		return nil, err
	}
	issuers := map[string]string{s.urls[wire.OIDC]: "email", s.urls[wire.Actions]: "github-workflow"}
	maps.Copy(issuers, s.setup.Issuers)
	authority, err := fulcio(ctx, ca, s.urls[wire.CTLog], issuers)
	if err != nil {
		return nil, err
	}
	s.serve(wire.Fulcio, authority)
	s.serve(wire.Registry, registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(devNull{}, "", 0))))

	info := &wire.Info{PID: os.Getpid(), URLs: s.urls, Dir: s.setup.Dir, ActionsToken: token, ActionsURL: s.urls[wire.Actions] + actionsPath}
	if err := s.publish(info, anchors{fulcio: ca, tsa: stamps, rekor1: logs, since: st.Since}); err != nil {
		return nil, err
	}
	if err := s.rekor.ready(ctx, s.path("rekor", "checkpoint")); err != nil {
		return nil, err
	}
	info.Millis = time.Since(begin).Milliseconds()
	return info, nil
}

func (s *Stack) startLogs(ctx context.Context, ca *authority) error {
	if _, err := s.keys.ed("rekor"); err != nil {
		return err
	}
	var err error
	if s.rekor, err = rekor(s.path("rekor"), s.keys.path("rekor"), s.setup.CheckpointInterval); err != nil {
		return err
	}
	s.serve(wire.Rekor, s.rekor)
	key, err := s.keys.ec("ctlog")
	if err != nil {
		return err
	}
	handler, stop, err := ctlog(ctx, s.path("ctlog"), key, s.keys.path("fulcio-root"))
	if err != nil {
		return err
	}
	s.stopCT = stop
	s.serve(wire.CTLog, handler)
	return nil
}

func (s *Stack) startTSA() (*authority, error) {
	stamps, err := s.keys.tsaChain()
	if err != nil {
		return nil, err
	}
	chain := s.keys.path("tsa-chain")
	if err := writeChain(chain, stamps.chain...); err != nil {
		return nil, err
	}
	handler, err := tsa(s.keys.path("tsa-key"), chain)
	if err != nil {
		return nil, err
	}
	s.serve(wire.TSA, handler)
	return stamps, nil
}

func (s *Stack) startIssuers() (token string, err error) {
	people, err := s.keys.ec("oidc")
	if err != nil {
		return "", err
	}
	handler, err := provider(s.urls[wire.OIDC], people)
	if err != nil {
		return "", err
	}
	s.serve(wire.OIDC, handler)
	workflows, err := s.keys.ec("actions")
	if err != nil {
		return "", err
	}
	token = randomID()
	s.serve(wire.Actions, actions(s.urls[wire.Actions], workflows, token))
	return token, nil
}

// publish writes what verifiers and signers need, as files and over TUF.
func (s *Stack) publish(info *wire.Info, a anchors) error {
	rekorKey, err := s.keys.ed("rekor")
	if err != nil {
		return err
	}
	ctKey, err := s.keys.ec("ctlog")
	if err != nil {
		return err
	}
	a.rekor, a.ctlog = rekorKey.Public(), ctKey.Public()
	trusted, err := trustedRoot(a, s.urls)
	if err != nil {
		return err
	}
	var logs []*prototrust.Service
	for _, l := range a.rekor1 {
		logs = append(logs, entrance(l.url, 1, l.operator, a.since))
	}
	first, err := signingConfig(s.urls, logs, a.since)
	if err != nil {
		return err
	}
	logs = append(logs, entrance(s.urls[wire.Rekor], 2, operator, a.since))
	services, err := signingConfig(s.urls, logs, a.since)
	if err != nil {
		return err
	}
	if s.setup.FirstGeneration {
		services = first
	}
	repo := tufRepo{dir: s.path("tuf"), keys: s.keys, life: s.setup.TimestampLife}
	if err := repo.publish(map[string][]byte{"trusted_root.json": trusted, "signing_config.v0.2.json": services}); err != nil {
		return err
	}
	s.serve(wire.TUF, http.FileServerFS(os.DirFS(repo.dir)))

	info.TUFRoot = filepath.Join(repo.dir, "1.root.json")
	info.TrustedRoot, info.SigningConfig = s.path("trusted_root.json"), s.path("signing_config.json")
	info.Rekor1Config = s.path("signing_config.rekor1.json")
	return errors.Join(os.WriteFile(info.TrustedRoot, trusted, 0o644), os.WriteFile(info.SigningConfig, services, 0o644),
		os.WriteFile(info.Rekor1Config, first, 0o644))
}

func (s *Stack) serve(service wire.Service, h http.Handler) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(devNull{}, "", 0)}
	s.servers = append(s.servers, server)
	go server.Serve(s.listeners[service])
}

// Close ends all servers in order. Rekor ends on a signal only, so this
// process gets one; the caller must have taken SIGTERM with signal.Notify.
func (s *Stack) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	var errs []error
	for _, server := range s.servers {
		if err := server.Shutdown(ctx); err != nil {
			errs = append(errs, server.Close())
		}
	}
	s.closeListeners()
	if s.rekor1 != nil {
		s.rekor1.close()
	}
	if s.other != nil {
		errs = append(errs, s.other.end())
	}
	if s.stopCT != nil {
		errs = append(errs, s.stopCT(ctx))
	}
	if s.rekor != nil {
		errs = append(errs, syscall.Kill(os.Getpid(), syscall.SIGTERM))
		select {
		case <-s.rekor.done:
		case <-ctx.Done():
			errs = append(errs, fmt.Errorf("rekor does not end: %w", ctx.Err()))
		}
	}
	return errors.Join(errs...)
}

func (s *Stack) closeListeners() {
	for _, l := range s.listeners {
		l.Close()
	}
}

type devNull struct{}

func (devNull) Write(b []byte) (int, error) { return len(b), nil }
