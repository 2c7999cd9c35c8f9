package oidc

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// A template computes the subject alternative name that Fulcio gives to tokens
// of one kind of issuer; ok is false if a claim is missing, which Fulcio
// refuses.
type template func(c claims) (san string, ok bool)

var (
	gitlabIssuers = []string{
		"https://gitlab.com", "https://gitlab.archlinux.org", "https://dev.gitlab.org", "https://ops.gitlab.net",
	}
	buddyIssuers = []string{
		"https://oidc.buddyusercontent.com", "https://eu-oidc.buddyusercontent.com", "https://asia-oidc.buddyusercontent.com",
		"https://dev-oidc.buddyusercontent.com", "https://psd-oidc.buddyusercontent.com", "https://stage-oidc.buddyusercontent.com",
	}
	// Issuers of clusters, with a region, account or project in their URLs.
	clusterIssuer = `^(https://container\.googleapis\.com/v1/projects/[^/]+/locations/[^/]+/clusters/[^/]+` +
		`|https://oidc\.eks\.[^/]+\.amazonaws\.com/id/[^/]+` +
		`|https://oidc\.prod-aks\.azure\.com/[^/]+(/[^/]+)?/?` +
		`|https://[^/]+\.oic\.prod-aks\.azure\.com/[^/]+/[^/]+/?)$`
)

// pipeline returns the template of an issuer of pipeline or machine identities,
// nil for any other. The table is config/identity/config.yaml of the public
// Fulcio.
func pipeline(issuer string) template {
	const github = "https://token.actions.githubusercontent.com"
	const circle = "https://oidc.circleci.com"
	switch {
	case issuer == github || strings.HasPrefix(issuer, github+"/"):
		return join("https://github.com/", "{job_workflow_ref}")
	case slices.Contains(gitlabIssuers, issuer):
		return join("https://", "{ci_config_ref_uri}")
	case issuer == "https://agent.buildkite.com":
		return join("https://buildkite.com/", "{organization_slug}", "/", "{pipeline_slug}")
	case issuer == "https://oidc.codefresh.io":
		return withBase("platform_url", "https://g.codefresh.io",
			"/", "{account_name}", "/", "{pipeline_name}", ":", "{account_id}", "/", "{pipeline_id}")
	case issuer == circle || strings.HasPrefix(issuer, circle+"/org/"):
		return withBase("api_url", "https://circleci.com/api/v2",
			"/projects/", "{oidc.circleci.com/project-id}", "/pipeline-definitions/", "{oidc.circleci.com/pipeline-definition-id}")
	case slices.Contains(buddyIssuers, issuer):
		return withBase("base_url", "https://app.buddy.works",
			"/", "{workspace_domain}", "/", "{project_name}", "/pipelines/pipeline/", "{pipeline_id}")
	case issuer == "https://issuer.enforce.dev":
		return join(issuer, "/", "{sub}")
	case regexp.MustCompile(clusterIssuer).MatchString(issuer):
		return serviceAccount
	}
	return nil
}

// pipelineLike returns the name that a private Fulcio would give to a token that
// has the claims of GitHub Actions or GitLab CI but another issuer, such as an
// enterprise server; "" if it has none.
func pipelineLike(c claims) string {
	for _, t := range []template{join("https://github.com/", "{job_workflow_ref}"), join("https://", "{ci_config_ref_uri}")} {
		if name, ok := t(c); ok {
			return name
		}
	}
	return ""
}

// join concatenates parts; one in braces is the claim of that name.
func join(parts ...string) template {
	return func(c claims) (string, bool) {
		var b strings.Builder
		for _, p := range parts {
			if strings.HasPrefix(p, "{") {
				if p = c.plain(strings.Trim(p, "{}")); p == "" {
					return "", false
				}
			}
			b.WriteString(p)
		}
		return asURI(b.String())
	}
}

// withBase is join after a base that a claim may replace.
func withBase(claim, base string, parts ...string) template {
	return func(c claims) (string, bool) {
		return join(append([]string{cmp.Or(c.plain(claim), base)}, parts...)...)(c)
	}
}

func serviceAccount(c claims) (string, bool) {
	var k struct {
		Namespace      string `json:"namespace"`
		ServiceAccount struct {
			Name string `json:"name"`
		} `json:"serviceaccount"`
	}
	if !c.into("kubernetes.io", &k) || k.Namespace == "" || k.ServiceAccount.Name == "" {
		return "", false
	}
	return asURI("https://kubernetes.io/namespaces/" + k.Namespace + "/serviceaccounts/" + k.ServiceAccount.Name)
}

// asURI writes s as a certificate will: Fulcio parses the name and the URL is
// encoded again, which escapes characters outside ASCII.
func asURI(s string) (string, bool) {
	u, err := url.Parse(s)
	if err != nil {
		return "", false
	}
	return u.String(), true
}
