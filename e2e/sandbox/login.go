package sandbox

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Login does what a person with a browser does: opens the URL, fills in the
// form on the page it leads to, and follows the redirects until the waiting
// program's page appears. It serves the device flow too: then the URL is the
// complete verification URI.
//
// It knows the form of the sandbox only, and needs no running Sandbox value,
// so that a program of its own can be somebody's browser.
func Login(ctx context.Context, start, email string) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	browser := &http.Client{Jar: jar, Timeout: 30 * time.Second}
	page, body, err := visit(ctx, browser, http.MethodGet, start, nil)
	if err != nil {
		return err
	}
	action, fields, err := readForm(body)
	if err != nil {
		return fmt.Errorf("login page: %w", err)
	}
	target, err := page.Parse(action)
	if err != nil {
		return err
	}
	fields.Set("email", email)
	_, _, err = visit(ctx, browser, http.MethodPost, target.String(), fields)
	return err
}

// visit loads a page, following redirects, and says where it ended.
func visit(ctx context.Context, browser *http.Client, method, at string, fields url.Values) (*url.URL, string, error) {
	r, err := http.NewRequestWithContext(ctx, method, at, strings.NewReader(fields.Encode()))
	if err != nil {
		return nil, "", err
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := browser.Do(r)
	if err != nil {
		return nil, "", redact(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, "", err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, "", fmt.Errorf("%s%s: %s: %s", resp.Request.URL.Host, resp.Request.URL.Path, resp.Status, strings.TrimSpace(string(body)))
	}
	return resp.Request.URL, string(body), nil
}

// redact drops the query of the address in an error: codes live there.
func redact(err error) error {
	var where *url.Error
	if errors.As(err, &where) {
		at, _, _ := strings.Cut(where.URL, "?")
		return fmt.Errorf("%s: %w", at, where.Err)
	}
	return err
}

var (
	formTag  = regexp.MustCompile(`<form method="post" action="([^"]*)">`)
	inputTag = regexp.MustCompile(`<input (?:type="hidden" )?name="([^"]*)" value="([^"]*)"`)
)

func readForm(page string) (action string, fields url.Values, err error) {
	tag := formTag.FindStringSubmatch(page)
	if tag == nil {
		return "", nil, errors.New("there is no form")
	}
	fields = url.Values{}
	for _, in := range inputTag.FindAllStringSubmatch(page, -1) {
		fields.Set(html.UnescapeString(in[1]), html.UnescapeString(in[2]))
	}
	return html.UnescapeString(tag[1]), fields, nil
}

// Login logs a person in at the given authorization URL; see the function.
func (s *Sandbox) Login(ctx context.Context, authURL, email string) error {
	return Login(ctx, authURL, email)
}
