package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/hallmarksign/hallmark/oci"
)

// registryFlags say how registries are spoken to.
type registryFlags struct {
	ca, cert, key string
	allowHTTP     bool
	repository    string
	tokenHosts    []string
}

func (r *registryFlags) register(f *pflag.FlagSet) {
	f.StringVar(&r.ca, "registry-ca", "", "trust the certificate authorities in this PEM `FILE` for registries")
	f.StringVar(&r.cert, "registry-cert", "", "show registries the certificate in this PEM `FILE`")
	f.StringVar(&r.key, "registry-key", "", "PEM `FILE` with the key of --registry-cert")
	f.BoolVar(&r.allowHTTP, "allow-http-registry", false, "use registries that speak no https")
	f.StringVar(&r.repository, "signature-repository", "", "keep signatures in this `REPOSITORY` instead of beside the image")
	f.StringArrayVar(&r.tokenHosts, "registry-token-host", nil, "`REGISTRY=HOST`: this host may be given the credentials of that registry")
}

// client returns a client with the credentials of the user.
func (r *registryFlags) client(e *env) (*oci.Client, error) {
	if file := e.getenv("REGISTRY_AUTH_FILE"); file != "" && !exists(file) {
		return nil, usage("REGISTRY_AUTH_FILE is %q, which does not exist", file)
	}
	config := oci.Config{
		Credentials: oci.AuthFiles{Paths: oci.AuthPaths(e.getenv), Environ: os.Environ()},
		AllowHTTP:   r.allowHTTP, UserAgent: userAgent(), SignatureRepository: r.repository, Now: e.now,
		TokenHosts: map[string][]string{},
	}
	if r.ca != "" {
		pem, err := readBounded(r.ca, 1<<20)
		if err != nil {
			return nil, err
		}
		config.CAs = x509.NewCertPool()
		if !config.CAs.AppendCertsFromPEM(pem) {
			return nil, usage("--registry-ca %q holds no certificate in PEM", r.ca)
		}
	}
	if (r.cert == "") != (r.key == "") {
		return nil, usage("--registry-cert and --registry-key go together")
	}
	if r.cert != "" {
		pair, err := tls.LoadX509KeyPair(r.cert, r.key)
		if err != nil {
			return nil, usage("--registry-cert %q: %v", r.cert, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	for _, pair := range r.tokenHosts {
		registry, host, ok := strings.Cut(pair, "=")
		if !ok || registry == "" || host == "" {
			return nil, usage("--registry-token-host is %q, want REGISTRY=HOST", pair)
		}
		config.TokenHosts[registry] = append(config.TokenHosts[registry], host)
	}
	return oci.New(config), nil
}

// sayUsed says which credentials the registries were shown.
func sayUsed(e *env, c *oci.Client) {
	for _, u := range c.Used() {
		fmt.Fprintf(e.stderr, "credentials for %s: %s\n", printable(u.Registry, 256), printable(u.Source, 1024))
	}
	warnUsed(e, c)
}

// warnUsed says what is wrong with the files that they come from.
func warnUsed(e *env, c *oci.Client) {
	for _, u := range c.Used() {
		if u.Note != "" {
			fmt.Fprintf(e.stderr, "hallmark: warning: %s\n", printable(u.Note, 1024))
		}
	}
}

// isImage reports whether an argument means an image. What exists as a file is a
// file; docker: and oci: say so; else a registry or a digest in it does.
func isImage(arg string) bool {
	switch {
	case strings.HasPrefix(arg, "docker://"), strings.HasPrefix(arg, "oci:"):
		return true
	case arg == "-" || exists(arg):
		return false
	}
	first, _, found := strings.Cut(arg, "/")
	registry := found && (strings.ContainsAny(first, ".:") && !strings.HasPrefix(first, ".") || first == "localhost")
	return registry || strings.Contains(arg, "@sha256:")
}

// likeImage reports whether an argument that is no file may be the name of an image
// as Docker takes it, without a registry.
func likeImage(arg string) bool {
	if strings.HasPrefix(arg, ".") || filepath.IsAbs(arg) || strings.ContainsAny(arg, " \\") {
		return false
	}
	return strings.Contains(arg, ":") || strings.Contains(arg, "/") && filepath.Ext(arg) == ""
}

// reference returns the image name of an argument.
func reference(arg string) string { return strings.TrimPrefix(arg, "docker://") }

// images reports whether the arguments are images; files and images in one
// command are refused.
func images(args []string) (bool, error) {
	var files, found []string
	for _, a := range args {
		if isImage(a) {
			found = append(found, a)
		} else {
			files = append(files, a)
		}
	}
	if len(files) > 0 && len(found) > 0 {
		return false, usage("%q is an image and %q is a file: one command takes one kind", found[0], files[0])
	}
	return len(found) > 0, nil
}

// storages are the values of --storage.
var storages = map[string]oci.Storage{"referrers": oci.Referrers, "tags": oci.Tags, "both": oci.Both}

func storage(name string) (oci.Storage, error) {
	if s, ok := storages[name]; ok {
		return s, nil
	}
	return 0, usage("--storage is %q, want one of %s", name, strings.Join(slices.Sorted(maps.Keys(storages)), ", "))
}

// storageName is the value of --storage for a storage.
func storageName(s oci.Storage) string {
	for name, known := range storages {
		if known == s {
			return name
		}
	}
	return ""
}

// annotations reads key=value pairs.
func annotations(pairs []string) (map[string]string, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	m := map[string]string{}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, usage("--annotation is %q, want KEY=VALUE", pair)
		}
		if _, twice := m[key]; twice {
			return nil, usage("annotation %q is given twice", key)
		}
		m[key] = value
	}
	return m, nil
}
